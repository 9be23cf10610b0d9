//! What is fuzzed: one function for each kind of file that readlens reads.
//!
//! A target writes its input to a folder of its own and calls what the stage calls. A [`Fault`]
//! about the input is the right answer to nearly every input; a panic, an abort, a hang, too much
//! memory, or a fault that blames the machine is not. The fuzzers and the test that replays
//! what they once found call the same functions.
//!
//! [`Fault`]: readlens_fault::Fault

mod flow;
mod models;
mod settings;
mod tables;
mod texts;

use std::path::Path;

use readlens_fault::{ExitCode, Fault, Result};

pub use flow::flow;
pub use models::{manifest, model};
pub use tables::{intervals, tables};
pub use texts::{lineage, sequences, taxdump, taxonomy};

/// Ends one file and begins the next, in the input of a target that reads several: the record
/// separator of ASCII, which stands in no text that is accepted.
pub const NEXT_FILE: u8 = 0x1e;

/// Reads bytes by way of files in a folder; says whether they were taken.
pub type Read = fn(&[u8], &Path) -> bool;

/// A way in for bytes that nobody vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the fuzzer, and of its folders of inputs.
    pub name: &'static str,
    /// Reads an input and says whether it was taken; the folder is its own to write in.
    pub run: Read,
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target { name: "sequences", run: sequences },
    Target { name: "taxonomy", run: taxonomy },
    Target { name: "lineage", run: lineage },
    Target { name: "taxdump", run: taxdump },
    Target { name: "intervals", run: intervals },
    Target { name: "tables", run: tables },
    Target { name: "model", run: model },
    Target { name: "manifest", run: manifest },
    Target { name: "flow", run: flow },
];

/// Checks that a fault is one of the input and can be shown; says whether there was none.
fn check(outcome: Result<()>) -> bool {
    let Err(fault) = outcome else { return true };
    let text = fault.to_string();
    assert!(fault.exit_code() != ExitCode::Failure, "blames the machine: {text}");
    assert!(!text.is_empty(), "says nothing");
    false
}

/// Writes a file of an input.
fn write(path: &Path, contents: &[u8]) -> Result<()> {
    std::fs::write(path, contents).map_err(|e| Fault::io("write", path, e))
}
