//! A sequence on its coding strand, and the way back to its source.

use std::borrow::Cow;
use std::ops::Range;

use crate::hexamers::reverse_complement;
use crate::reading::Strand;

/// The part of a source sequence that is read, and on which strand.
///
/// Coordinates are 0-based and half-open on the forward strand of the source. On the reverse strand
/// the first base that is read is the complement of the source's base `end - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oriented {
    /// Strand that is read.
    pub strand: Strand,
    /// First base, on the forward strand of the source.
    pub start: usize,
    /// One past the last base, on the forward strand of the source.
    pub end: usize,
}

impl Oriented {
    /// Number of bases.
    pub fn length(&self) -> usize {
        self.end - self.start
    }

    /// The bases in reading direction; copied on the reverse strand only.
    ///
    /// # Panics
    /// If `source` is shorter than the sequence that was read.
    pub fn bases<'a>(&self, source: &'a [u8]) -> Cow<'a, [u8]> {
        let bases = &source[self.start..self.end];
        match self.strand {
            Strand::Forward => Cow::Borrowed(bases),
            Strand::Reverse => Cow::Owned(reverse_complement(bases)),
        }
    }

    /// Where a `part` of [`Oriented::bases`] lies on the forward strand of the source.
    ///
    /// # Panics
    /// If `part` reaches beyond the bases.
    pub fn in_source(&self, part: Range<usize>) -> Range<usize> {
        assert!(part.start <= part.end && part.end <= self.length(), "{part:?} of {self:?}");
        match self.strand {
            Strand::Forward => self.start + part.start..self.start + part.end,
            Strand::Reverse => self.end - part.end..self.end - part.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reading::{Reading, Verdict};

    fn reading(strand: Strand, phase: u8, verdict: Verdict) -> Reading {
        Reading { strand, phase, gap: 9.0, verdict }
    }

    #[test]
    fn codons_begin_at_the_first_base_of_what_is_trimmed() {
        //                 A|ATG|GCC|TT on the one strand, AA|GGC|CAT|T on the other
        let source = b"AATGGCCTT";
        let forward = reading(Strand::Forward, 1, Verdict::InFrame).orient(source.len(), true);
        assert_eq!(forward, Oriented { strand: Strand::Forward, start: 1, end: 9 });
        assert_eq!(&*forward.bases(source), b"ATGGCCTT");
        assert_eq!(forward.in_source(3..6), 4..7);
        let reverse = reading(Strand::Reverse, 2, Verdict::InFrame).orient(source.len(), true);
        assert_eq!(reverse, Oriented { strand: Strand::Reverse, start: 0, end: 7 });
        assert_eq!(&*reverse.bases(source), b"GGCCATT");
        assert_eq!(reverse.in_source(0..3), 4..7);
        assert_eq!(reverse.in_source(7..7), 0..0);
    }

    #[test]
    fn nothing_is_dropped_untrimmed_and_nothing_is_turned_without_a_frame() {
        let whole = |strand| Oriented { strand, start: 0, end: 9 };
        let in_frame = reading(Strand::Reverse, 2, Verdict::InFrame);
        assert_eq!(in_frame.orient(9, false), whole(Strand::Reverse));
        for verdict in [Verdict::Unclear, Verdict::TooShort] {
            let left = reading(Strand::Reverse, 2, verdict).orient(9, true);
            assert_eq!(left, whole(Strand::Forward));
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_where_its_bases_stand_in_the_source(
            source in "[ACGT]{0,40}", phase in 0_u8..3, reverse: bool, trim: bool, at in 0.0..1.0,
        ) {
            let strand = if reverse { Strand::Reverse } else { Strand::Forward };
            let oriented =
                reading(strand, phase, Verdict::InFrame).orient(source.len(), trim);
            let bases = oriented.bases(source.as_bytes());
            prop_assert_eq!(bases.len(), oriented.length());
            let start = (at * bases.len() as f64) as usize;
            let place = oriented.in_source(start..bases.len());
            let there = &source.as_bytes()[place];
            let expected =
                if reverse { reverse_complement(there) } else { there.to_vec() };
            prop_assert_eq!(&bases[start..], expected);
        }
    }
}
