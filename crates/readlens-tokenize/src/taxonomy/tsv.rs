use std::path::Path;

use readlens_fault::{Fault, InputFault, Result};
use readlens_provenance::InputDigest;

use crate::input::Lines;

/// Longest list of columns in a message, in characters.
const SHOWN_CHARS: usize = 1000;

/// A tab-separated table with a header line.
pub(super) struct Tsv {
    lines: Lines,
    columns: Vec<String>,
}

impl Tsv {
    /// Opens the table and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or two columns have one name.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let Some(header) = lines.next_line()? else {
            return Err(Fault::input(path)
                .expected("a tab-separated table with a header")
                .found("an empty file")
                .remedy("pass the taxonomy table")
                .into());
        };
        let columns: Vec<String> = header.split('\t').map(|name| name.trim().to_owned()).collect();
        for (i, name) in columns.iter().enumerate() {
            if columns[..i].contains(name) {
                return Err(lines
                    .fault()
                    .expected("a header with different column names")
                    .found(format!("two columns {name:?}"))
                    .remedy("rename one of them; the first line must be a header")
                    .into());
            }
        }
        Ok(Self { lines, columns })
    }

    /// Place of the column that `matches`, called `name` in the message.
    ///
    /// # Errors
    /// There is none; the message lists the columns and ends with `remedy`.
    pub(super) fn column(
        &self,
        name: &str,
        remedy: &str,
        matches: impl Fn(&str) -> bool,
    ) -> Result<usize> {
        // The exact name goes before another name of the same.
        let exact = self.columns.iter().position(|column| column == name);
        exact.or_else(|| self.columns.iter().position(|column| matches(column))).ok_or_else(|| {
            let mut available = self.columns.join(", ");
            if available.chars().count() > SHOWN_CHARS {
                available = available.chars().take(SHOWN_CHARS).chain(['…']).collect();
            }
            self.lines
                .fault_at(1)
                .expected(format!("a header with the column {name:?}"))
                .found(format!("{} other columns", self.columns.len()))
                .remedy(format!("the columns are {available}; {remedy}"))
                .into()
        })
    }

    /// The next row that is not blank, as its cells.
    ///
    /// # Errors
    /// The file cannot be read, or the row has not as many cells as the header.
    pub(super) fn next_row(&mut self) -> Result<Option<Vec<&str>>> {
        loop {
            // Looked at twice, as a borrow that is returned from a loop cannot be taken back.
            match self.lines.next_line()? {
                None => return Ok(None),
                Some(line) if line.trim().is_empty() => {}
                Some(_) => break,
            }
        }
        let expected = self.columns.len();
        let fault = self.lines.fault();
        let cells: Vec<&str> = self.lines.line().split('\t').collect();
        if cells.len() != expected {
            return Err(fault
                .expected(format!("{expected} columns as in the header"))
                .found(cells.len())
                .remedy("separate the columns by single tabs, with an empty cell for no value")
                .into());
        }
        Ok(Some(cells))
    }

    /// Ordinal of the line of the row given last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines.number()
    }

    /// A fault about the row given last.
    pub(super) fn fault(&self) -> InputFault {
        self.lines.fault()
    }

    /// A fault about line `number`.
    pub(super) fn fault_at(&self, number: u64) -> InputFault {
        self.lines.fault_at(number)
    }

    /// Digest of the whole table.
    pub(super) fn finish(self) -> Result<InputDigest> {
        self.lines.finish("taxonomy")
    }
}
