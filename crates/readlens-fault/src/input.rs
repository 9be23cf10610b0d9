use std::fmt;
use std::path::{Path, PathBuf};

/// Longest part of an input that a message repeats; hostile files have endless lines.
const SHOWN_CHARS: usize = 120;

/// Where in a file an input breaks its contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// A sequence record: its ordinal counted from 1, and its identifier.
    Record {
        /// Ordinal of the record in the file, from 1.
        ordinal: u64,
        /// Identifier as it stands in the file.
        id: String,
    },
    /// A table row, counted from 0 as data-frame libraries do.
    Row(u64),
    /// A table column.
    Column(String),
    /// A named part, such as a tensor or a configuration key.
    Part(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Record { ordinal, id } => write!(f, ", record {ordinal} ({})", shown(id)),
            Self::Row(row) => write!(f, ", row {row}"),
            Self::Column(name) => write!(f, ", column {}", shown(name)),
            Self::Part(name) => write!(f, ", {}", shown(name)),
        }
    }
}

/// An input that breaks its contract: which file, where, what was expected and found, what to do.
///
/// Built in one expression: `Fault::input(path).at(Place::Line(7)).expected("3 columns")
/// .found("2 columns").remedy("add the missing column")`, then `.into()` a [`crate::Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFault {
    file: PathBuf,
    place: Place,
    expected: String,
    found: String,
    remedy: String,
}

impl InputFault {
    pub(crate) fn new(file: impl AsRef<Path>) -> Self {
        Self {
            file: file.as_ref().to_path_buf(),
            place: Place::File,
            expected: String::new(),
            found: String::new(),
            remedy: String::new(),
        }
    }

    /// The file, where a crate that knows no files found the fault.
    #[must_use]
    pub fn in_file(mut self, file: impl AsRef<Path>) -> Self {
        self.file = file.as_ref().to_path_buf();
        self
    }

    /// Where in the file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// What a valid input has there.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.expected = expected.to_string();
        self
    }

    /// What this input has there; control characters are escaped and long text is cut.
    #[must_use]
    pub fn found(mut self, found: impl fmt::Display) -> Self {
        self.found = shown(&found.to_string());
        self
    }

    /// What the user can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.remedy = remedy.to_string();
        self
    }
}

impl fmt::Display for InputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = if self.file == Path::new("-") {
            "stdin".into()
        } else {
            self.file.display().to_string()
        };
        write!(
            f,
            "{}{}: expected {}, found {}",
            shown(&file),
            self.place,
            self.expected,
            self.found
        )?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Text from an input, safe on a terminal: control characters escaped, cut at [`SHOWN_CHARS`].
fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_CHARS {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExitCode, Fault};

    #[test]
    fn a_message_names_file_place_expectation_finding_and_remedy() {
        let fault: Fault = Fault::input("taxa.tsv")
            .at(Place::Line(3))
            .expected("4 columns")
            .found("2 columns")
            .remedy("fill the missing columns")
            .into();
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        assert_eq!(
            fault.to_string(),
            "taxa.tsv, line 3: expected 4 columns, found 2 columns; fill the missing columns"
        );
    }

    #[test]
    fn an_unreadable_input_is_bad_input_and_says_what_to_check() {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let fault = Fault::io("open", "genes.fasta", missing());
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        assert!(fault.to_string().ends_with("; check that the path is right and may be read"));
        assert_eq!(Fault::io("write", "out", missing()).exit_code(), ExitCode::Failure);
    }

    #[test]
    fn hostile_text_reaches_the_terminal_escaped_and_short() {
        let message =
            Fault::input("x").expected("text").found("\u{1b}[31m".repeat(1000)).to_string();
        assert!(!message.contains('\u{1b}'));
        assert!(message.len() < 2000);
    }
}
