use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use serde::Serialize;

use crate::manifest::{Manifest, read_json};
use tempfile::{Builder, NamedTempFile, TempDir};

/// The file that marks a directory as one readlens wrote, and may therefore replace.
const MARKER: &str = "manifest.json";

fn parent_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn prefix_of(target: &Path) -> String {
    let name = target.file_name().map_or_else(Default::default, |n| n.to_string_lossy());
    format!(".{name}.partial-")
}

/// A file that takes its name only when [`NewFile::commit`] is reached.
///
/// It is written beside its target and renamed, so a reader sees the old file, the new file or
/// none, never half of one. Dropping it without a commit removes it.
#[derive(Debug)]
pub struct NewFile {
    writer: BufWriter<NamedTempFile>,
    target: PathBuf,
}

impl NewFile {
    /// Begins `target`, creating the directories above it.
    ///
    /// # Errors
    /// The directory cannot be created or written to, or `target` is a directory.
    pub fn create(target: &Path) -> Result<Self> {
        if target.is_dir() {
            return Err(Fault::usage(format!(
                "cannot write {}: it is a directory; name a file",
                target.display()
            )));
        }
        let parent = parent_of(target);
        fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, e))?;
        let temp = Builder::new()
            .prefix(&prefix_of(target))
            // The usual permissions of a new file, which the umask then narrows.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&parent)
            .map_err(|e| Fault::io("create", target, e))?;
        Ok(Self { writer: BufWriter::with_capacity(1 << 20, temp), target: target.to_path_buf() })
    }

    /// Where the file will appear.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Flushes to the disk and gives the file its name.
    ///
    /// # Errors
    /// The disk is full or the rename is refused.
    pub fn commit(self) -> Result<()> {
        let target = self.target;
        let temp =
            self.writer.into_inner().map_err(|e| Fault::io("write", &target, e.into_error()))?;
        temp.as_file().sync_all().map_err(|e| Fault::io("write", &target, e))?;
        temp.persist(&target).map_err(|e| Fault::io("write", &target, e.error))?;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// A directory of files that takes its name only when [`NewDirectory::commit`] is reached.
#[derive(Debug)]
pub struct NewDirectory {
    temp: TempDir,
    target: PathBuf,
}

impl NewDirectory {
    /// Begins `target`. An existing directory is replaced at the end, but only one that readlens
    /// wrote (it holds a `manifest.json`) or an empty one.
    ///
    /// # Errors
    /// `target` is a file or somebody else's directory, or its parent cannot be written to.
    pub fn create(target: &Path) -> Result<Self> {
        if target.exists() {
            let is_ours = read_json::<Manifest>(&target.join(MARKER)).is_ok();
            let is_empty = target.is_dir()
                && fs::read_dir(target).map_err(|e| Fault::io("read", target, e))?.next().is_none();
            if !is_ours && !is_empty {
                return Err(Fault::usage(format!(
                    "will not replace {}: it holds no {MARKER} of ours, so readlens did not write it; \
                     choose another output or remove it",
                    target.display()
                )));
            }
        }
        let parent = parent_of(target);
        fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, e))?;
        let temp = Builder::new()
            .prefix(&prefix_of(target))
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(&parent)
            .map_err(|e| Fault::io("create", target, e))?;
        Ok(Self { temp, target: target.to_path_buf() })
    }

    /// Where the files are written until the commit.
    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    /// Gives the directory its name, replacing an earlier one.
    ///
    /// # Errors
    /// A rename is refused.
    pub fn commit(self) -> Result<()> {
        let target = self.target;
        let fail = |e| Fault::io("write", &target, e);
        if target.exists() {
            // Two renames: between them the target is absent, never mixed.
            let old = Builder::new()
                .prefix(&prefix_of(&target))
                .tempdir_in(parent_of(&target))
                .map_err(fail)?;
            fs::rename(&target, old.path().join("old")).map_err(fail)?;
            fs::rename(self.temp.path(), &target).map_err(fail)?;
        } else {
            fs::rename(self.temp.path(), &target).map_err(fail)?;
        }
        // The directory has moved: there is nothing left for the guard to remove.
        let _ = self.temp.keep();
        if let Ok(parent) = File::open(parent_of(&target)) {
            parent.sync_all().map_err(fail)?;
        }
        Ok(())
    }
}

/// Refuses outputs that name an input, or each other, under whatever spelling of the path.
///
/// # Errors
/// [`Fault::Usage`] naming the path.
pub fn refuse_overwriting(
    outputs: impl IntoIterator<Item: AsRef<Path>>,
    inputs: impl IntoIterator<Item: AsRef<Path>>,
) -> Result<()> {
    let place = |path: &Path| {
        let parent = fs::canonicalize(parent_of(path)).unwrap_or_else(|_| parent_of(path));
        fs::canonicalize(path).unwrap_or_else(|_| parent.join(path.file_name().unwrap_or_default()))
    };
    let mut taken: Vec<PathBuf> = inputs.into_iter().map(|path| place(path.as_ref())).collect();
    for output in outputs {
        let output = output.as_ref();
        let target = place(output);
        if taken.contains(&target) {
            return Err(Fault::usage(format!(
                "will not write {}: it is an input or another output; choose another name",
                output.display()
            )));
        }
        taken.push(target);
    }
    Ok(())
}

/// Writes `value` as indented JSON with a final newline, whole or not at all.
///
/// # Errors
/// `value` cannot be written as JSON or `target` cannot be written.
pub fn write_json(target: &Path, value: &impl Serialize) -> Result<()> {
    let mut file = NewFile::create(target)?;
    serde_json::to_writer_pretty(&mut file, value)
        .map_err(|e| Fault::failed(format!("writing {}", target.display()), e))?;
    file.write_all(b"\n").map_err(|e| Fault::io("write", target, e))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_absent_until_it_is_committed() -> Result<()> {
        let dir = tempfile::tempdir().map_err(|e| Fault::io("create", "temp", e))?;
        let target = dir.path().join("deep/er/out.txt");
        let mut file = NewFile::create(&target)?;
        file.write_all(b"whole").map_err(|e| Fault::io("write", &target, e))?;
        assert!(!target.exists());
        file.commit()?;
        assert_eq!(
            fs::read_to_string(&target).map_err(|e| Fault::io("read", &target, e))?,
            "whole"
        );
        drop(NewFile::create(&target)?);
        assert_eq!(fs::read_dir(dir.path().join("deep/er")).map(Iterator::count).ok(), Some(1));
        Ok(())
    }

    #[test]
    fn a_directory_of_somebody_else_is_never_replaced() -> Result<()> {
        let dir = tempfile::tempdir().map_err(|e| Fault::io("create", "temp", e))?;
        let target = dir.path().join("photos");
        fs::create_dir(&target).map_err(|e| Fault::io("create", &target, e))?;
        fs::write(target.join("cat.jpg"), b"cat").map_err(|e| Fault::io("write", &target, e))?;
        assert!(NewDirectory::create(&target).is_err());

        let ours = dir.path().join("model");
        for content in ["first", "second"] {
            let new = NewDirectory::create(&ours)?;
            let manifest = Manifest::new(content, &(), None, Vec::new())?;
            write_json(&new.path().join(MARKER), &manifest)?;
            new.commit()?;
            let read: Manifest = crate::read_json(&ours.join(MARKER))?;
            assert_eq!(read.stage, content);
        }
        Ok(())
    }
}
