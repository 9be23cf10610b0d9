//! What a path that is given as an output may be.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use readlens_fault::{Fault, Result};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::directory_kind::DirectoryKind;
use super::partial::parent_of;

/// What names standard output.
const STANDARD_OUTPUT: &str = "-";
/// Links that are followed, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// How long a FIFO may be without a reader, and how often it is asked for one.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(20);

/// Where the bytes of an output file go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileTarget {
    /// A regular file or a new name, with all links followed: replaced whole.
    Named(PathBuf),
    /// A character device, FIFO or open file of this process: written to.
    Through(PathBuf),
    /// A socket: connected to and written to.
    Socket(PathBuf),
    /// Standard output.
    Standard,
}

impl FileTarget {
    /// What the output file `path` is, without touching it.
    ///
    /// # Errors
    /// [`Fault::Usage`]: `path` has no name, is a directory or a block device, or a link that leads
    /// nowhere; its name is too long, or its directory cannot be one.
    pub(super) fn of(path: &Path) -> Result<Self> {
        if path == Path::new(STANDARD_OUTPUT) {
            return Ok(Self::Standard);
        }
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(refused(path, "it names a directory; name a file"));
        }
        let end = match followed(path)? {
            Followed::OpenFile(end) => return Ok(Self::Through(end)),
            Followed::Nothing(end) => return Ok(Self::Named(end)),
            Followed::Something(end) => end,
        };
        let kind = fs::symlink_metadata(&end).map_err(|e| unreachable_path(path, &e))?.file_type();
        if kind.is_file() {
            Ok(Self::Named(end))
        } else if kind.is_char_device() || kind.is_fifo() {
            Ok(Self::Through(end))
        } else if kind.is_socket() {
            Ok(Self::Socket(end))
        } else if kind.is_dir() {
            Err(refused(path, "it is a directory; name a file"))
        } else {
            Err(refused(path, "it is a disk; name a file"))
        }
    }

    /// The path that is written to, or takes the file.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Through(path) | Self::Socket(path) => path,
            Self::Standard => Path::new(STANDARD_OUTPUT),
        }
    }

    /// Opens what is written to as it is; none for a name, which is given at the end.
    pub(super) fn open(&self) -> io::Result<Option<Box<dyn io::Write + Send>>> {
        Ok(match self {
            Self::Named(_) => None,
            Self::Through(path) => {
                // Held meanwhile: a reader whose last writer has gone is at its end.
                let _held = wait_for_reader(path)?;
                Some(Box::new(OpenOptions::new().append(true).open(path)?))
            }
            Self::Socket(path) => Some(Box::new(UnixStream::connect(path)?)),
            Self::Standard => Some(Box::new(io::stdout())),
        })
    }
}

/// Waits a while until somebody reads the FIFO `path`: opening it would wait for ever.
fn wait_for_reader(path: &Path) -> io::Result<File> {
    let begun = Instant::now();
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match OpenOptions::new().write(true).custom_flags(at_once).open(path) {
            // What a FIFO without a reader answers.
            Err(e) if e.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {}
            opened => return opened,
        }
        if begun.elapsed() > PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
        }
        thread::sleep(LOOK);
    }
}

/// The directory that an output directory `path` is, with all links followed.
///
/// # Errors
/// [`Fault::Usage`]: `path` has no name, is no directory, or is one that `kind` may not replace.
pub(super) fn directory_target(path: &Path, kind: &DirectoryKind) -> Result<PathBuf> {
    if path == Path::new(STANDARD_OUTPUT) {
        return Err(refused(path, "a directory cannot go to standard output; name a directory"));
    }
    match followed(path)? {
        Followed::OpenFile(_) => Err(refused(path, "it is an open file; name a directory")),
        Followed::Nothing(end) => Ok(end),
        Followed::Something(end) => {
            if !end.is_dir() {
                return Err(refused(path, "it is no directory; name another, or remove it"));
            }
            kind.check_replaceable(path)?;
            Ok(end)
        }
    }
}

/// Where a path leads.
enum Followed {
    Something(PathBuf),
    /// A name that is free.
    Nothing(PathBuf),
    /// An entry of `/proc`, such as `/dev/stdout` leads to: an open file of a process.
    OpenFile(PathBuf),
}

/// `path` with all links above it followed as far as it exists; free names stand behind.
///
/// # Errors
/// [`Fault::Usage`]: a name that is free is followed by `..`, or something in it cannot be reached.
pub(super) fn resolved(path: &Path) -> Result<PathBuf> {
    let mut at: PathBuf = path.components().collect();
    let mut free = Vec::new();
    loop {
        let exists = if at.as_os_str().is_empty() { Path::new(".") } else { &at };
        match fs::canonicalize(exists) {
            Ok(full) => return Ok(free.iter().rev().fold(full, |above, name| above.join(name))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(unreachable_path(path, &e)),
        }
        let Some(name) = at.file_name() else {
            let problem = "it goes up from a folder that is not there; name it without \"..\"";
            return Err(refused(path, problem));
        };
        free.push(name.to_os_string());
        at.pop();
    }
}

fn followed(path: &Path) -> Result<Followed> {
    // Without slashes at the end, which would hide that a link leads nowhere.
    let mut end: PathBuf = path.components().collect();
    let named = end.clone();
    for _ in 0..MOST_LINKS {
        if end.file_name().is_none() {
            return Err(refused(path, "it has no name; name a new file or directory"));
        }
        let found = match fs::symlink_metadata(&end) {
            Ok(found) => found,
            Err(e) if e.kind() == io::ErrorKind::NotFound && end == named => {
                check_room(path)?;
                return Ok(Followed::Nothing(resolved(path)?));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let problem = format!("it is a link to {}, which is not there", end.display());
                return Err(refused(
                    path,
                    &format!("{problem}; remove the link or make its target"),
                ));
            }
            Err(e) => return Err(unreachable_path(path, &e)),
        };
        if !found.is_symlink() {
            return Ok(Followed::Something(end));
        }
        if fs::canonicalize(parent_of(&end)).is_ok_and(|parent| parent.starts_with("/proc")) {
            return Ok(Followed::OpenFile(end));
        }
        let next = fs::read_link(&end).map_err(|e| unreachable_path(path, &e))?;
        end = parent_of(&end).join(next);
    }
    Err(refused(path, "its links lead in a circle; name a file"))
}

/// The nearest directory above a new name must be one.
fn check_room(path: &Path) -> Result<()> {
    let mut above = parent_of(path);
    loop {
        match fs::metadata(&above) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => {
                let problem = format!("{} is no directory; name another folder", above.display());
                return Err(refused(path, &problem));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && !above.is_symlink() => {
                above = parent_of(&above);
            }
            Err(e) => return Err(unreachable_path(path, &e)),
        }
    }
}

fn refused(path: &Path, problem: &str) -> Fault {
    Fault::usage(format!("cannot write {}: {problem}", path.display()))
}

fn unreachable_path(path: &Path, error: &io::Error) -> Fault {
    refused(path, &format!("{error}; choose another name"))
}
