//! What a file is by its first bytes; names and extensions are never asked.

/// Sequence formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Fasta,
    Fastq,
}

impl Format {
    pub(crate) fn of(first: u8) -> Option<Self> {
        match first {
            b'>' => Some(Self::Fasta),
            b'@' => Some(Self::Fastq),
            _ => None,
        }
    }
}

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Bytes that [`Compression::of`] looks at.
pub(crate) const MAGIC_BYTES: usize = 4;

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

/// Names what is neither FASTA nor FASTQ, for the message.
pub(crate) fn describe(head: &[u8]) -> String {
    let known: [(&[u8], &str); 15] = [
        (b"<", "HTML or XML"),
        (b"PK\x03\x04", "a zip archive"),
        (b"BZh", "bzip2 (unpack it first)"),
        (b"\xfd7zXZ", "xz (unpack it first)"),
        (b"\x1f\x8b", "gzip within a compressed file"),
        (b"\x28\xb5\x2f\xfd", "zstd within a compressed file"),
        (b"PAR1", "Parquet"),
        (b"BAM\x01", "BAM"),
        (b"CRAM", "CRAM"),
        (b"BCF", "BCF"),
        (b"##", "a text table"),
        (b"LOCUS", "GenBank"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
        (b"{", "JSON"),
    ];
    if let Some((_, name)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).to_owned();
    }
    let shown = &head[..head.len().min(16)];
    if shown.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        format!("text that begins with {:?}", String::from_utf8_lossy(shown))
    } else {
        format!("binary data that begins with \"{}\"", shown.escape_ascii())
    }
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
    fn foreign_formats_are_named() {
        assert_eq!(describe(b"<!DOCTYPE html>"), "HTML or XML");
        assert_eq!(describe(b"id\tgenus\n"), "text that begins with \"id\\tgenus\\n\"");
        assert_eq!(describe(b"\x7fELF"), "binary data that begins with \"\\x7fELF\"");
    }
}
