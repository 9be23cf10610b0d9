use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use serde::Serialize;

use super::lock::OutputLock;
use super::naming::{Moves, sync_names};
use super::partial::{PartialFile, parent_of, partials};
use super::target::FileTarget;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A file that takes its name only when [`NewFile::commit`] is reached.
///
/// It is written beside its target and renamed, so a reader sees the old file, the new file or
/// none, never half of one. Dropping it without a commit removes it. A link is followed. A
/// character device, a FIFO, a socket and `-`, which is standard output, are written to as they
/// are.
#[derive(Debug)]
pub struct NewFile {
    writer: BufWriter<Sink>,
    /// The name that was given.
    target: PathBuf,
    /// The name that the file takes, with links followed.
    name: PathBuf,
}

enum Sink {
    Partial(PartialFile),
    Open(Box<dyn Write + Send>),
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Partial(file) => file.fmt(f),
            Self::Open(_) => f.write_str("Open"),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Partial(file) => file.write(bytes),
            Self::Open(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Partial(file) => file.flush(),
            Self::Open(file) => file.flush(),
        }
    }
}

impl NewFile {
    /// Begins `target`, creating the directories above it.
    ///
    /// # Errors
    /// `target` cannot be an output ([`Fault::Usage`]), or its directory cannot be created or
    /// written to.
    pub fn create(target: &Path) -> Result<Self> {
        let place = FileTarget::of(target)?;
        let unopened = |e: io::Error| match e.kind() {
            io::ErrorKind::TimedOut => Fault::usage(format!(
                "cannot write {}: {e}; start what reads it first",
                target.display()
            )),
            _ => Fault::io("write", target, e),
        };
        let sink = match place.open().map_err(unopened)? {
            Some(open) => Sink::Open(open),
            None => {
                let parent = parent_of(place.path());
                fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, e))?;
                Sink::Partial(PartialFile::create(place.path())?)
            }
        };
        Ok(Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, sink),
            target: target.to_path_buf(),
            name: place.path().to_path_buf(),
        })
    }

    /// The target that was given.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes all of `bytes`; as [`Write::write_all`], with a fault that names the target.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|e| Fault::io("write", &self.target, e))
    }

    /// Flushes to the disk and gives the file its name.
    ///
    /// # Errors
    /// The disk is full or the rename is refused.
    pub fn commit(self) -> Result<()> {
        commit_together([self])
    }

    /// Writes what is buffered and waits until it is on the disk.
    fn finish(self) -> Result<Finished> {
        let Self { writer, target, name } = self;
        let failed = |e| Fault::io("write", &target, e);
        let mut sink = writer.into_inner().map_err(|e| failed(e.into_error()))?;
        sink.flush().map_err(failed)?;
        let partial = match sink {
            Sink::Open(_) => None,
            Sink::Partial(file) => {
                if let Ok(earlier) = fs::metadata(&name) {
                    // Whoever could read the earlier file may read the new one; it runs as nobody.
                    let permissions = Permissions::from_mode(earlier.mode() & 0o777);
                    file.as_file().set_permissions(permissions).map_err(failed)?;
                    // Only root may give a file to its earlier owner.
                    let _ = fchown(file.as_file(), Some(earlier.uid()), Some(earlier.gid()));
                }
                file.as_file().sync_all().map_err(failed)?;
                Some(file)
            }
        };
        Ok(Finished { partial, target, name })
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A file that is on the disk and lacks only its name.
struct Finished {
    partial: Option<PartialFile>,
    target: PathBuf,
    name: PathBuf,
}

/// Gives the files of one run their names: all of them or none.
///
/// If one cannot take its name, those before it give theirs back, and earlier files return. The
/// first file is the main one. It is the last to appear and the first to go, so that not even a
/// process that is killed between two names leaves it beside the others of an earlier run.
///
/// # Errors
/// The disk is full or a rename is refused.
pub fn commit_together(files: impl IntoIterator<Item = NewFile>) -> Result<()> {
    let finished: Vec<Finished> = files.into_iter().map(NewFile::finish).collect::<Result<_>>()?;
    let named: Vec<&Finished> = finished.iter().filter(|file| file.partial.is_some()).collect();
    // Another process that writes the same files waits, so that none is left beside one of ours.
    let _alone = match named.as_slice() {
        [main, _, ..] => Some(OutputLock::wait(&main.name)?),
        _ => None,
    };
    // A forced end of the process waits until all names are given.
    let lock = partials();
    let mut moves = Moves::default();
    match name_all(&named, &mut moves) {
        Ok(earlier) => earlier.into_iter().for_each(|path| {
            if let Err(e) = fs::remove_file(&path)
                && e.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("cannot remove the earlier file {}: {e}", path.display());
            }
        }),
        Err((file, error)) => {
            moves.undo();
            return Err(Fault::io("write", &file.target, error));
        }
    }
    drop(lock);
    finished.into_iter().filter_map(|file| file.partial).for_each(PartialFile::keep);
    Ok(())
}

/// Returns where the earlier files are that had the names.
fn name_all<'a>(
    files: &[&'a Finished],
    moves: &mut Moves,
) -> Result<Vec<PathBuf>, (&'a Finished, io::Error)> {
    let mut earlier = Vec::new();
    // One file simply takes the place of the earlier one.
    if files.len() > 1 {
        for file in files {
            earlier.extend(moves.move_aside(&file.name).map_err(|e| (*file, e))?);
        }
    }
    for file in files.iter().rev() {
        if let Some(partial) = &file.partial {
            moves.move_to(partial.path(), &file.name).map_err(|e| (*file, e))?;
        }
    }
    match files.first() {
        Some(main) => {
            let targets = files.iter().map(|file| file.name.as_path());
            sync_names(targets).map_err(|e| (*main, e))?;
            Ok(earlier)
        }
        None => Ok(earlier),
    }
}

/// Writes `value` as indented JSON with a final newline, whole or not at all.
///
/// # Errors
/// `value` cannot be written as JSON or `target` cannot be written.
pub fn write_json(target: &Path, value: &impl Serialize) -> Result<()> {
    let mut file = NewFile::create(target)?;
    put_json(&mut file, value)?;
    file.commit()
}

/// Writes `value` into `file` as indented JSON with a final newline.
///
/// # Errors
/// `value` cannot be written as JSON or the file cannot be written.
pub fn put_json(file: &mut NewFile, value: &impl Serialize) -> Result<()> {
    let target = file.target().to_path_buf();
    serde_json::to_writer_pretty(&mut *file, value).map_err(|e| match e.io_error_kind() {
        Some(_) => Fault::io("write", &target, e.into()),
        None => Fault::failed(format!("writing {}", target.display()), e),
    })?;
    file.write_all(b"\n").map_err(|e| Fault::io("write", &target, e))
}
