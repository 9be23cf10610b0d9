//! Outputs are never inputs, nor each other.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use super::partial::parent_of;

/// Refuses outputs that are an input, lie in an input directory, hold an input, or are each other:
/// by device and inode where they exist, so under whatever name or link.
///
/// # Errors
/// [`Fault::Usage`] naming the output and what it would overwrite.
pub fn refuse_overwriting(
    outputs: impl IntoIterator<Item: AsRef<Path>>,
    inputs: impl IntoIterator<Item: AsRef<Path>>,
) -> Result<()> {
    let inputs: Vec<Place> = inputs.into_iter().map(|path| Place::of(path.as_ref())).collect();
    let mut taken: Vec<Place> = Vec::new();
    for output in outputs {
        let output = Place::of(output.as_ref());
        let refused = |problem: String| {
            let path = output.path.display();
            Err(Fault::usage(format!("will not write {path}: {problem}; choose another name")))
        };
        for input in &inputs {
            if output.is(input) {
                return refused("it is an input or another output".to_owned());
            } else if output.lies_in(input) {
                return refused(format!("it lies in the input {}", input.path.display()));
            } else if input.lies_in(&output) {
                return refused(format!("the input {} lies in it", input.path.display()));
            }
        }
        for other in &taken {
            if output.is(other) {
                return refused("it is an input or another output".to_owned());
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
    /// A name that is free, with the links above it followed.
    Free(PathBuf),
    /// Standard output and input, which differ, and devices that any number may write to.
    Shared,
}

impl Identity {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) if found.file_type().is_char_device() => Self::Shared,
            Ok(found) => Self::Existing(found.dev(), found.ino()),
            Err(_) => {
                let parent = parent_of(path);
                let parent = fs::canonicalize(&parent).unwrap_or(parent);
                Self::Free(parent.join(path.file_name().unwrap_or_default()))
            }
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
    fn of(path: &Path) -> Self {
        if path == Path::new("-") {
            let identity = Identity::Free(path.to_path_buf());
            return Self { path: path.to_path_buf(), identity, above: Vec::new() };
        }
        let full = fs::canonicalize(path).unwrap_or_else(|_| {
            let parent = parent_of(path);
            let parent = fs::canonicalize(&parent).or_else(|_| std::path::absolute(&parent));
            parent.unwrap_or_default().join(path.file_name().unwrap_or_default())
        });
        let above = full.ancestors().skip(1).map(Identity::of).collect();
        Self { path: path.to_path_buf(), identity: Identity::of(&full), above }
    }

    fn is(&self, other: &Self) -> bool {
        self.identity == other.identity && self.identity != Identity::Shared
    }

    fn lies_in(&self, other: &Self) -> bool {
        self.above.contains(&other.identity)
    }
}
