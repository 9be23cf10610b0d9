use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use super::partial::parent_of;

/// Keeps other processes from writing the same output for as long as it lives, or its process.
///
/// The lock is advisory and belongs to an open file beside the output, `.NAME.lock`, which is
/// removed with it. A file system without locks is written to without one.
#[derive(Debug)]
pub struct OutputLock {
    path: PathBuf,
    _file: File,
}

impl OutputLock {
    /// Locks `target`, creating the directories above it.
    ///
    /// # Errors
    /// [`Fault::Usage`] while another process has the lock; [`Fault::Io`] if the file beside
    /// `target` cannot be created.
    pub fn take(target: &Path) -> Result<Self> {
        let target: PathBuf = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
        let parent = parent_of(&target);
        fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, e))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = parent.join(format!(".{}.lock", &name[..name.floor_char_boundary(100)]));
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(|e| Fault::io("create", &path, e))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    return Err(Fault::usage(format!(
                        "another process is writing {}; wait for it or choose another output",
                        target.display()
                    )));
                }
                Err(TryLockError::Error(_)) | Ok(()) => {}
            }
            // Its last owner may have removed the file between our opening and our locking it.
            let held = file.metadata().map_err(|e| Fault::io("create", &path, e))?;
            if fs::symlink_metadata(&path).is_ok_and(|named| named.ino() == held.ino()) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for OutputLock {
    fn drop(&mut self) {
        // Removed while it is still locked: nobody else can have locked it.
        let _ = fs::remove_file(&self.path);
    }
}
