use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readlens_fault::{Fault, Result};
use readlens_provenance::InputDigest;

use super::read_ahead::ReadAhead;
use super::signature::{Compression, MAGIC_BYTES};

/// The path that means standard input.
pub(crate) const STDIN: &str = "-";

pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// Unpacked bytes of an input.
pub(crate) type Bytes = BufReader<Box<dyn Read + Send>>;

/// What stays in hand while the bytes of an input travel through decoder and parser: its
/// digest, its progress and the first fault met below them, which they would flatten to text.
#[derive(Clone)]
pub(crate) struct Tap {
    path: PathBuf,
    raw: Arc<Mutex<ReadAhead>>,
    raw_bytes: Arc<AtomicU64>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Tap {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes taken from the file since the last call.
    pub(crate) fn take_raw_bytes(&self) -> u64 {
        self.raw_bytes.swap(0, Ordering::Relaxed)
    }

    /// Keeps the first fault and gives the error that stops the readers above.
    pub(crate) fn fail(&self, fault: impl Into<Fault>) -> io::Error {
        lock(&self.fault).get_or_insert_with(|| fault.into());
        io::Error::other("see the fault of the tap")
    }

    /// The fault that stopped the readers, if it came from below them.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        lock(&self.fault).take()
    }

    /// The fault behind `error`, which a reader above has passed on.
    pub(crate) fn fault_of(&self, error: io::Error) -> Fault {
        self.take_fault().unwrap_or_else(|| Fault::io("read", &self.path, error))
    }

    /// Digest of the whole input; the rest that no reader took is read for it.
    pub(crate) fn finish(&self, role: &str) -> Result<InputDigest> {
        let (sha256, bytes) = lock(&self.raw).finish().map_err(|e| self.fault_of(e))?;
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| STDIN.to_owned());
        Ok(InputDigest { role: role.to_owned(), name, sha256, bytes })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens `path` (`-` is standard input) and unpacks it if its first bytes say gzip or zstd.
///
/// # Errors
/// The file cannot be opened or read.
pub(crate) fn open(path: &Path) -> Result<(Bytes, Tap)> {
    let file: Box<dyn Read + Send> = if is_stdin(path) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|e| Fault::io("open", path, e))?)
    };
    let ahead = ReadAhead::new(file).map_err(|e| Fault::failed("starting to read", e))?;
    let tap = Tap {
        path: path.to_path_buf(),
        raw: Arc::new(Mutex::new(ahead)),
        raw_bytes: Arc::default(),
        fault: Arc::default(),
    };
    let mut raw = RawReader(tap.clone());
    let mut head = Vec::with_capacity(MAGIC_BYTES);
    let read = raw.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut head);
    read.map_err(|e| tap.fault_of(e))?;
    let compression = Compression::of(&head);
    let raw = BufReader::with_capacity(1 << 17, Cursor::new(head).chain(raw));
    let unpacked: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(Unpacked {
            inner: flate2::bufread::MultiGzDecoder::new(raw),
            compression,
            tap: tap.clone(),
        }),
        Compression::Zstd => Box::new(Unpacked {
            inner: zstd::stream::read::Decoder::with_buffer(raw)
                .map_err(|e| Fault::failed("starting the zstd decoder", e))?,
            compression,
            tap: tap.clone(),
        }),
    };
    Ok((BufReader::with_capacity(1 << 16, unpacked), tap))
}

/// The bytes of the file itself.
struct RawReader(Tap);

impl Read for RawReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = lock(&self.0.raw).read(buffer);
        match read {
            Ok(count) => {
                self.0.raw_bytes.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => Err(self.0.fail(Fault::io("read", &self.0.path, e))),
        }
    }
}

/// A decoder whose errors are faults of the input, unless the file itself could not be read.
struct Unpacked<R> {
    inner: R,
    compression: Compression,
    tap: Tap,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|e| {
            if e.kind() == io::ErrorKind::Interrupted {
                return e;
            }
            let found = match e.kind() {
                io::ErrorKind::UnexpectedEof => "an end in the middle of a block".to_owned(),
                _ => format!("damage: {e}"),
            };
            let fault = Fault::input(&self.tap.path)
                .expected(format!("whole {} data", self.compression.name()))
                .found(found)
                .remedy("the file was cut off or damaged on its way: fetch or pack it again");
            self.tap.fail(fault)
        })
    }
}
