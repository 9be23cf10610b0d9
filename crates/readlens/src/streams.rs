//! Inputs and outputs of the verbs that several stages use.

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use crate::flow::JOURNAL;

/// Refuses standard input, pipes and devices: an input is read more than once.
///
/// # Errors
/// One of the paths is `-`, or is there and is no regular file.
pub(crate) fn refuse_streams<'a>(inputs: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    // What is not there is told by the stage that reads it.
    let is_stream = |path: &&PathBuf| {
        path.as_os_str() == "-" || path.metadata().is_ok_and(|about| !about.is_file())
    };
    match inputs.into_iter().find(is_stream) {
        None => Ok(()),
        Some(path) => Err(Fault::usage(format!(
            "{}: an input is read more than once, and only a regular file can be; write it to a \
             file first",
            path.display()
        ))),
    }
}

/// Refuses to write into a directory that no flow of readlens began.
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
    fn an_input_is_a_regular_file() {
        for path in ["-", "/dev/null", "/tmp"] {
            let fault = refuse_streams(&[PathBuf::from(path)]).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("{path}: ")), "{fault}");
        }
        refuse_streams(&["not there".into(), "Cargo.toml".into()]).unwrap();
    }

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
