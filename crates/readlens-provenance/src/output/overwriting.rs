//! Outputs are never inputs, nor each other.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use super::target::resolved;

/// Refuses outputs that are an input, lie in an input directory, hold an input, or are each other:
/// by device and inode where they exist, so under whatever name or link.
///
/// # Errors
/// [`Fault::Usage`] naming the output and what it would overwrite.
pub fn refuse_overwriting(
    outputs: impl IntoIterator<Item: AsRef<Path>>,
    inputs: impl IntoIterator<Item: AsRef<Path>>,
) -> Result<()> {
    // An input that cannot be reached is refused where it is read.
    let inputs: Vec<Place> =
        inputs.into_iter().filter_map(|path| Place::of(path.as_ref()).ok()).collect();
    let mut taken: Vec<Place> = Vec::new();
    for output in outputs {
        let output = Place::of(output.as_ref())?;
        let refused = |problem: String| {
            let path = output.path.display();
            Err(Fault::usage(format!("will not write {path}: {problem}; choose another name")))
        };
        for input in &inputs {
            if output.is(input) {
                return refused(format!("it is the input {}", input.path.display()));
            } else if output.lies_in(input) {
                return refused(format!("it lies in the input {}", input.path.display()));
            } else if input.lies_in(&output) {
                return refused(format!("the input {} lies in it", input.path.display()));
            }
        }
        for other in &taken {
            if output.is(other) {
                return refused(format!("it is another output, {}", other.path.display()));
            } else if output.lies_in(other) || other.lies_in(&output) {
                return refused(format!(
                    "one of it and {} lies in the other",
                    other.path.display()
                ));
            }
        }
        taken.push(output);
    }
    Ok(())
}

/// What tells one entry of a file system from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    /// Device and inode.
    Existing(u64, u64),
    /// A resolved name that is free.
    Free(PathBuf),
    /// Standard output and input, which differ, and devices that any number may write to.
    Shared,
}

impl Identity {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) if found.file_type().is_char_device() => Self::Shared,
            Ok(found) => Self::Existing(found.dev(), found.ino()),
            Err(_) => Self::Free(path.to_path_buf()),
        }
    }
}

struct Place {
    path: PathBuf,
    identity: Identity,
    /// The directories above it.
    above: Vec<Identity>,
}

impl Place {
    fn of(path: &Path) -> Result<Self> {
        let given = path.to_path_buf();
        if path == Path::new("-") {
            let identity = Identity::Free(given.clone());
            return Ok(Self { path: given, identity, above: Vec::new() });
        }
        let full = resolved(path)?;
        let above = full.ancestors().skip(1).map(Identity::of).collect();
        Ok(Self { path: given, identity: Identity::of(&full), above })
    }

    fn is(&self, other: &Self) -> bool {
        self.identity == other.identity && self.identity != Identity::Shared
    }

    fn lies_in(&self, other: &Self) -> bool {
        self.above.contains(&other.identity)
    }
}
