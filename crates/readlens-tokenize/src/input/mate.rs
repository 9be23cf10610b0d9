use super::format::Format;

/// Which read of a pair a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mate {
    First,
    Second,
}

impl Mate {
    /// The mate that a header names behind the identifier, as sequencing machines have written it
    /// since CASAVA 1.8 (`read 1:N:0:ACGT`) and as archives write it (`read 1`, `read /1`). A bare
    /// number says so in FASTQ only: in FASTA it may number a contig.
    pub(crate) fn of(comment: &[u8], format: Format) -> Option<Self> {
        let word = comment.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
        let slashed = word.strip_prefix(b"/");
        let (number, rest) = slashed.unwrap_or(word).split_first()?;
        let is_number = match rest {
            [] => slashed.is_some() || format == Format::Fastq,
            [b':', filtered, b':', ..] => matches!(filtered, b'Y' | b'N'),
            _ => false,
        };
        match number {
            b'1' if is_number => Some(Self::First),
            b'2' if is_number => Some(Self::Second),
            _ => None,
        }
    }

    /// What tells the mates' names apart.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::First => "/1",
            Self::Second => "/2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_mates_are_mates() {
        for comment in ["1:N:0:AC", " 1:Y:18:ATCACG", "1", "/1 length=100"] {
            let mate = Mate::of(comment.as_bytes(), Format::Fastq);
            assert_eq!(mate, Some(Mate::First), "{comment}");
            let in_fasta = Mate::of(comment.as_bytes(), Format::Fasta);
            assert_eq!(in_fasta.is_some(), comment != "1", "{comment}");
        }
        assert_eq!(Mate::of(b"2:N:0:1", Format::Fasta), Some(Mate::Second));
        for comment in ["", " ", "3:N:0:AC", "1:X:0", "12", "1 of 2".get(2..).unwrap_or(""), "16S"]
        {
            assert_eq!(Mate::of(comment.as_bytes(), Format::Fastq), None, "{comment}");
        }
    }
}
