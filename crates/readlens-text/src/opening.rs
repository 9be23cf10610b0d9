use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readlens_fault::{Fault, Result};
use readlens_provenance::InputDigest;

use crate::compression::{Compression, HEAD_BYTES, zstd_window};
use crate::gzip::{Gzip, Members};
use crate::read_ahead::ReadAhead;

/// The path that means standard input.
pub const STDIN: &str = "-";
/// Largest window of a zstd frame, as a power of two in bytes: the memory that unpacking takes.
const MAX_WINDOW_LOG: u32 = 30;

/// Whether `path` means standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// Unpacked bytes of an input.
pub type Bytes = BufReader<Box<dyn Read + Send>>;

/// What stays in hand while the bytes of an input travel through decoder and parser: its
/// digest, its progress and the first fault met below them, which they would flatten to text.
#[derive(Clone, Debug)]
pub struct Tap {
    path: PathBuf,
    raw: Arc<Mutex<ReadAhead>>,
    raw_bytes: Arc<AtomicU64>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Tap {
    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes taken from the file since the last call.
    pub fn take_raw_bytes(&self) -> u64 {
        self.raw_bytes.swap(0, Ordering::Relaxed)
    }

    /// Keeps the first fault and gives the error that stops the readers above.
    pub fn fail(&self, fault: impl Into<Fault>) -> io::Error {
        lock(&self.fault).get_or_insert_with(|| fault.into());
        io::Error::other("see the fault of the tap")
    }

    /// The fault that stopped the readers, if it came from below them.
    pub fn take_fault(&self) -> Option<Fault> {
        lock(&self.fault).take()
    }

    /// The fault behind `error`, which a reader above has passed on.
    pub fn fault_of(&self, error: io::Error) -> Fault {
        self.take_fault().unwrap_or_else(|| Fault::io("read", &self.path, error))
    }

    /// Digest of the whole input as `role`; the rest that no reader took is read for it.
    ///
    /// # Errors
    /// The rest cannot be read.
    pub fn finish(&self, role: &str) -> Result<InputDigest> {
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
pub fn open(path: &Path) -> Result<(Bytes, Tap)> {
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
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let read = raw.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
    read.map_err(|e| tap.fault_of(e))?;
    let compression = Compression::of(&head);
    let window = zstd_window(&head);
    let raw = BufReader::with_capacity(1 << 17, Cursor::new(head).chain(raw));
    let decoder = match compression {
        Compression::None => return Ok((boxed(raw), tap)),
        Compression::Gzip => Decoder::Gzip(Gzip::new(raw)),
        Compression::Zstd => {
            let failed = |e| Fault::failed("starting the zstd decoder", e);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(failed)?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(failed)?;
            Decoder::Zstd { decoder, window }
        }
    };
    let is_told = false;
    Ok((boxed(Unpacked { decoder, compression, tap: tap.clone(), is_told }), tap))
}

fn boxed(bytes: impl Read + Send + 'static) -> Bytes {
    BufReader::with_capacity(1 << 16, Box::new(bytes))
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
struct Unpacked<R: BufRead> {
    decoder: Decoder<R>,
    compression: Compression,
    tap: Tap,
    /// Whether the end was met and what is odd about it was said.
    is_told: bool,
}

enum Decoder<R: BufRead> {
    Gzip(Gzip<R>),
    Zstd {
        decoder: zstd::stream::read::Decoder<'static, R>,
        /// Bytes that the window of the first frame takes.
        window: Option<u64>,
    },
}

impl<R: BufRead> Unpacked<R> {
    fn fault(&self, error: &io::Error) -> Fault {
        let fault = Fault::input(self.tap.path());
        // The library has no kind of its own for it.
        if let Decoder::Zstd { window, .. } = &self.decoder
            && error.to_string().contains("too much memory")
        {
            let largest = 1_u64 << MAX_WINDOW_LOG;
            // That of the first frame; where it is small, a later one is meant.
            let larger = window.filter(|window| *window > largest);
            let bytes = larger.map_or_else(|| "a larger one".to_owned(), |w| format!("{w} bytes"));
            return fault
                .expected(format!("zstd data with a window of at most {largest} bytes"))
                .found(bytes)
                .remedy("unpack the file first: zstd -d --long=31")
                .into();
        }
        let found = match error.kind() {
            io::ErrorKind::UnexpectedEof => "an end in the middle of a block".to_owned(),
            _ => format!("damage: {error}"),
        };
        fault
            .expected(format!("whole {} data", self.compression.name()))
            .found(found)
            .remedy("the file was cut off or damaged on its way: fetch or pack it again")
            .into()
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstd { decoder, .. } => decoder.read(buffer),
        };
        if let (Ok(0), Decoder::Gzip(gzip)) = (&read, &self.decoder)
            && let Some(Members { is_bgzip: true, last_bytes: 1.. }) = gzip.finished()
            && !std::mem::replace(&mut self.is_told, true)
        {
            tracing::warn!(
                "{}: read to the end of bgzip data without the empty block that ends it; the file may \
                 be cut off: compare its size with the source's, or fetch it again",
                self.tap.path().display()
            );
        }
        read.map_err(|e| match e.kind() {
            io::ErrorKind::Interrupted => e,
            _ => self.tap.fail(self.fault(&e)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::io::Write;

    use super::*;

    /// A zstd frame with one raw block whose header asks for a window of 2^`log` bytes.
    fn frame(log: u8, bytes: &[u8]) -> Vec<u8> {
        let block = (bytes.len() as u32) << 3 | 1;
        let header = [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
        [&header[..], &block.to_le_bytes()[..3], bytes].concat()
    }

    fn read(bytes: &[u8]) -> Result<String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let (mut unpacked, tap) = open(file.path())?;
        let mut text = String::new();
        unpacked.read_to_string(&mut text).map_err(|e| tap.fault_of(e))?;
        Ok(text)
    }

    #[test]
    fn a_long_window_of_zstd_is_read_up_to_a_limit_that_the_message_names() {
        for log in [17, 27, 30] {
            assert_eq!(read(&frame(log, b"ACGT")).unwrap(), "ACGT", "{log}");
        }
        let message = read(&frame(31, b"ACGT")).unwrap_err().to_string();
        let end = "expected zstd data with a window of at most 1073741824 bytes, found 2147483648 \
                   bytes; unpack the file first: zstd -d --long=31";
        assert!(message.ends_with(end), "{message}");
        // Another frame than the first: its window is not known, but what to do is.
        let second = [frame(17, b"AC"), frame(31, b"GT")].concat();
        let message = read(&second).unwrap_err().to_string();
        assert!(message.contains("bytes, found a larger one; unpack"), "{message}");
    }

    #[test]
    fn an_empty_file_and_one_byte_are_plain() {
        assert_eq!(read(b"").unwrap(), "");
        assert_eq!(read(b"A").unwrap(), "A");
    }
}
