use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use rustix::fs::OFlags;

use super::partial::{Registered, hidden, parent_of};
use super::target::resolved;

/// Keeps other processes from writing the same output for as long as it lives, or its process.
///
/// The lock is advisory. It belongs to an open, empty file beside the output, `.NAME.lock`, that is
/// removed with it. A file system without locks is written to without one.
#[derive(Debug)]
pub struct OutputLock {
    path: PathBuf,
    file: File,
    _registered: Registered,
}

impl OutputLock {
    /// Locks `target`, creating the directories above it.
    ///
    /// # Errors
    /// [`Fault::Usage`] while another process has the lock, or where something else has the lock's
    /// name; [`Fault::Io`] if the file beside `target` cannot be created.
    pub fn take(target: &Path) -> Result<Self> {
        Self::try_take(target)?.ok_or_else(|| {
            Fault::usage(format!(
                "another process is writing {}; wait for it or choose another output",
                target.display()
            ))
        })
    }

    /// Refuses a `target` that could never be locked; another process may have the lock now.
    ///
    /// # Errors
    /// As [`OutputLock::take`].
    pub(super) fn check(target: &Path) -> Result<()> {
        let target = resolved(target)?;
        match fs::symlink_metadata(parent_of(&target).join(hidden(&target, "lock"))) {
            Ok(_) => Self::try_take(&target).map(drop),
            Err(_) => Ok(()),
        }
    }

    fn try_take(target: &Path) -> Result<Option<Self>> {
        // A file system without locks lets everybody write.
        Self::with(target, |file| !matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Locks `target` as soon as no other process has the lock.
    pub(super) fn wait(target: &Path) -> Result<Self> {
        let locked = Self::with(target, |file| {
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                tracing::info!("waiting for another process that writes {}", target.display());
                // A file system without locks has not come this far.
                let _ = file.lock();
            }
            true
        })?;
        locked.ok_or_else(|| Fault::failed("locking an output", "the lock was not waited for"))
    }

    /// The lock, if `lock` says that it has the file.
    fn with(target: &Path, lock: impl Fn(&File) -> bool) -> Result<Option<Self>> {
        let target = resolved(target)?;
        let parent = parent_of(&target);
        fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, e))?;
        let path = parent.join(hidden(&target, "lock"));
        loop {
            // Neither follows a link nor waits for the reader of a FIFO.
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
                .open(&path);
            let is_ours = |file: &File| {
                let found = file.metadata()?;
                let user = rustix::process::geteuid().as_raw();
                Ok::<bool, io::Error>(found.is_file() && found.len() == 0 && found.uid() == user)
            };
            let file = match file.and_then(|file| Ok((is_ours(&file)?, file))) {
                Ok((true, file)) => file,
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(Fault::io("create", &path, e));
                }
                _ if fs::symlink_metadata(&path).is_ok() => {
                    return Err(Fault::usage(format!(
                        "cannot lock {}: {} is not an empty file of yours; if no run of another user \
                         has it, move it away",
                        target.display(),
                        path.display()
                    )));
                }
                Ok(_) => continue,
                Err(e) => return Err(Fault::io("create", &path, e)),
            };
            if !lock(&file) {
                return Ok(None);
            }
            // Its last owner may have removed the file between our opening and our locking it.
            if is_named(&file, &path) {
                let registered = Registered::new(&path);
                return Ok(Some(Self { path, file, _registered: registered }));
            }
        }
    }
}

/// Whether `path` still names the open file.
fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

impl Drop for OutputLock {
    fn drop(&mut self) {
        if is_named(&self.file, &self.path) {
            // Removed while it is still locked: nobody else can have locked it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
