use std::io::{self, Cursor, Read};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use readlens_provenance::{DigestReader, Sha256Digest};

/// Bytes read at a time.
const BLOCK_BYTES: usize = 1 << 18;
/// Blocks that wait to be parsed.
const WAITING: usize = 4;

/// Reads and digests a stream on a thread of its own: the digest takes as long as the parser.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Cursor<Vec<u8>>,
    /// None once the digest was taken.
    thread: Option<JoinHandle<(Sha256Digest, u64)>>,
}

impl ReadAhead {
    /// Begins to read `source`.
    ///
    /// # Errors
    /// The system refuses the thread.
    pub(crate) fn new(source: impl Read + Send + 'static) -> io::Result<Self> {
        let (filled, blocks) = sync_channel(WAITING);
        let source = DigestReader::new(source);
        // Not joined if nobody takes the blocks any more: it may wait for a pipe, for ever.
        let thread = thread::Builder::new().spawn(move || read(source, &filled))?;
        Ok(Self { blocks, block: Cursor::default(), thread: Some(thread) })
    }

    /// Digest and length in bytes of the whole stream; what was not read of it is read for that.
    ///
    /// # Errors
    /// The rest cannot be read, or the digest was taken before.
    pub(crate) fn finish(&mut self) -> io::Result<(Sha256Digest, u64)> {
        io::copy(self, &mut io::sink())?;
        let thread = self.thread.take().ok_or_else(|| io::Error::other("digested before"))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

/// Sends `source` in blocks, up to its end, a fault or the end of interest.
fn read(
    mut source: DigestReader<impl Read>,
    filled: &SyncSender<io::Result<Vec<u8>>>,
) -> (Sha256Digest, u64) {
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let outcome = source.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block);
        let is_last = !matches!(outcome, Ok(count) if count > 0);
        // What came before a fault goes before it.
        let has_taker = block.is_empty() || filled.send(Ok(block)).is_ok();
        if let (Err(e), true) = (outcome, has_taker) {
            let _ = filled.send(Err(e));
        }
        if is_last || !has_taker {
            return source.finish();
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.block.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.blocks.recv() {
                Ok(block) => self.block = Cursor::new(block?),
                Err(_) => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use readlens_provenance::digest_bytes;

    use super::*;

    fn bytes() -> Vec<u8> {
        (0..3 * BLOCK_BYTES + 5).map(|i| (i * i % 251) as u8).collect()
    }

    #[test]
    fn the_stream_and_its_digest_come_whole() {
        let mut ahead = ReadAhead::new(Cursor::new(bytes())).unwrap();
        let mut read = Vec::new();
        ahead.read_to_end(&mut read).unwrap();
        assert!(read == bytes());
        assert_eq!(ahead.finish().unwrap(), (digest_bytes(&bytes()), bytes().len() as u64));
        assert!(ahead.finish().is_err());
    }

    #[test]
    fn the_digest_is_of_the_bytes_that_nobody_read_too() {
        let mut ahead = ReadAhead::new(Cursor::new(bytes())).unwrap();
        ahead.read_exact(&mut [0; 10]).unwrap();
        assert_eq!(ahead.finish().unwrap().0, digest_bytes(&bytes()));
    }

    #[test]
    fn a_fault_comes_behind_the_bytes_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken cable"))
            }
        }
        let mut ahead = ReadAhead::new(Cursor::new(b"ACGT").chain(Broken)).unwrap();
        let mut read = Vec::new();
        assert_eq!(ahead.read_to_end(&mut read).unwrap_err().to_string(), "broken cable");
        assert_eq!(read, b"ACGT");
    }

    #[test]
    fn a_stream_without_end_may_be_left() {
        let mut ahead = ReadAhead::new(io::repeat(b'A')).unwrap();
        ahead.read_exact(&mut [0; 10]).unwrap();
        drop(ahead);
    }
}
