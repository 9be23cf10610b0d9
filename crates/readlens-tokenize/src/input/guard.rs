use std::io::{self, Read};

use memchr::memchr;
use readlens_fault::{Fault, Place};

use readlens_text::{Bytes, Tap};

use super::format::Format;

/// Longest header line, in bytes.
const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Line ends that any record may have; beyond them it needs [`MIN_LINE_LETTERS`] a line.
const FREE_LINE_ENDS: u64 = 1 << 20;
/// Mean letters of a line in a long record; parsers keep an index of its lines.
const MIN_LINE_LETTERS: u64 = 16;

/// Passes the bytes of FASTA or FASTQ through and stops a record that would not fit in memory.
///
/// A parser must hold a whole record, so a few kilobytes of gzip that unpack to one endless line
/// would fill any memory. The guard follows the lines of the format, not the records themselves.
pub(super) struct Guard {
    bytes: Bytes,
    tap: Tap,
    format: Format,
    /// Most letters of one record.
    limit: u64,
    /// Ordinal of the current line in the file, from 1.
    line: u64,
    /// Ordinal of the first line that is followed.
    first_line: u64,
    /// Bytes of the current line so far.
    line_bytes: u64,
    /// Whether the current line is a header (FASTA only).
    in_header: bool,
    /// Letters and line ends of the current record so far (FASTA only).
    letters: u64,
    line_ends: u64,
    /// Line ends that are still to be added behind the last byte.
    added_line_ends: usize,
}

/// What does not fit in memory.
enum Endless {
    /// A record, and what is wrong with it.
    Record(&'static str),
    /// The header of one.
    Header,
}

impl Guard {
    /// `line`: ordinal of the first line that `bytes` still has, from 1.
    pub(super) fn new(bytes: Bytes, tap: Tap, format: Format, line: u64, limit: u32) -> Self {
        Self {
            bytes,
            tap,
            format,
            limit: u64::from(limit),
            line,
            first_line: line,
            line_bytes: 0,
            in_header: false,
            letters: 0,
            line_ends: 0,
            // The parser takes a header at the very end for a cut file; line ends make it the
            // empty record that it is. FASTQ has no use for them.
            added_line_ends: if format == Format::Fasta { 2 } else { 0 },
        }
    }

    /// Follows `bytes`, which are about to be passed on.
    fn follow(&mut self, mut bytes: &[u8]) -> Result<(), Endless> {
        while !bytes.is_empty() {
            if self.line_bytes == 0 && self.format == Format::Fasta {
                self.in_header = bytes[0] == b'>';
                if self.in_header {
                    (self.letters, self.line_ends) = (0, 0);
                }
            }
            let end = memchr(b'\n', bytes);
            let ends_line = end.is_some();
            let (taken, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            let taken = taken.len();
            let letters = taken as u64 - u64::from(ends_line);
            self.line_bytes += letters;
            match self.format {
                Format::Fasta if !self.in_header => {
                    self.letters += letters;
                    self.line_ends += u64::from(ends_line);
                    // Carriage returns are no letters: one a line is allowed for.
                    if self.letters > self.limit + self.line_ends + 1 {
                        return Err(Endless::Record("a longer one"));
                    }
                    if self.line_ends > FREE_LINE_ENDS + self.letters / MIN_LINE_LETTERS {
                        return Err(Endless::Record("one that is mostly line ends"));
                    }
                }
                // The parser checks that a record has four lines, the first and third of them
                // with its name.
                Format::Fastq if (self.line - self.first_line).is_multiple_of(2) => {
                    if self.line_bytes > MAX_HEADER_BYTES {
                        return Err(Endless::Header);
                    }
                }
                Format::Fastq if self.line_bytes > self.limit + 1 => {
                    return Err(Endless::Record("a longer one"));
                }
                Format::Fasta if self.line_bytes > MAX_HEADER_BYTES => {
                    return Err(Endless::Header);
                }
                Format::Fasta | Format::Fastq => {}
            }
            if ends_line {
                self.line += 1;
                self.line_bytes = 0;
            }
            bytes = rest;
        }
        Ok(())
    }
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        if count == 0 {
            let added = self.added_line_ends.min(buffer.len());
            buffer[..added].fill(b'\n');
            self.added_line_ends -= added;
            return Ok(added);
        }
        if let Err(endless) = self.follow(&buffer[..count]) {
            let fault = Fault::input(self.tap.path()).at(Place::Line(self.line));
            let fault = match endless {
                Endless::Record(found) => fault
                    .expected(format!("records of at most {} nt", self.limit))
                    .found(found)
                    .remedy(
                        "if the record is real, raise --max-record-length; it must fit in memory",
                    ),
                Endless::Header => fault
                    .expected(format!("header lines of at most {MAX_HEADER_BYTES} bytes"))
                    .found("a longer one")
                    .remedy("shorten the header; if it is a sequence, put it on a line of its own"),
            };
            return Err(self.tap.fail(fault));
        }
        Ok(count)
    }
}
