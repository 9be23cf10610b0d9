//! The sequences of the records, read beside their masks: their lengths, and a copy in which the
//! case tells what is read.

use std::collections::VecDeque;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::NewFile;
use readlens_stage::Context;
use readlens_text::{Bytes, MAX_IDENTIFIER_BYTES, Tap, open};

use crate::stretch::Stretch;

/// Bases on a line of the copy.
const COLUMNS: usize = 60;
/// Longest header, in bytes.
const MAX_HEADER_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Streams FASTA files in constant memory, whatever the length of a record.
pub(crate) struct Sequences<'a> {
    files: VecDeque<PathBuf>,
    file: Option<File>,
    copy: Option<NewFile>,
    context: &'a Context,
}

struct File {
    bytes: Bytes,
    tap: Tap,
    /// Ordinal of the record read last, from 1.
    ordinal: u64,
}

impl<'a> Sequences<'a> {
    /// Begins the first file; the copy is written to `masked`, if wanted.
    pub(crate) fn open(
        files: &[PathBuf],
        masked: Option<&Path>,
        context: &'a Context,
    ) -> Result<Self> {
        let copy = masked.map(NewFile::create).transpose()?;
        Ok(Self { files: files.to_vec().into(), file: None, copy, context })
    }

    /// Goes on to the record `id` and gives its length in bases; none if it does not come.
    ///
    /// It is copied with the bases of `read`, which are in their order, in upper case, and the
    /// records before it in lower case.
    ///
    /// # Errors
    /// A file cannot be read or is not FASTA, the record ends before `end` or has gaps, or the
    /// copy cannot be written.
    pub(crate) fn find(&mut self, id: &str, end: u32, read: &[Stretch]) -> Result<Option<u32>> {
        while let Some(header) = self.next_header()? {
            if identifier(&header) != id.as_bytes() {
                self.copy_record(&header, None)?;
                continue;
            }
            let length = self.copy_record(&header, Some(read))?;
            if length < end {
                return Err(self
                    .fault(&header)
                    .expected(format!("{end} bases or more, as the windows of the masks have"))
                    .found(length)
                    .remedy("pass the sequences that were tokenized")
                    .into());
            }
            return Ok(Some(length));
        }
        Ok(None)
    }

    /// Copies the records that are left, and gives the copy.
    pub(crate) fn finish(mut self) -> Result<Option<NewFile>> {
        if self.copy.is_some() {
            while let Some(header) = self.next_header()? {
                self.copy_record(&header, None)?;
            }
        }
        Ok(self.copy)
    }

    /// The header of the next record, without what marks it.
    fn next_header(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(file) = &mut self.file {
                if let Some(header) = file.next_header()? {
                    return Ok(Some(header));
                }
                self.file = None;
            }
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            self.file = Some(File::open(&path)?);
        }
    }

    /// Reads a record to its end; `read`: what of it is read, where it has masks.
    fn copy_record(&mut self, header: &[u8], read: Option<&[Stretch]>) -> Result<u32> {
        let Some(File { bytes, tap, ordinal }) = &mut self.file else { return Ok(0) };
        let fault = || fault_about(tap, *ordinal, header);
        if let Some(copy) = &mut self.copy {
            copy.put(b">")?;
            copy.put(header)?;
            copy.put(b"\n")?;
        }
        let mut stretches = read.unwrap_or_default().iter().peekable();
        let (mut length, mut column, mut is_line_start) = (0_u32, 0, true);
        let mut text = Vec::new();
        loop {
            self.context.check_interrupt("nothing was written; start again")?;
            let here = bytes.fill_buf().map_err(|e| tap.fault_of(e))?;
            let mut taken = 0;
            let mut is_end = here.is_empty();
            text.clear();
            for &byte in here {
                if is_line_start && byte == b'>' {
                    is_end = true;
                    break;
                }
                taken += 1;
                is_line_start = byte == b'\n';
                match byte {
                    b'\n' | b'\r' => continue,
                    b'-' | b'.' if read.is_some() => {
                        return Err(fault()
                            .expected("a sequence without gaps, as masks may not count them")
                            .found(format!("{:?}", char::from(byte)))
                            .remedy(
                                "write N for gaps that were tokenized, and leave out those that \
                                 --gaps remove took out",
                            )
                            .into());
                    }
                    b'-' | b'.' | b'*' => {}
                    byte if byte.is_ascii_alphabetic() => {}
                    byte => {
                        return Err(fault()
                            .expected("letters of bases")
                            .found(format!("\"{}\"", byte.escape_ascii()))
                            .remedy("pass the FASTA files that were tokenized")
                            .into());
                    }
                }
                while stretches.next_if(|stretch| stretch.end <= length).is_some() {}
                let is_read = stretches.peek().is_some_and(|stretch| stretch.start <= length);
                length = length.checked_add(1).ok_or_else(|| {
                    fault()
                        .expected(format!("records of at most {} bases", u32::MAX))
                        .found("a longer one")
                        .remedy("cut the record")
                })?;
                if self.copy.is_some() {
                    if column == COLUMNS {
                        text.push(b'\n');
                        column = 0;
                    }
                    column += 1;
                    text.push(match is_read {
                        true => byte.to_ascii_uppercase(),
                        false => byte.to_ascii_lowercase(),
                    });
                }
            }
            bytes.consume(taken);
            if let Some(copy) = &mut self.copy {
                copy.put(&text)?;
            }
            if is_end {
                break;
            }
        }
        if let (Some(copy), 1..) = (&mut self.copy, column) {
            copy.put(b"\n")?;
        }
        Ok(length)
    }

    fn fault(&self, header: &[u8]) -> readlens_fault::InputFault {
        match &self.file {
            Some(file) => fault_about(&file.tap, file.ordinal, header),
            None => Fault::input("-"),
        }
    }
}

impl File {
    fn open(path: &Path) -> Result<Self> {
        let (mut bytes, tap) = open(path)?;
        let start = bytes.fill_buf().map_err(|e| tap.fault_of(e))?;
        if start.starts_with(BYTE_ORDER_MARK) {
            bytes.consume(BYTE_ORDER_MARK.len());
        }
        loop {
            let next = bytes.fill_buf().map_err(|e| tap.fault_of(e))?.first().copied();
            match next {
                Some(b'\n' | b'\r' | b' ' | b'\t') => bytes.consume(1),
                Some(b'>') => return Ok(Self { bytes, tap, ordinal: 0 }),
                other => {
                    let found = other.map_or_else(
                        || "an empty file".to_owned(),
                        |byte| format!("a file that begins with \"{}\"", byte.escape_ascii()),
                    );
                    return Err(Fault::input(path)
                        .expected("FASTA, which begins with >")
                        .found(found)
                        .remedy("pass FASTA, plain or packed; write reads of FASTQ as FASTA")
                        .into());
                }
            }
        }
    }

    fn next_header(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut self.bytes, MAX_HEADER_BYTES as u64 + 2);
        limited.read_until(b'\n', &mut line).map_err(|e| self.tap.fault_of(e))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.ordinal += 1;
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        let header = line.split_off(1);
        let length = identifier(&header).len();
        if header.len() > MAX_HEADER_BYTES || length > MAX_IDENTIFIER_BYTES || length == 0 {
            return Err(fault_about(&self.tap, self.ordinal, &header[..length.min(100)])
                .expected(format!(
                    "an identifier of 1 to {MAX_IDENTIFIER_BYTES} bytes in a header of at most \
                     {MAX_HEADER_BYTES}"
                ))
                .found(format!("{length} bytes in a header of {} or more", header.len()))
                .remedy("pass the FASTA files that were tokenized")
                .into());
        }
        Ok(Some(header))
    }
}

/// The header up to the first white space, as tokenize reads it.
fn identifier(header: &[u8]) -> &[u8] {
    let end = header.iter().position(u8::is_ascii_whitespace).unwrap_or(header.len());
    &header[..end]
}

fn fault_about(tap: &Tap, ordinal: u64, header: &[u8]) -> readlens_fault::InputFault {
    let id = String::from_utf8_lossy(identifier(header)).into_owned();
    Fault::input(tap.path()).at(Place::Record { ordinal, id })
}
