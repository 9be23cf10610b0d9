use std::fmt;

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

/// Why the bytes of a file are no table that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// They are not Parquet, or not whole.
    Damaged(String),
    /// The system did not read them.
    Unread(std::io::ErrorKind, String),
    /// They are Parquet that asks for more than a table may, or for what is not supported.
    Refused {
        /// What would have been right.
        expected: String,
        /// What was found.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// A result of reading untrusted bytes.
pub(crate) type Result<T> = std::result::Result<T, Unreadable>;

impl Unreadable {
    /// The bytes contradict themselves.
    pub(crate) fn damaged(found: impl fmt::Display) -> Self {
        Self::Damaged(found.to_string())
    }

    /// More of something than the stated bound.
    pub(crate) fn too_many(what: &str, most: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::Refused {
            expected: format!("at most {most} {what}"),
            found: found.to_string(),
            remedy: "write the table with fewer or smaller ones, or split it",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(found) | Self::Unread(_, found) => f.write_str(found),
            Self::Refused { expected, found, .. } => {
                write!(f, "expected {expected}, found {found}")
            }
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // The bytes end before a length that they hold.
            std::io::ErrorKind::UnexpectedEof => Self::damaged(error),
            kind => Self::Unread(kind, error.to_string()),
        }
    }
}

impl From<Unreadable> for ParquetError {
    fn from(unreadable: Unreadable) -> Self {
        Self::External(Box::new(unreadable))
    }
}

impl From<ParquetError> for Unreadable {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<Self>() {
                Ok(unreadable) => *unreadable,
                Err(other) => Self::damaged(other),
            },
            other => Self::damaged(other),
        }
    }
}

impl From<ArrowError> for Unreadable {
    fn from(error: ArrowError) -> Self {
        Self::damaged(error)
    }
}
