//! How bytes are packed, by the first of them.

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Bytes of a file that [`Compression::of`] and [`zstd_window`] look at: as many as the longest
/// header of a zstd frame has.
pub(crate) const HEAD_BYTES: usize = 18;

impl Compression {
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame such as pzstd and the seekable format begin with.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Bytes of the window that the zstd frame beginning with `head` asks for; none where the file
/// does not begin with a frame. RFC 8878, 3.1.1.1.
pub(crate) fn zstd_window(head: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = head else { return None };
    if descriptor & 0x20 == 0 {
        let window = u64::from(*rest.first()?);
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * (window & 7));
    }
    // A single segment: its window is its content, whose size follows the dictionary's number.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (bytes, added) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
    let size = rest.get(dictionary..dictionary + bytes)?;
    let size = size.iter().rev().fold(0_u64, |size, &byte| size << 8 | u64::from(byte));
    Some(size.saturating_add(added))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressions_are_known_by_their_magic() {
        assert_eq!(Compression::of(b"\x1f\x8b\x08\x00"), Compression::Gzip);
        assert_eq!(Compression::of(b"\x28\xb5\x2f\xfd"), Compression::Zstd);
        assert_eq!(Compression::of(b"\x50\x2a\x4d\x18"), Compression::Zstd);
        assert_eq!(Compression::of(b">id\n"), Compression::None);
        assert_eq!(Compression::of(b""), Compression::None);
    }

    #[test]
    fn the_window_of_a_frame_is_read_from_its_header() {
        // Exponent 21 and mantissa 0: 2^(10 + 21); mantissa 1 adds an eighth.
        assert_eq!(zstd_window(b"\x28\xb5\x2f\xfd\x00\xa8"), Some(1 << 31));
        assert_eq!(zstd_window(b"\x28\xb5\x2f\xfd\x00\x01"), Some(1024 + 128));
        // Single segments of 5 bytes, and of 256 + 1 bytes behind a dictionary number of 1 byte.
        assert_eq!(zstd_window(b"\x28\xb5\x2f\xfd\x20\x05"), Some(5));
        assert_eq!(zstd_window(b"\x28\xb5\x2f\xfd\x61\x07\x01\x00"), Some(257));
        assert_eq!(zstd_window(b"\x50\x2a\x4d\x18\x00\xa8"), None);
        assert_eq!(zstd_window(b"\x28\xb5\x2f\xfd\x00"), None);
    }
}
