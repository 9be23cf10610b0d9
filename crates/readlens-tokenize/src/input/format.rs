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
    fn foreign_formats_are_named() {
        assert_eq!(describe(b"<!DOCTYPE html>"), "HTML or XML");
        assert_eq!(describe(b"id\tgenus\n"), "text that begins with \"id\\tgenus\\n\"");
        assert_eq!(describe(b"\x7fELF"), "binary data that begins with \"\\x7fELF\"");
    }
}
