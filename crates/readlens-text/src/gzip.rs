//! Gzip members one after the other.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What the members of a gzip file are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// Whether the first one is a block of bgzip: it has the extra field BC.
    pub(crate) is_bgzip: bool,
    /// Bytes that the last one unpacked to. Whole bgzip files end with an empty block.
    pub(crate) last_bytes: u64,
}

/// Unpacks all members of a gzip file. Zero bytes behind the last are its end too: tapes and
/// copies of whole blocks leave them, and gzip(1) passes over them.
#[derive(Debug)]
pub(crate) struct Gzip<R> {
    state: State<R>,
    members: Members,
    is_first: bool,
}

#[derive(Debug)]
enum State<R> {
    Member(Box<GzDecoder<R>>),
    Between(R),
    Done,
}

impl<R: BufRead> Gzip<R> {
    pub(crate) fn new(packed: R) -> Self {
        let state = State::Member(Box::new(GzDecoder::new(packed)));
        Self { state, members: Members::default(), is_first: true }
    }

    /// What the members are, once all have been read.
    pub(crate) fn finished(&self) -> Option<Members> {
        matches!(self.state, State::Done).then_some(self.members)
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Done => return Ok(0),
                State::Member(member) => {
                    let count = member.read(buffer)?;
                    if std::mem::take(&mut self.is_first) {
                        let extra = member.header().and_then(|header| header.extra());
                        self.members.is_bgzip = extra.is_some_and(has_block_size);
                    }
                    self.members.last_bytes += count as u64;
                    if count > 0 {
                        return Ok(count);
                    }
                    let State::Member(member) = std::mem::replace(&mut self.state, State::Done)
                    else {
                        continue;
                    };
                    self.state = State::Between(member.into_inner());
                }
                State::Between(packed) => {
                    let ahead = packed.fill_buf()?;
                    let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
                    let is_end = ahead.is_empty();
                    packed.consume(zeros);
                    if is_end {
                        self.state = State::Done;
                    } else if zeros == 0 {
                        let State::Between(packed) =
                            std::mem::replace(&mut self.state, State::Done)
                        else {
                            continue;
                        };
                        self.members.last_bytes = 0;
                        self.state = State::Member(Box::new(GzDecoder::new(packed)));
                    }
                }
            }
        }
    }
}

/// Whether the extra field of a member has the subfield BC, which holds the size of a bgzip block
/// (SAM specification, 4.1).
fn has_block_size(mut extra: &[u8]) -> bool {
    while let [first, second, low, high, rest @ ..] = extra {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if [*first, *second] == *b"BC" && length == 2 {
            return true;
        }
        extra = rest.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::io::{BufReader, Write};

    use super::*;

    fn member(bytes: &[u8], is_bgzip: bool) -> Vec<u8> {
        let mut builder = flate2::GzBuilder::new();
        if is_bgzip {
            // Another subfield first, as the specification allows.
            builder = builder.extra([b'X', b'Y', 1, 0, 9, b'B', b'C', 2, 0, 0, 0]);
        }
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(packed: &[u8], buffer: usize) -> io::Result<(Vec<u8>, Option<Members>)> {
        let mut gzip = Gzip::new(BufReader::with_capacity(buffer, packed));
        let mut bytes = Vec::new();
        gzip.read_to_end(&mut bytes)?;
        Ok((bytes, gzip.finished()))
    }

    #[test]
    fn zeros_behind_a_member_are_its_end() {
        let packed = [member(b"ACGT", false), vec![0; 1000]].concat();
        for buffer in [1, 7, 1 << 16] {
            let (bytes, members) = unpack(&packed, buffer).unwrap();
            assert_eq!(bytes, b"ACGT");
            assert_eq!(members, Some(Members { is_bgzip: false, last_bytes: 4 }));
        }
        let padded = [packed.clone(), member(b"TTTT", false)].concat();
        assert_eq!(unpack(&padded, 64).unwrap().0, b"ACGTTTTT");
        assert!(unpack(&[packed, b"garbage".to_vec()].concat(), 64).is_err());
    }

    #[test]
    fn bgzip_is_known_by_its_extra_field_and_its_end_by_an_empty_block() {
        let whole = [member(b"AC", true), member(b"GT", true), member(b"", true)].concat();
        let (bytes, members) = unpack(&whole, 64).unwrap();
        assert_eq!(bytes, b"ACGT");
        assert_eq!(members, Some(Members { is_bgzip: true, last_bytes: 0 }));
        let cut = [member(b"AC", true), member(b"GT", true)].concat();
        assert_eq!(unpack(&cut, 64).unwrap().1, Some(Members { is_bgzip: true, last_bytes: 2 }));
        assert!(unpack(&cut[..cut.len() - 3], 64).is_err());
        assert!(!has_block_size(b"BC\x03\x00") && !has_block_size(b"B") && !has_block_size(b""));
    }
}
