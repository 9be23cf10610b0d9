use std::io::{BufRead, Read};
use std::path::Path;

use readlens_fault::{Fault, InputFault, Place, Result};
use readlens_provenance::InputDigest;

use crate::opening::{Bytes, Tap, open};

/// Longest line of a text file, and longest row of a table, in bytes.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// Reads text, which may be packed, line by line in bounded memory.
pub struct Lines {
    bytes: Bytes,
    tap: Tap,
    number: u64,
    buffer: Vec<u8>,
    text: String,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Lines {
    /// Opens `path`; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self> {
        let (bytes, tap) = open(path)?;
        Ok(Self { bytes, tap, number: 0, buffer: Vec::new(), text: String::new() })
    }

    /// The next line without its end (LF or CRLF) and without a byte-order mark.
    ///
    /// # Errors
    /// The file cannot be read or unpacked, or the line is too long, not UTF-8 or holds control
    /// characters.
    pub fn next_line(&mut self) -> Result<Option<&str>> {
        self.buffer.clear();
        let mut limited = self.bytes.by_ref().take(MAX_LINE_BYTES + 1);
        let read = limited.read_until(b'\n', &mut self.buffer);
        let count = read.map_err(|e| self.tap.fault_of(e))?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        if count as u64 > MAX_LINE_BYTES {
            return Err(self
                .fault()
                .expected(format!("lines of at most {MAX_LINE_BYTES} bytes"))
                .found("a longer one")
                .remedy("pass a text table")
                .into());
        }
        let fault = Fault::input(self.tap.path()).at(Place::Line(self.number));
        let mut line = self.buffer.as_slice();
        line = line.strip_suffix(b"\n").unwrap_or(line);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(fault
                .expected("UTF-8 text")
                .found(format!("\"{}\"", line[..line.len().min(40)].escape_ascii()))
                .remedy("convert the table to UTF-8")
                .into());
        };
        if let Some(control) = text.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(fault
                .expected("text without control characters but tabs")
                .found(format!("{control:?}"))
                .remedy("pass a text table")
                .into());
        }
        self.text.clear();
        self.text.push_str(text);
        Ok(Some(&self.text))
    }

    /// The line given last.
    pub fn line(&self) -> &str {
        &self.text
    }

    /// A fault about the line given last.
    pub fn fault(&self) -> InputFault {
        Fault::input(self.tap.path()).at(Place::Line(self.number))
    }

    /// A fault about line `number`.
    pub fn fault_at(&self, number: u64) -> InputFault {
        Fault::input(self.tap.path()).at(Place::Line(number))
    }

    /// Ordinal of the line given last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Path of the file, as it was given.
    pub fn path(&self) -> &Path {
        self.tap.path()
    }

    /// Digest of the whole file as `role`.
    ///
    /// # Errors
    /// The rest of the file cannot be read.
    pub fn finish(&self, role: &str) -> Result<InputDigest> {
        self.tap.finish(role)
    }
}
