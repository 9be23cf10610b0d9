//! How many records each lineage has.

use std::collections::BTreeMap;

use readlens_nn::RankClasses;

/// Records by the classes of their named taxa, from the highest rank down to the first that is not
/// named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<Vec<usize>, u64>);

impl Tally {
    /// Counts a record with this lineage; empty where no taxon is named.
    pub(crate) fn add(&mut self, lineage: Vec<usize>) {
        *self.0.entry(lineage).or_default() += 1;
    }

    /// The lineages in the order of their classes, with their records.
    pub(crate) fn lineages(&self) -> impl Iterator<Item = (&[usize], u64)> {
        self.0.iter().map(|(lineage, records)| (lineage.as_slice(), *records))
    }
}

/// Names of the taxa of a lineage.
pub(crate) fn names<'a>(
    lineage: &'a [usize],
    ranks: &'a [RankClasses],
) -> impl Iterator<Item = &'a str> {
    lineage.iter().zip(ranks).map(|(class, rank)| rank.taxa[*class].as_str())
}
