use std::ops::Range;

/// What a mask explains of a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explained {
    /// The predictions at all ranks together.
    AllRanks,
    /// The prediction at one rank, by its index.
    Rank(usize),
}

impl Explained {
    /// What each mask of an Explainer of so many masks explains: a single mask all ranks, several
    /// masks one rank each, in order.
    pub fn by(masks: usize) -> Vec<Self> {
        if masks == 1 { vec![Self::AllRanks] } else { (0..masks).map(Self::Rank).collect() }
    }

    /// Indices of the explained ranks, of a classifier of so many `ranks`.
    pub fn ranks(self, ranks: usize) -> Range<usize> {
        match self {
            Self::AllRanks => 0..ranks,
            Self::Rank(rank) => rank..rank + 1,
        }
    }
}
