//! What an output is written as until it is whole: a file or directory beside its target.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::digest::digest_bytes;
use readlens_fault::{Fault, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile, TempDir};

/// Bytes of a target's name that its partial repeats: a file name has room for 255.
const NAME_BYTES: usize = 100;
/// Random letters at the end of a partial's name.
const RANDOM_LETTERS: usize = 6;

/// All partials of this process. Whoever holds the lock gives names to outputs or removes partials,
/// so that a forced end of the process never comes between two names that belong together.
static PARTIALS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

pub(super) fn partials() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    PARTIALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes every partial of this process and lets no output take its name any more: the last act
/// of a process that ends by force.
pub fn abandon_outputs() {
    let partials = partials();
    for path in partials.iter() {
        // Nobody is left to tell.
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    std::mem::forget(partials);
}

/// A path among [`PARTIALS`] as long as this value lives.
#[derive(Debug)]
pub(super) struct Registered(PathBuf);

impl Registered {
    pub(super) fn new(path: &Path) -> Self {
        partials().insert(path.to_path_buf());
        Self(path.to_path_buf())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        partials().remove(&self.0);
    }
}

/// A file beside its target, removed when it is dropped. It is locked while its process lives.
#[derive(Debug)]
pub(super) struct PartialFile {
    file: NamedTempFile,
    registered: Registered,
}

impl PartialFile {
    /// Begins a file beside `target`, whose directory exists, with the usual permissions of a new
    /// file, which the umask narrows.
    pub(super) fn create(target: &Path) -> Result<Self> {
        sweep(target);
        loop {
            let file = builder(target, &prefix_of(target), 0o666)
                .tempfile_in(parent_of(target))
                .map_err(|e| Fault::io("create", target, e))?;
            if is_locked(file.as_file(), file.path()) {
                let registered = Registered::new(file.path());
                return Ok(Self { file, registered });
            }
        }
    }

    pub(super) fn as_file(&self) -> &File {
        self.file.as_file()
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Forgets the file, which has another name by now.
    pub(super) fn keep(self) {
        let Self { file, registered } = self;
        drop(registered);
        // Cannot fail on Unix, where keeping is forgetting.
        let _ = file.keep();
    }
}

impl io::Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A directory beside its target, removed when it is dropped. It is locked while its process lives.
#[derive(Debug)]
pub(super) struct PartialDirectory {
    directory: TempDir,
    // Held for its lock.
    _handle: File,
    registered: Registered,
}

impl PartialDirectory {
    /// Begins a directory beside `target`, whose own directory exists.
    pub(super) fn create(target: &Path) -> Result<Self> {
        sweep(target);
        let failed = |e| Fault::io("create", target, e);
        loop {
            let directory = builder(target, &prefix_of(target), 0o777)
                .tempdir_in(parent_of(target))
                .map_err(failed)?;
            let handle = match File::open(directory.path()) {
                // Another process took it for a leftover before it could be locked.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                handle => handle.map_err(failed)?,
            };
            if is_locked(&handle, directory.path()) {
                let registered = Registered::new(directory.path());
                return Ok(Self { directory, _handle: handle, registered });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Forgets the directory, which has another name by now.
    pub(super) fn keep(self) {
        drop(self.registered);
        let _ = self.directory.keep();
    }

    /// Removes the directory and what is in it.
    pub(super) fn remove(self) -> io::Result<()> {
        self.directory.close()
    }
}

/// The directory that `target` is in.
pub(super) fn parent_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn builder<'a>(target: &Path, prefix: &'a str, mode: u32) -> Builder<'a, 'static> {
    debug_assert!(target.file_name().is_some(), "a target has a name");
    let mut builder = Builder::new();
    builder.prefix(prefix).rand_bytes(RANDOM_LETTERS).permissions(Permissions::from_mode(mode));
    builder
}

/// The hidden name beside `target` that ends in `suffix`. A long name is cut, and a digest tells it
/// from others that begin alike.
pub(super) fn hidden(target: &Path, suffix: &str) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    if name.len() <= NAME_BYTES {
        return format!(".{name}.{suffix}");
    }
    let digest = digest_bytes(name.as_bytes());
    let (begin, digest) = (&name[..name.floor_char_boundary(NAME_BYTES)], &digest.as_str()[..8]);
    format!(".{begin}~{digest}.{suffix}")
}

fn prefix_of(target: &Path) -> String {
    hidden(target, "partial-")
}

/// How the names begin of what was moved aside to make room for a new output.
fn earlier_prefix_of(target: &Path) -> String {
    hidden(target, "earlier-")
}

/// Whether `file` could be locked and is still what `path` names: another process may have taken
/// it for a leftover between its creation and its lock. A file system without locks has no
/// leftovers removed.
fn is_locked(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => false,
        Err(fs::TryLockError::Error(_)) => true,
        Ok(()) => match (file.metadata(), fs::symlink_metadata(path)) {
            (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
            _ => false,
        },
    }
}

/// Puts right what a process left beside `target` that did not live to do so: removes its partials,
/// and gives an earlier output that it had moved aside its name back.
///
/// A partial is locked as long as its process lives; that of another user is not touched.
fn sweep(target: &Path) {
    let (partial, earlier) = (prefix_of(target), earlier_prefix_of(target));
    let Ok(entries) = fs::read_dir(parent_of(target)) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let has_prefix = |prefix: &str| {
            let random = name.to_str().and_then(|name| name.strip_prefix(prefix));
            random.is_some_and(|random| {
                random.len() == RANDOM_LETTERS && random.bytes().all(|b| b.is_ascii_alphanumeric())
            })
        };
        if has_prefix(&partial) && remove_leftover(&path) {
            tracing::warn!("removed {}, which a killed run had left", path.display());
        } else if has_prefix(&earlier) {
            put_back(&path, target);
        }
    }
}

/// Gives `earlier` the name `target` back, or removes it where a newer output has the name.
fn put_back(earlier: &Path, target: &Path) {
    let Ok(old) = fs::symlink_metadata(earlier) else { return };
    let is_superseded = match fs::symlink_metadata(target) {
        Err(_) => {
            // Another process may give the name to its own output at this moment.
            if rename_without_replacing(earlier, target).is_ok() {
                let (name, path) = (target.display(), earlier.display());
                tracing::warn!("gave {name} its name back, which a killed run had moved to {path}");
            }
            return;
        }
        Ok(new) => new.modified().ok() >= old.modified().ok(),
    };
    if is_superseded && remove_leftover(earlier) {
        tracing::warn!("removed {}, which a killed run had left", earlier.display());
    }
}

fn remove_leftover(path: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(path) else { return false };
    let is_directory = found.is_dir();
    if !(is_directory || found.is_file()) || found.uid() != rustix::process::geteuid().as_raw() {
        return false;
    }
    let Ok(handle) = File::open(path) else { return false };
    if handle.try_lock().is_err() {
        return false;
    }
    (if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }).is_ok()
}

/// Moves an earlier output aside, to a name beside it that it keeps until the new one is in place.
pub(super) fn move_aside(target: &Path) -> io::Result<PathBuf> {
    move_to_unused_name(target, &earlier_prefix_of(target))
}

/// Gives what is to be removed the name of a leftover, so that it is removed if this process is not
/// there to do it.
pub(super) fn move_for_removal(target: &Path) -> io::Result<PathBuf> {
    move_to_unused_name(target, &prefix_of(target))
}

fn move_to_unused_name(target: &Path, prefix: &str) -> io::Result<PathBuf> {
    // Nothing is created that a killed process could leave there.
    let moved = builder(target, prefix, 0o600)
        .make_in(parent_of(target), |name| rename_without_replacing(target, name))?;
    Ok(moved.into_temp_path().keep()?)
}

fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system has no such call.
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}
