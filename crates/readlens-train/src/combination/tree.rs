//! The tree of taxa, as the labels of training windows tell it.

use std::collections::BTreeMap;

use readlens_batch::{Dataset, Window};

/// Parent of each taxon at the rank above, for each rank from the second on: the one that most of
/// the taxon's training windows have, the first of equally frequent ones.
pub(crate) fn parents(data: &Dataset) -> Vec<Vec<Option<u32>>> {
    (1..data.ranks.len()).map(|rank| parents_of(data, rank)).collect()
}

fn parents_of(data: &Dataset, rank: usize) -> Vec<Option<u32>> {
    let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let pair = |window: &Window| Some((window.classes[rank]?, window.classes[rank - 1]?));
    for pair in data.train.iter().filter_map(pair) {
        *counts.entry(pair).or_default() += 1;
    }
    let mut parents: Vec<Option<(u32, usize)>> = vec![None; data.ranks[rank].taxa.len()];
    let mut torn = None;
    for ((taxon, parent), count) in counts {
        let best = &mut parents[taxon as usize];
        if best.is_some() {
            torn.get_or_insert(taxon);
        }
        if best.is_none_or(|(_, most)| count > most) {
            *best = Some((parent, count));
        }
    }
    if let Some(taxon) = torn {
        tracing::warn!(
            "the {} {:?} stands under several taxa of {} in the training windows: the most frequent \
             one counts as its parent, as for any other",
            data.ranks[rank].rank,
            data.ranks[rank].taxa[taxon as usize],
            data.ranks[rank - 1].rank
        );
    }
    parents.into_iter().map(|best| best.map(|(parent, _)| parent)).collect()
}
