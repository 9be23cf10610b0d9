//! What went wrong: file, place, expectation, finding and remedy; and the exit code it means.
//!
//! Every crate returns this one [`Fault`], so a message always has the same parts and the
//! mapping to exit codes lives in one exhaustive `match` ([`Fault::exit_code`]). Nothing here
//! prints or exits: that is the work of `readlens-stage`.
//!
//! ```
//! use readlens_fault::{ExitCode, Fault, Place};
//!
//! let fault: Fault = Fault::input("genes.tsv")
//!     .at(Place::Line(3))
//!     .expected("4 columns as in the header")
//!     .found(2)
//!     .remedy("separate the columns by single tabs")
//!     .into();
//! assert_eq!(
//!     fault.to_string(),
//!     "genes.tsv, line 3: expected 4 columns as in the header, found 2; separate the columns by \
//!      single tabs"
//! );
//! assert_eq!(fault.exit_code(), ExitCode::BadInput);
//! ```

mod exit_code;
mod input;

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

pub use exit_code::ExitCode;
pub use input::{InputFault, Place};

/// `Result` with a [`Fault`].
pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// A boxed cause from another library.
pub type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// Why a stage cannot go on.
#[derive(Debug)]
pub enum Fault {
    /// The command line or the configuration asks for something impossible.
    Usage(String),
    /// An input breaks its contract: the user can mend the file.
    Input(Box<InputFault>),
    /// The operating system refused to read or write.
    Io {
        /// What was attempted, such as `read` or `create`.
        action: &'static str,
        /// The path it was attempted on.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A computation failed for a reason that is not the input's.
    Failed {
        /// What was being done, such as `classifier training step 12`.
        what: String,
        /// The underlying error.
        source: Cause,
    },
    /// The user asked to stop; what had been reached is on disk.
    Interrupted {
        /// How to go on from here.
        remedy: String,
    },
}

impl Fault {
    /// An option or configuration value that cannot work; `message` says what to change.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Starts an input fault about `file`; see [`InputFault`] for the parts to add.
    pub fn input(file: impl AsRef<Path>) -> InputFault {
        InputFault::new(file)
    }

    /// An operating-system error while doing `action` on `path`.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// A failure of the computation `what`, with its cause.
    pub fn failed(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Failed { what: what.into(), source: source.into() }
    }

    /// The exit code this fault means to a caller.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Usage,
            Self::Input(_) => ExitCode::BadInput,
            // A missing or unreadable input is the user's to mend; a full disk is not.
            Self::Io { action: "read" | "open", .. } => ExitCode::BadInput,
            Self::Io { .. } | Self::Failed { .. } => ExitCode::Failure,
            Self::Interrupted { .. } => ExitCode::Interrupted,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Input(fault) => fault.fmt(f),
            Self::Io { action, path, source } => {
                let remedy = match *action {
                    "open" | "read" => "check that the path is right and may be read",
                    _ => "check that the disk has room and the folder may be written to",
                };
                write!(f, "cannot {action} {}: {source}; {remedy}", path.display())
            }
            Self::Failed { what, source } => write!(f, "{what} failed: {source}"),
            Self::Interrupted { remedy } => write!(f, "interrupted; {remedy}"),
        }
    }
}

impl StdError for Fault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Failed { source, .. } => Some(source.as_ref()),
            Self::Usage(_) | Self::Input(_) | Self::Interrupted { .. } => None,
        }
    }
}

impl From<InputFault> for Fault {
    fn from(fault: InputFault) -> Self {
        Self::Input(Box::new(fault))
    }
}
