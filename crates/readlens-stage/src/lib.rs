//! What every stage's command line shares: options, logs, progress, exit codes.
//!
//! A stage is an options type that implements [`Stage`]; its binary is `fn main() -> ExitCode {
//! readlens_stage::main::<Options>() }`. The umbrella holds it as an [`AnyStage`]: a subcommand,
//! and what the program does when a link to it bears the stage's name. Standard output is data,
//! standard error is logs and progress.
//!
//! Streams of any length are worked on by all threads and come out in order:
//!
//! ```
//! use readlens_stage::in_order;
//!
//! let lengths = ["ACGT", "AC", "ACG"].into_iter().map(Ok);
//! let mut found = Vec::new();
//! in_order(
//!     2,
//!     lengths,
//!     |sequence| Ok(sequence.len()),
//!     |length| {
//!         found.push(length);
//!         Ok(())
//!     },
//! )?;
//! assert_eq!(found, [4, 2, 3]);
//! # Ok::<(), readlens_fault::Fault>(())
//! ```

mod any_stage;
mod belonging;
mod context;
mod entry;
mod in_order;
mod interrupt;
mod logs;
mod options;
mod process;
mod progress;
mod version;
mod words;

pub use belonging::{refuse_misplaced, refuse_without};
mod standard_output;

pub use any_stage::AnyStage;
pub use context::Context;
pub use entry::{Stage, finish, main, run_with, start};
pub use in_order::in_order;
pub use options::{BootstrapOptions, Common, LogFormat};
pub use progress::Progress;
pub use standard_output::print;
pub use version::version;
pub use words::one_of;
