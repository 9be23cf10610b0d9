use std::ops::Range;

use crate::kmers::Kmers;

/// Which bases of a window each of its real tokens covers, CLS not counted, in reading direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Kmers {
        kmers: Kmers,
        count: usize,
    },
    /// One past the last base of each token; the next one begins there.
    Ends(Vec<usize>),
}

impl Coverage {
    pub(crate) fn of_kmers(kmers: Kmers, count: usize) -> Self {
        Self(Kind::Kmers { kmers, count })
    }

    /// Of tokens side by side, by the number of bases of each.
    pub(crate) fn of_lengths(lengths: impl Iterator<Item = usize>) -> Self {
        let mut end = 0;
        let ends = lengths.map(|length| {
            end += length;
            end
        });
        Self(Kind::Ends(ends.collect()))
    }

    /// Number of real tokens.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Kmers { count, .. } => *count,
            Kind::Ends(ends) => ends.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bases that real token `i` covers, 0-based and half-open.
    ///
    /// # Panics
    /// There are no more than `i` tokens.
    pub fn of(&self, i: usize) -> Range<usize> {
        assert!(i < self.len(), "token {i} of {}", self.len());
        match &self.0 {
            Kind::Kmers { kmers, .. } => kmers.interval(i),
            Kind::Ends(ends) => i.checked_sub(1).map_or(0, |before| ends[before])..ends[i],
        }
    }

    /// One past the last base that any token covers; 0 where there is no token.
    pub fn end(&self) -> usize {
        self.len().checked_sub(1).map_or(0, |last| self.of(last).end)
    }

    /// The bases of each token, in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        (0..self.len()).map(|i| self.of(i))
    }
}
