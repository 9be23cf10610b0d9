use std::ops::Range;
use std::path::Path;

use readlens_fault::Result;
use readlens_kmer::Coverage;
use readlens_tables::tokens::TokenRow;
use readlens_text::{Interval, Intervals};

use crate::config::TruthNames;

/// The stretches that masks should find.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) intervals: Intervals,
    names: TruthNames,
}

impl Truth {
    pub(crate) fn read(path: &Path, names: TruthNames) -> Result<Self> {
        Ok(Self { intervals: Intervals::read(path)?, names })
    }

    /// Which real tokens of `row` are positive: at least half of their bases lie in intervals
    /// that count for a mask of `target`. None where no interval is known of the record.
    ///
    /// Intervals are on the forward strand of the source sequence, 0-based and half-open; on the
    /// reverse strand the first token is at the end of the window.
    pub(crate) fn positive_tokens(
        &self,
        row: &TokenRow,
        target: Option<&str>,
        coverage: &Coverage,
    ) -> Option<Vec<bool>> {
        let counts = |interval: &&Interval| match self.names {
            TruthNames::All => true,
            TruthNames::Target => target == Some(interval.name.as_str()),
            TruthNames::Label => {
                row.taxa.iter().any(|taxon| taxon.as_deref() == Some(interval.name.as_str()))
            }
        };
        let stretches = union(self.intervals.of(&row.id)?.iter().filter(counts));
        let is_reverse = row.strand == "-";
        let (start, end) = (u64::from(row.start), u64::from(row.end));
        let positive = |bases: Range<usize>| {
            let (from, to) = (bases.start as u64, bases.end as u64);
            let bases = if is_reverse {
                end.saturating_sub(to)..end.saturating_sub(from)
            } else {
                start + from..start + to
            };
            2 * covered(&stretches, &bases) >= to - from
        };
        Some(coverage.iter().map(positive).collect())
    }
}

/// Sorted stretches without overlap that cover the same bases.
fn union<'a>(intervals: impl Iterator<Item = &'a Interval>) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> =
        intervals.map(|interval| u64::from(interval.start)..u64::from(interval.end)).collect();
    sorted.sort_unstable_by_key(|stretch| stretch.start);
    let mut stretches: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for stretch in sorted {
        match stretches.last_mut() {
            Some(last) if stretch.start <= last.end => last.end = last.end.max(stretch.end),
            _ => stretches.push(stretch),
        }
    }
    stretches
}

/// How many bases of `bases` the sorted `stretches` cover.
fn covered(stretches: &[Range<u64>], bases: &Range<u64>) -> u64 {
    let first = stretches.partition_point(|stretch| stretch.end <= bases.start);
    let touching = stretches[first..].iter().take_while(|stretch| stretch.start < bases.end);
    touching.map(|s| s.end.min(bases.end) - s.start.max(bases.start)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use readlens_kmer::{Alphabet, Tokenization};

    fn interval(start: u32, end: u32, name: &str) -> Interval {
        Interval { start, end, name: name.to_owned() }
    }

    fn truth(names: TruthNames, intervals: Vec<Interval>) -> Truth {
        let line = |i: &Interval| format!("r\t{}\t{}\t{}\n", i.start, i.end, i.name);
        let lines: String = intervals.iter().map(line).collect();
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), format!("id\tstart\tend\tname\n{lines}")).expect("written");
        Truth::read(file.path(), names).expect("an interval list")
    }

    fn row(start: u32, end: u32, strand: &str) -> TokenRow {
        TokenRow {
            id: "r".to_owned(),
            window: 0,
            start,
            end,
            strand: strand.to_owned(),
            tokens: Vec::new(),
            split: None,
            taxa: vec![Some("A".to_owned()), None],
            phase: None,
            frame_gap: None,
        }
    }

    fn positives(
        truth: &Truth,
        row: &TokenRow,
        target: Option<&str>,
        k: u32,
        stride: u32,
    ) -> String {
        let tokenization = Tokenization::new(Alphabet::Dna, k, stride, true).expect("can work");
        let mut tokens = Vec::new();
        tokenization.encode(&vec![b'A'; (row.end - row.start) as usize], &mut tokens);
        let found = truth.positive_tokens(row, target, &tokenization.coverage(&tokens));
        found.unwrap_or_default().iter().map(|p| if *p { '1' } else { '0' }).collect()
    }

    /// Window 100..124, 6-mers side by side: 100, 106, 112, 118. The interval 103..111 covers
    /// 3 of 6 and 5 of 6 bases of the first two.
    #[test]
    fn half_of_a_tokens_bases_make_it_positive() {
        let exact = truth(TruthNames::All, vec![interval(103, 111, "")]);
        assert_eq!(positives(&exact, &row(100, 124, "+"), None, 6, 6), "1100");
        let less = truth(TruthNames::All, vec![interval(104, 111, "")]);
        assert_eq!(positives(&less, &row(100, 124, "+"), None, 6, 6), "0100");
    }

    /// On the reverse strand the tokens are 118..124, 112..118, 106..112, 100..106; with a window
    /// that is no multiple of the stride they hang on its end: 119..125, 113..119, ….
    #[test]
    fn the_reverse_strand_is_read_from_the_end() {
        let truth = truth(TruthNames::All, vec![interval(103, 111, "")]);
        assert_eq!(positives(&truth, &row(100, 124, "-"), None, 6, 6), "0011");
        assert_eq!(positives(&truth, &row(100, 125, "-"), None, 6, 6), "0011");
        assert_eq!(positives(&truth, &row(100, 127, "-"), None, 6, 6), "0001");
    }

    /// 3-mers at stride 1 in window 0..6: 0..3, 1..4, 2..5, 3..6; base 3 alone is a third.
    #[test]
    fn overlapping_tokens_and_intervals_count_bases_once() {
        let doubled = truth(TruthNames::All, vec![interval(3, 4, ""), interval(3, 4, "")]);
        assert_eq!(positives(&doubled, &row(0, 6, "+"), None, 3, 1), "0000");
        let pieces = truth(TruthNames::All, vec![interval(4, 5, ""), interval(2, 3, "")]);
        assert_eq!(positives(&pieces, &row(0, 6, "+"), None, 3, 1), "0010");
        let nested = truth(TruthNames::All, vec![interval(0, 6, ""), interval(1, 2, "")]);
        assert_eq!(positives(&nested, &row(0, 6, "+"), None, 3, 1), "1111");
    }

    #[test]
    fn names_choose_the_half_of_a_chimera() {
        let halves = vec![interval(0, 12, "A"), interval(12, 24, "B")];
        let positives = |names, target| {
            positives(&truth(names, halves.clone()), &row(0, 24, "+"), target, 6, 6)
        };
        assert_eq!(positives(TruthNames::All, None), "1111");
        assert_eq!(positives(TruthNames::Target, Some("B")), "0011");
        assert_eq!(positives(TruthNames::Target, None), "0000");
        assert_eq!(positives(TruthNames::Label, Some("B")), "1100");
    }
}
