//! Giving finished files and directories their names, all or none of them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::partial::{move_aside, parent_of};

/// What was moved, in the order in which it was: moved back on [`Moves::undo`].
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<(PathBuf, PathBuf)>);

impl Moves {
    /// Moves `from` to the free name `to`.
    pub(super) fn move_to(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        self.0.push((from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    /// Moves what has the name `target` aside, if there is something; returns where it is now.
    pub(super) fn move_aside(&mut self, target: &Path) -> io::Result<Option<PathBuf>> {
        if fs::symlink_metadata(target).is_err() {
            return Ok(None);
        }
        let aside = move_aside(target)?;
        self.0.push((target.to_path_buf(), aside.clone()));
        Ok(Some(aside))
    }

    /// Moves everything back, the last first. What cannot be moved back is said in the log: it is
    /// whole under the name that is given there.
    pub(super) fn undo(self) {
        for (from, to) in self.0.into_iter().rev() {
            if let Err(e) = fs::rename(&to, &from) {
                tracing::error!(
                    "cannot give {} its name {} back: {e}",
                    to.display(),
                    from.display()
                );
            }
        }
    }
}

/// Exchanges the names of two entries at once; `false` where the file system has no such call.
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Makes the names in the directories of `targets` durable.
pub(super) fn sync_names<'a>(targets: impl IntoIterator<Item = &'a Path>) -> io::Result<()> {
    for target in targets {
        // A directory that may be written to but not read cannot be synced.
        if let Ok(directory) = File::open(parent_of(target)) {
            directory.sync_all()?;
        }
    }
    Ok(())
}
