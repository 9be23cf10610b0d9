use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use super::directory_kind::DirectoryKind;
use super::naming::{Moves, exchange, sync_names};
use super::partial::{PartialDirectory, move_for_removal, parent_of, partials};
use super::target::directory_target;

/// A directory of files that takes its name only when [`NewDirectory::commit`] is reached.
#[derive(Debug)]
pub struct NewDirectory {
    partial: PartialDirectory,
    kind: DirectoryKind,
    given: PathBuf,
    target: PathBuf,
}

impl NewDirectory {
    /// Begins `target`. An existing directory is replaced at the end, but only an empty one or one
    /// of the same kind that holds nothing else. A link is followed.
    ///
    /// # Errors
    /// `target` cannot be an output ([`Fault::Usage`]) or its parent cannot be written to.
    pub fn create(target: &Path, kind: DirectoryKind) -> Result<Self> {
        let name = directory_target(target, &kind)?;
        let parent = parent_of(&name);
        fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, e))?;
        let partial = PartialDirectory::create(&name)?;
        Ok(Self { partial, kind, given: target.to_path_buf(), target: name })
    }

    /// Where the files are written until the commit.
    pub fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives the directory its name, in exchange for an earlier one.
    ///
    /// What others have put into the earlier one since [`NewDirectory::create`] moves to the new
    /// one.
    ///
    /// # Errors
    /// A rename is refused; the earlier directory then keeps its name.
    pub fn commit(self) -> Result<()> {
        let Self { partial, kind, given, target } = self;
        // A forced end of the process waits until the name is given.
        let lock = partials();
        let mut moves = Moves::default();
        let earlier = match name(partial.path(), &target, &kind, &mut moves) {
            Ok(earlier) => earlier,
            Err(e) => {
                moves.undo();
                return Err(Fault::io("write", &given, e));
            }
        };
        drop(lock);
        let removed = match earlier {
            // The exchange gave the earlier directory the partial's name.
            Some(earlier) if earlier == partial.path() => partial.remove(),
            Some(earlier) => {
                partial.keep();
                fs::remove_dir_all(earlier)
            }
            None => {
                partial.keep();
                Ok(())
            }
        };
        if let Err(e) = removed {
            tracing::warn!("cannot remove the earlier {}: {e}", given.display());
        }
        Ok(())
    }
}

/// Gives the directory at `partial` the name `target`; returns where the earlier one is now.
fn name(
    partial: &Path,
    target: &Path,
    kind: &DirectoryKind,
    moves: &mut Moves,
) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(target).is_err() {
        match moves.move_to(partial, target) {
            // Another process gave its directory the name a moment ago.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) => {}
            moved => {
                moved?;
                sync_names([target])?;
                return Ok(None);
            }
        }
    }
    for entry in fs::read_dir(target)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| kind.has(name)) {
            moves.move_to(&entry.path(), &partial.join(entry.file_name()))?;
        }
    }
    let earlier = if exchange(partial, target)? {
        Some(partial.to_path_buf())
    } else {
        // Between two renames the target is absent, never mixed.
        let earlier = moves.move_aside(target)?;
        moves.move_to(partial, target)?;
        earlier
    };
    sync_names([target])?;
    Ok(earlier)
}

/// Removes a directory of this kind, if there is one; never half of it under its name.
///
/// # Errors
/// Something else lies in it, or it cannot be moved or removed.
pub fn remove_directory(target: &Path, kind: &DirectoryKind) -> Result<()> {
    if fs::symlink_metadata(target).is_err() {
        return Ok(());
    }
    kind.check_replaceable(target)?;
    let failed = |e| Fault::io("remove", target, e);
    let aside = move_for_removal(target).map_err(failed)?;
    fs::remove_dir_all(&aside).map_err(|e| Fault::io("remove", &aside, e))
}
