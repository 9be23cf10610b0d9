//! The messages of an Arrow IPC stream, taken apart before anything in them is believed.
//!
//! A message is `FF FF FF FF`, the length of its metadata in 4 bytes, the metadata (a flatbuffer,
//! padded to 8 bytes) and as many bytes of body as the metadata say. A length of 0 ends the stream.

use std::io::{BufReader, ErrorKind, Read};

use arrow::ipc::root_as_message;
use readlens_fault::{Fault, InputFault, Place};

/// Most bytes of a message's metadata: names of a million taxa.
const MOST_METADATA: u32 = 64 << 20;
/// Body that any message may have, whatever was asked: padding.
const PADDING: u64 = 1 << 16;
/// Bytes of what is no stream that a message shows.
const SHOWN: usize = 60;
const CONTINUATION: [u8; 4] = [0xFF; 4];

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// A flatbuffer `Message`, which was verified.
    pub(crate) metadata: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// The next message of `stream`; none at its end. Its body may have `most` bytes, which is asked
/// once the message has begun: only then what was asked of its author is known.
///
/// # Errors
/// It is no Arrow IPC stream, ends within a message, or claims to be larger than it may be.
pub(crate) fn read(
    stream: &mut BufReader<impl Read>,
    most: impl Fn() -> u64,
) -> Result<Option<Frame>, Box<InputFault>> {
    let start = take(stream, 4)?;
    if start.is_empty() {
        return Ok(None);
    }
    if start != CONTINUATION {
        return Err(no_stream(start, stream.buffer()));
    }
    let length = take(stream, 4)?;
    let length = <[u8; 4]>::try_from(length.as_slice()).map_err(|_| cut("in a length"))?;
    let length = u32::from_le_bytes(length);
    if length == 0 {
        return Ok(None);
    }
    if length > MOST_METADATA {
        let expected = format!("metadata of at most {MOST_METADATA} bytes");
        return Err(too_large(expected, u64::from(length)));
    }
    let metadata = take(stream, u64::from(length))?;
    if metadata.len() < length as usize {
        return Err(cut("in the metadata of a message"));
    }
    let body = root_as_message(&metadata).map_err(|e| broken(e.to_string()))?.bodyLength();
    let body = u64::try_from(body).map_err(|_| broken(format!("a body of {body} bytes")))?;
    let most = most() + PADDING;
    if body > most {
        return Err(too_large(format!("a body of at most {most} bytes"), body));
    }
    let bytes = take(stream, body)?;
    if (bytes.len() as u64) < body {
        return Err(cut("in the body of a message"));
    }
    Ok(Some(Frame { metadata, body: bytes }))
}

/// The next `count` bytes, or fewer at the end. Memory grows with what comes, not with the claim.
fn take(stream: &mut impl Read, count: u64) -> Result<Vec<u8>, Box<InputFault>> {
    let mut bytes = Vec::new();
    match stream.take(count).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        // The pipe was closed because the process was ended.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(bytes),
        Err(e) => Err(broken(e.to_string())),
    }
}

fn fault() -> InputFault {
    Fault::input("").at(Place::Part("standard output".to_owned()))
}

/// What is said of bytes that are no message: most often a program has printed something. `more`
/// has come already: who waits for the rest of a line may wait for ever.
fn no_stream(start: Vec<u8>, more: &[u8]) -> Box<InputFault> {
    let shown: Vec<u8> = start.into_iter().chain(more.iter().copied()).take(SHOWN).collect();
    Box::new(
        fault()
            .expected("an Arrow IPC stream and nothing else")
            .found(format!("{:?}", String::from_utf8_lossy(&shown)))
            .remedy(
                "let the program print everything else to standard error: in Python \
                 print(..., file=sys.stderr)",
            ),
    )
}

fn cut(place: &str) -> Box<InputFault> {
    Box::new(
        fault()
            .expected("whole Arrow IPC messages")
            .found(format!("an end {place}"))
            .remedy("see what the program says on standard error, and flush what it writes"),
    )
}

fn too_large(expected: String, found: u64) -> Box<InputFault> {
    Box::new(
        fault()
            .expected(expected)
            .found(format!("one of {found} bytes"))
            .remedy("answer each batch with one batch of as many rows"),
    )
}

pub(crate) fn broken(found: impl std::fmt::Display) -> Box<InputFault> {
    Box::new(
        fault().expected("Arrow IPC messages").found(found).remedy(
            "write them with an Arrow library, of format version 5 and without compression",
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use std::sync::Arc;

    use arrow::array::{Float32Array, RecordBatch};
    use arrow::ipc::writer::StreamWriter;

    fn stream() -> Vec<u8> {
        let values = Arc::new(Float32Array::from(vec![0.5; 1000]));
        let batch = RecordBatch::try_from_iter([("p", values as _)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn a_stream_is_its_messages() {
        let stream = stream();
        let rest = &mut BufReader::new(stream.as_slice());
        assert!(read(rest, || 0).unwrap().unwrap().body.is_empty());
        assert!(read(rest, || 4000).unwrap().unwrap().body.len() >= 4000);
        assert!(read(rest, || 0).unwrap().is_none());
        assert!(read(rest, || 0).unwrap().is_none());
    }

    /// Every place where a stream can be cut, and every byte of its metadata changed: it is read,
    /// or refused, and nothing is taken for granted.
    #[test]
    fn cut_and_changed_streams_are_refused_or_read() {
        let whole = stream();
        let read_all = |rest: &[u8]| -> Result<usize, Box<InputFault>> {
            let (mut rest, mut messages) = (BufReader::new(rest), 0);
            while read(&mut rest, || 4096)?.is_some() {
                messages += 1;
            }
            Ok(messages)
        };
        assert_eq!(read_all(&whole), Ok(2));
        // Between two messages a stream may end: whether it should have is not known here.
        let ends = (1..whole.len()).filter(|&end| read_all(&whole[..end]).is_ok()).count();
        assert_eq!(ends, 2);
        let mut changed = whole.clone();
        for place in 0..600 {
            changed[place] ^= 0xFF;
            let _ = read_all(&changed);
            changed[place] ^= 0xFF;
        }
    }

    #[test]
    fn a_claim_takes_no_memory() {
        let mut claim = CONTINUATION.to_vec();
        claim.extend(u32::MAX.to_le_bytes());
        let fault = read(&mut BufReader::new(claim.as_slice()), || 0).unwrap_err().to_string();
        assert!(fault.contains("found one of 4294967295 bytes"), "{fault}");
        let printed = &mut BufReader::new("Loading the model…\n".as_bytes());
        let fault = read(printed, || 0).unwrap_err().to_string();
        assert!(fault.contains("Loading the model") && fault.contains("standard error"), "{fault}");
    }
}
