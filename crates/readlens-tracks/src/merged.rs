use std::collections::BTreeMap;

use crate::config::Merge;

/// Bases whose values lie together. Where no window is, no memory is taken.
const BLOCK: usize = 4096;

/// The masks of several windows on the bases of their record.
#[derive(Debug)]
pub(crate) struct Merged {
    merge: Merge,
    blocks: BTreeMap<usize, Block>,
}

/// What the windows say of each base.
#[derive(Debug)]
struct Block {
    /// Sums of values, or the largest ones.
    values: Vec<f64>,
    /// Windows that cover the base.
    windows: Vec<u32>,
}

impl Merged {
    pub(crate) fn new(merge: Merge) -> Self {
        Self { merge, blocks: BTreeMap::new() }
    }

    /// Adds a window whose first value is of base `start`.
    pub(crate) fn add(&mut self, start: u32, mask: &[f32]) {
        let mut base = start as usize;
        let mut rest = mask;
        while !rest.is_empty() {
            let within = base % BLOCK;
            let (here, behind) = rest.split_at(rest.len().min(BLOCK - within));
            let block = self
                .blocks
                .entry(base / BLOCK)
                .or_insert_with(|| Block { values: vec![0.0; BLOCK], windows: vec![0; BLOCK] });
            let places = block.values[within..].iter_mut().zip(&mut block.windows[within..]);
            for ((merged, windows), &value) in places.zip(here) {
                let value = f64::from(value);
                match self.merge {
                    Merge::Mean => *merged += value,
                    Merge::Max => *merged = merged.max(value),
                }
                *windows += 1;
            }
            base += here.len();
            rest = behind;
        }
    }

    /// Bases that memory is taken for.
    pub(crate) fn held_bases(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// Bases that a window covers, in their order, and their values.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u32, f32)> {
        self.blocks.iter().flat_map(move |(number, block)| {
            let places = block.values.iter().zip(&block.windows).enumerate();
            places.filter(|(_, (_, windows))| **windows > 0).map(
                move |(within, (merged, windows))| {
                    let value = match self.merge {
                        Merge::Mean => merged / f64::from(*windows),
                        Merge::Max => *merged,
                    };
                    ((number * BLOCK + within) as u32, value as f32)
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    fn merged(merge: Merge, windows: &[(u32, Vec<f32>)]) -> Vec<(u32, f32)> {
        let mut merged = Merged::new(merge);
        windows.iter().for_each(|(start, mask)| merged.add(*start, mask));
        merged.values().collect()
    }

    #[test]
    fn overlaps_are_merged_and_gaps_stay_gaps() {
        let windows = [(2, vec![0.0, 0.5, 1.0]), (3, vec![1.0, 0.5]), (8, vec![0.25])];
        let mean = [(2, 0.0), (3, 0.75), (4, 0.75), (8, 0.25)];
        assert_eq!(merged(Merge::Mean, &windows), mean);
        let max = [(2, 0.0), (3, 1.0), (4, 1.0), (8, 0.25)];
        assert_eq!(merged(Merge::Max, &windows), max);
        assert_eq!(merged(Merge::Mean, &[]), []);
        assert_eq!(merged(Merge::Mean, &[(7, vec![])]), []);
    }

    #[test]
    fn a_window_may_lie_anywhere_and_takes_the_memory_of_its_bases() {
        let mut merged = Merged::new(Merge::Max);
        merged.add(u32::MAX - 2, &[0.5, 1.0]);
        assert_eq!(merged.held_bases(), BLOCK);
        let values: Vec<_> = merged.values().collect();
        assert_eq!(values, [(u32::MAX - 2, 0.5), (u32::MAX - 1, 1.0)]);
    }

    proptest! {
        #[test]
        fn values_are_those_of_a_naive_computation(
            windows in prop::collection::vec(
                (4000_u32..4200, prop::collection::vec(0.0_f32..=1.0, 0..300)), 0..8,
            ),
        ) {
            let mut naive: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
            for (start, mask) in &windows {
                for (base, value) in (*start..).zip(mask) {
                    naive.entry(base).or_default().push(f64::from(*value));
                }
            }
            let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
            let max = |values: &Vec<f64>| values.iter().copied().fold(0.0, f64::max);
            let expected: Vec<_> = naive.iter().map(|(base, v)| (*base, mean(v) as f32)).collect();
            prop_assert_eq!(merged(Merge::Mean, &windows), expected);
            let expected: Vec<_> = naive.iter().map(|(base, v)| (*base, max(v) as f32)).collect();
            prop_assert_eq!(merged(Merge::Max, &windows), expected);
        }
    }
}
