//! What every stage's command line shares: options, logs, progress, exit codes.
//!
//! A stage is an options type that implements [`Stage`]; its binary is `fn main() -> ExitCode {
//! readlens_stage::main::<Options>() }` and the umbrella offers the same type as a subcommand.
//! Standard output is data, standard error is logs and progress.

mod belonging;
mod context;
mod entry;
mod in_order;
mod logs;
mod options;
mod process;
mod progress;
mod words;

pub use belonging::refuse_without;
pub use context::Context;
pub use entry::{Stage, VERSION, finish, main, run_with, start};
pub use in_order::in_order;
pub use options::{BootstrapOptions, Common, LogFormat};
pub use progress::Progress;
pub use words::one_of;
