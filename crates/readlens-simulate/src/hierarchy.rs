use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::config::RankSize;

/// Taxa in ranks, each with one parent in the rank above.
#[derive(Clone, Debug)]
pub(crate) struct Hierarchy {
    ranks: Vec<RankSize>,
}

impl Hierarchy {
    pub(crate) fn new(ranks: &[RankSize]) -> Self {
        Self { ranks: ranks.to_vec() }
    }

    /// Names of the ranks, from the root down.
    pub(crate) fn ranks(&self) -> impl ExactSizeIterator<Item = &str> {
        self.ranks.iter().map(|r| r.rank.as_str())
    }

    /// Number of taxa of `rank`.
    pub(crate) fn taxa(&self, rank: usize) -> u32 {
        self.ranks[rank].taxa
    }

    /// Number of taxa of the lowest rank.
    pub(crate) fn leaves(&self) -> u32 {
        self.taxa(self.ranks.len() - 1)
    }

    /// Name of a taxon, such as `genus_07`: padded so that names sort as numbers do.
    pub(crate) fn name(&self, rank: usize, taxon: u32) -> String {
        let RankSize { rank, taxa } = &self.ranks[rank];
        let width = taxa.to_string().len();
        format!("{rank}_{:0width$}", taxon + 1)
    }

    /// The taxon of the rank above; children are shared out as evenly as the numbers allow.
    pub(crate) fn parent(&self, rank: usize, taxon: u32) -> Option<u32> {
        let above = rank.checked_sub(1)?;
        let parent = u64::from(taxon) * u64::from(self.taxa(above)) / u64::from(self.taxa(rank));
        u32::try_from(parent).ok()
    }

    /// The taxa of a leaf, from the root down to itself.
    pub(crate) fn lineage(&self, leaf: u32) -> Vec<u32> {
        let mut lineage = vec![leaf];
        let mut taxon = leaf;
        for rank in (1..self.ranks.len()).rev() {
            if let Some(parent) = self.parent(rank, taxon) {
                taxon = parent;
                lineage.push(taxon);
            }
        }
        lineage.reverse();
        lineage
    }

    /// A leaf that shares no taxon with `leaf`: the first rank has at least two taxa, so there
    /// is one.
    pub(crate) fn stranger(&self, leaf: u32, random: &mut ChaCha12Rng) -> u32 {
        let root = self.lineage(leaf)[0];
        let strangers: Vec<u32> =
            (0..self.leaves()).filter(|&other| self.lineage(other)[0] != root).collect();
        strangers[random.random_range(0..strangers.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hierarchy(sizes: &[u32]) -> Hierarchy {
        let ranks =
            sizes.iter().enumerate().map(|(i, &taxa)| RankSize { rank: format!("r{i}"), taxa });
        Hierarchy::new(&ranks.collect::<Vec<_>>())
    }

    #[test]
    fn the_default_hierarchy_has_six_genera_in_each_superkingdom() {
        let tree = hierarchy(&[2, 4, 12]);
        assert_eq!(tree.lineage(0), [0, 0, 0]);
        assert_eq!(tree.lineage(5), [0, 1, 5]);
        assert_eq!(tree.lineage(6), [1, 2, 6]);
        assert_eq!(tree.lineage(11), [1, 3, 11]);
        assert_eq!(tree.name(2, 6), "r2_07");
    }

    proptest! {
        #[test]
        fn every_taxon_has_a_child(a in 2u32..9, b in 0u32..9, c in 0u32..9) {
            let sizes = [a, a + b, a + b + c];
            let tree = hierarchy(&sizes);
            for rank in 1..3 {
                let parents: std::collections::BTreeSet<_> =
                    (0..sizes[rank]).filter_map(|t| tree.parent(rank, t)).collect();
                prop_assert_eq!(parents, (0..sizes[rank - 1]).collect());
            }
        }
    }
}
