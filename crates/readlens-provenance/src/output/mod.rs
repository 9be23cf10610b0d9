//! Outputs: what a path may be that is written to, and how it appears whole or not at all.

mod check;
mod directory_kind;
mod hold;
mod lock;
mod naming;
mod new_directory;
mod new_file;
mod overwriting;
mod partial;
mod target;

pub use check::{check_directory, check_files, refuse_standard_output};
pub use directory_kind::DirectoryKind;
pub use hold::ExitHold;
pub use lock::OutputLock;
pub use new_directory::{NewDirectory, remove_directory};
pub use new_file::{NewFile, commit_together, put_json, write_json};
pub use partial::abandon_outputs;
