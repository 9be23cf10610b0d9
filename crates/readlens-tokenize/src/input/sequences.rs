use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::path::Path;

use needletail::FastxReader;
use needletail::errors::{ParseError, ParseErrorKind};
use needletail::parser::{FastaReader, FastqReader};
use readlens_fault::{Fault, Place, Result};
use readlens_provenance::InputDigest;

use readlens_text::{MAX_IDENTIFIER_BYTES, Tap, open};

use super::format::{Format, describe};
use super::guard::Guard;
use super::mate::Mate;

/// Bytes of a foreign file that tell what it is.
const DESCRIBED_BYTES: u64 = 16;

/// A sequence record as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SequenceRecord {
    /// Ordinal in its file, from 1.
    pub ordinal: u64,
    /// Identifier: the header up to the first white space.
    pub id: String,
    /// Which read of a pair it is, where the header says so behind the identifier.
    pub mate: Option<Mate>,
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
    /// Records that were looked at before their time.
    ahead: VecDeque<Result<SequenceRecord>>,
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
                    None => {
                        let mut head = Vec::new();
                        let mut start = bytes.take(DESCRIBED_BYTES);
                        start.read_to_end(&mut head).map_err(|e| tap.fault_of(e))?;
                        return Err(not_sequences(path, &describe(&head)));
                    }
                },
                None => return Err(not_sequences(path, "an empty file")),
            }
        };
        let guard = Guard::new(bytes, tap.clone(), format, skipped_lines + 1, limit);
        let parser: Box<dyn FastxReader> = match format {
            Format::Fasta => Box::new(FastaReader::new(guard)),
            Format::Fastq => Box::new(FastqReader::new(guard)),
        };
        let ahead = VecDeque::new();
        Ok(Self { parser, tap, format, skipped_lines, ordinal: 0, limit, ahead })
    }

    /// The next record.
    ///
    /// # Errors
    /// The file cannot be read or unpacked, breaks its format, or the record is too long or has
    /// no usable identifier.
    pub(crate) fn next_record(&mut self) -> Result<Option<SequenceRecord>> {
        match self.ahead.pop_front() {
            Some(record) => record.map(Some),
            None => self.parse_record(),
        }
    }

    /// Identifier and mate of the next `count` records, which are not taken; fewer where the file
    /// ends or breaks its format before.
    pub(crate) fn look_ahead(&mut self, count: usize) -> Vec<(&str, Option<Mate>)> {
        while self.ahead.len() < count && self.ahead.iter().all(Result::is_ok) {
            match self.parse_record().transpose() {
                Some(record) => self.ahead.push_back(record),
                None => break,
            }
        }
        let records = self.ahead.iter().take(count).flatten();
        records.map(|record| (record.id.as_str(), record.mate)).collect()
    }

    fn parse_record(&mut self) -> Result<Option<SequenceRecord>> {
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
        let mate = Mate::of(&header[id.len()..], self.format);
        let record = SequenceRecord { ordinal: self.ordinal, id: id.to_owned(), mate, bases };
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
    if id.len() > MAX_IDENTIFIER_BYTES {
        let found = format!("{} bytes", id.len());
        return Err(("an identifier of at most 65536 bytes", found, "shorten the header"));
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], limit: u32) -> Result<Vec<(u64, String, String)>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut sequences = SequenceFile::open(file.path(), limit)?;
        let mut records = Vec::new();
        while let Some(record) = sequences.next_record()? {
            let bases = String::from_utf8_lossy(&record.bases).into_owned();
            records.push((record.ordinal, record.id, bases));
        }
        let digest = sequences.finish()?;
        assert_eq!(digest.sha256, readlens_provenance::digest_bytes(bytes));
        Ok(records)
    }

    fn ids(bytes: &[u8]) -> Vec<String> {
        read(bytes, 1000)
            .unwrap()
            .into_iter()
            .map(|(_, id, bases)| format!("{id}={bases}"))
            .collect()
    }

    #[test]
    fn empty_records_stand_anywhere() {
        assert_eq!(ids(b">a"), ["a="]);
        assert_eq!(ids(b">a\n"), ["a="]);
        assert_eq!(ids(b">a\n>b\nAC\n>c\n\n>d"), ["a=", "b=AC", "c=", "d="]);
        assert_eq!(ids(b"@a\n\n+\n\n@b\nAC\n+\nII\n"), ["a=", "b=AC"]);
    }

    #[test]
    fn blank_lines_and_byte_order_marks_before_the_first_record_are_skipped() {
        assert_eq!(ids(b"\xef\xbb\xbf>a x\nAC\n"), ["a=AC"]);
        assert_eq!(ids(b"\n\r\n >a\tx\nAC\n"), ["a=AC"]);
        let fault = read(b"\n\n@a\nACGT\n-\nIIII\n", 1000).unwrap_err().to_string();
        assert!(fault.contains("record 1 (a): expected a FASTQ record"), "{fault}");
    }

    #[test]
    fn the_limit_counts_nucleotides_and_not_line_ends() {
        let lines = b">a\r\nACGT\r\nACGT\r\nAC\r\n";
        assert_eq!(read(lines, 10).unwrap()[0].2, "ACGTACGTAC");
        assert!(read(lines, 9).unwrap_err().to_string().contains("at most 9 nt, found 10 nt"));
        assert!(read(b"@a\nACGT\n+\nIIII\n", 4).is_ok());
        assert!(read(b"@a\nACGT\n+\nIIII\n", 3).is_err());
    }

    /// Records as they might be written: identifier, bases, width of a line.
    fn records() -> impl Strategy<Value = Vec<(String, String, usize)>> {
        prop::collection::vec(("[!-~]{1,8}", "[ACGTNacgtu-]{0,200}", 1_usize..90), 1..20)
    }

    proptest! {
        #[test]
        fn fasta_is_read_back(records in records(), crlf: bool, last_line_end: bool) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = String::new();
            for (id, bases, width) in &records {
                text += &format!(">{id} about it{end}");
                for line in bases.as_bytes().chunks(*width) {
                    text += &format!("{}{end}", std::str::from_utf8(line).unwrap());
                }
            }
            let text = if last_line_end { text.as_str() } else { text.trim_end() };
            let read = read(text.as_bytes(), 1000).unwrap();
            let expected: Vec<_> = (1..).zip(records).map(|(i, (id, bases, _))| (i, id, bases)).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn fastq_is_read_back(records in records(), crlf: bool) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = String::new();
            for (id, bases, _) in &records {
                // The worst quality string: it begins as a header does.
                let qualities = "@".repeat(bases.len());
                text += &format!("@{id}{end}{bases}{end}+{end}{qualities}{end}");
            }
            let read = read(text.as_bytes(), 1000).unwrap();
            let expected: Vec<_> = (1..).zip(records).map(|(i, (id, bases, _))| (i, id, bases)).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn nonsense_never_panics(
            start in prop::sample::select(vec![">", "@", ">a\n", "@a\nAC\n+\nII\n", "\u{1f}\u{8b}", "(\u{b5}/\u{fd}"]),
            parts in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec!["\n", "\r", "\r\n", ">", "@", "+", "+\n", "ACGT", "\n\n\n", "\n>b\n", "\n@b\n"]),
                    prop::sample::select(vec!["\0", "é", " ", "I"]),
                ],
                0..60,
            ),
            repeats in 1_usize..3000,
        ) {
            // Latin-1, so that the magic bytes come out as they are; long ones cross buffers.
            let text = start.to_owned() + &parts.concat().repeat(repeats);
            let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
            let _ = read(&bytes, 1000);
            let _ = read(&bytes, u32::MAX);
        }
    }
}
