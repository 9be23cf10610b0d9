//! Inputs and outputs of the verbs that several stages use.

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use crate::flow::JOURNAL;

/// Refuses standard input: several stages read the sequences, and it can be read once.
///
/// # Errors
/// One of the paths is `-`.
pub(crate) fn refuse_standard_input(sequences: &[PathBuf]) -> Result<()> {
    match sequences.iter().any(|path| path.as_os_str() == "-") {
        true => Err(Fault::usage(
            "the sequences are read more than once, and standard input cannot be: write them to a \
             file first",
        )),
        false => Ok(()),
    }
}

/// Refuses to write into a directory that holds anything but what the same command began.
///
/// # Errors
/// `out` is a file, or a directory with files and without a journal.
pub(crate) fn refuse_other_directory(out: &Path) -> Result<()> {
    if !out.exists() || out.join(JOURNAL).is_file() {
        return Ok(());
    }
    let found =
        if out.is_dir() { "holds files that readlens did not put there" } else { "is a file" };
    let is_empty = out.is_dir()
        && std::fs::read_dir(out).map_err(|e| Fault::io("list", out, e))?.next().is_none();
    match is_empty {
        true => Ok(()),
        false => Err(Fault::usage(format!(
            "--out {} exists and {found}; choose a directory that does not exist",
            out.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn only_an_own_directory_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        refuse_other_directory(&out).unwrap();
        std::fs::write(&out, "mine").unwrap();
        let fault = refuse_other_directory(&out).unwrap_err().to_string();
        assert!(fault.contains("is a file"), "{fault}");
        std::fs::remove_file(&out).unwrap();
        std::fs::create_dir(&out).unwrap();
        refuse_other_directory(&out).unwrap();
        std::fs::write(out.join("thesis.txt"), "mine").unwrap();
        let fault = refuse_other_directory(&out).unwrap_err().to_string();
        assert!(fault.contains("did not put there"), "{fault}");
        std::fs::write(out.join(JOURNAL), "{}").unwrap();
        refuse_other_directory(&out).unwrap();
    }
}
