use std::io::BufRead;
use std::path::Path;

use needletail::FastxReader;
use needletail::errors::{ParseError, ParseErrorKind};
use needletail::parser::{FastaReader, FastqReader};
use readlens_fault::{Fault, Place, Result};
use readlens_provenance::InputDigest;

use super::guard::Guard;
use super::opening::{Tap, open};
use super::signature::{Format, describe};

/// A sequence record as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SequenceRecord {
    /// Ordinal in its file, from 1.
    pub ordinal: u64,
    /// Identifier: the header up to the first white space.
    pub id: String,
    /// The sequence without line ends.
    pub bases: Vec<u8>,
}

/// Streams the records of a FASTA or FASTQ file, packed or not.
pub(crate) struct SequenceFile {
    parser: Box<dyn FastxReader>,
    tap: Tap,
    format: Format,
    /// Lines before the first that the parser sees.
    skipped_lines: u64,
    ordinal: u64,
    limit: u32,
}

impl SequenceFile {
    /// Opens `path` (`-` is standard input); `limit` is the longest record in nucleotides.
    ///
    /// # Errors
    /// The file cannot be opened, read or unpacked, or is neither FASTA nor FASTQ.
    pub(crate) fn open(path: &Path, limit: u32) -> Result<Self> {
        let (mut bytes, tap) = open(path)?;
        let mut skipped_lines = 0;
        let mut is_start = true;
        let format = loop {
            let ahead = bytes.fill_buf().map_err(|e| tap.fault_of(e))?;
            let byte_order_mark = b"\xef\xbb\xbf";
            if is_start && ahead.starts_with(byte_order_mark) {
                bytes.consume(byte_order_mark.len());
                is_start = false;
                continue;
            }
            is_start = false;
            match ahead.first() {
                Some(first @ (b'\n' | b'\r' | b' ' | b'\t')) => {
                    skipped_lines += u64::from(*first == b'\n');
                    bytes.consume(1);
                }
                Some(first) => match Format::of(*first) {
                    Some(format) => break format,
                    None => return Err(not_sequences(path, &describe(ahead))),
                },
                None => return Err(not_sequences(path, "an empty file")),
            }
        };
        let guard = Guard::new(bytes, tap.clone(), format, skipped_lines + 1, limit);
        let parser: Box<dyn FastxReader> = match format {
            Format::Fasta => Box::new(FastaReader::new(guard)),
            Format::Fastq => Box::new(FastqReader::new(guard)),
        };
        Ok(Self { parser, tap, format, skipped_lines, ordinal: 0, limit })
    }

    /// The next record.
    ///
    /// # Errors
    /// The file cannot be read or unpacked, breaks its format, or the record is too long or has
    /// no usable identifier.
    pub(crate) fn next_record(&mut self) -> Result<Option<SequenceRecord>> {
        let Some(parsed) = self.parser.next() else { return Ok(None) };
        self.ordinal += 1;
        let (header, bases) = match &parsed {
            Ok(record) => (record.id(), record.seq().into_owned()),
            Err(error) => {
                let fault = parse_fault(&self.tap, self.ordinal, self.skipped_lines, error);
                return Err(self.tap.take_fault().unwrap_or(fault));
            }
        };
        let id = identifier(header).map_err(|(expected, found, remedy)| {
            let shown = String::from_utf8_lossy(&header[..header.len().min(200)]).into_owned();
            Fault::input(self.tap.path())
                .at(Place::Record { ordinal: self.ordinal, id: shown })
                .expected(expected)
                .found(found)
                .remedy(remedy)
        })?;
        let record = SequenceRecord { ordinal: self.ordinal, id: id.to_owned(), bases };
        if record.bases.len() > self.limit as usize {
            return Err(Fault::input(self.tap.path())
                .at(Place::Record { ordinal: record.ordinal, id: record.id })
                .expected(format!("records of at most {} nt", self.limit))
                .found(format!("{} nt", record.bases.len()))
                .remedy("raise --max-record-length; a record must fit in memory")
                .into());
        }
        Ok(Some(record))
    }

    /// Bytes taken from the file since the last call.
    pub(crate) fn take_raw_bytes(&self) -> u64 {
        self.tap.take_raw_bytes()
    }

    /// Digest of the whole file.
    pub(crate) fn finish(self) -> Result<InputDigest> {
        self.tap.finish("sequences")
    }

    /// `FASTA` or `FASTQ`, for messages.
    pub(crate) fn format_name(&self) -> &'static str {
        match self.format {
            Format::Fasta => "FASTA",
            Format::Fastq => "FASTQ",
        }
    }
}

fn not_sequences(path: &Path, found: &str) -> Fault {
    Fault::input(path)
        .expected("FASTA (beginning with >) or FASTQ (beginning with @)")
        .found(found)
        .remedy("pass the sequence file, plain or packed with gzip or zstd")
        .into()
}

/// The identifier of a header, or what was expected, what was found and what to do.
fn identifier(header: &[u8]) -> Result<&str, (&'static str, String, &'static str)> {
    if header.contains(&b'\r') {
        let remedy = "convert the line ends";
        return Err(("line ends LF or CRLF", "a lone CR in the header".to_owned(), remedy));
    }
    let end = header.iter().position(u8::is_ascii_whitespace).unwrap_or(header.len());
    let Ok(id) = std::str::from_utf8(&header[..end]) else {
        let found = format!("\"{}\"", header[..end.min(40)].escape_ascii());
        return Err(("an identifier in UTF-8", found, "convert the headers to UTF-8"));
    };
    if id.is_empty() {
        let remedy = "put the identifier directly behind the > or @";
        return Err(("an identifier", "none".to_owned(), remedy));
    }
    if let Some(control) = id.chars().find(|c| c.is_control()) {
        let remedy = "remove the control characters";
        return Err(("an identifier of printable characters", format!("{control:?}"), remedy));
    }
    Ok(id)
}

fn parse_fault(tap: &Tap, ordinal: u64, skipped_lines: u64, error: &ParseError) -> Fault {
    let line = Place::Line(error.position.line + skipped_lines);
    let place = match &error.position.id {
        Some(id) => Place::Record { ordinal, id: id.clone() },
        None => line.clone(),
    };
    let fault = Fault::input(tap.path());
    let refetch = "the file was cut off or damaged on its way: fetch it again";
    match error.kind {
        ParseErrorKind::UnequalLengths => fault
            .at(place)
            .expected("as many qualities as bases")
            .found(error.msg.to_lowercase())
            .remedy(refetch),
        ParseErrorKind::InvalidSeparator => fault
            .at(place)
            .expected("a FASTQ record of four lines, the third beginning with +")
            .found(error.msg.to_lowercase())
            .remedy("write each sequence and each quality string on one line"),
        ParseErrorKind::InvalidStart | ParseErrorKind::UnknownFormat => fault
            .at(line)
            .expected("the header of a record")
            .found(error.msg.to_lowercase())
            .remedy("write FASTA, or FASTQ with four lines a record"),
        ParseErrorKind::UnexpectedEnd | ParseErrorKind::EmptyFile => {
            fault.at(place).expected("a whole record").found("the end of the file").remedy(refetch)
        }
        ParseErrorKind::Io => {
            fault.at(place).expected("readable data").found(&error.msg).remedy(refetch)
        }
    }
    .into()
}
