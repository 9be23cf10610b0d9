//! Which windows the gallery shows: drawn by seed, spread over the taxa, test split first.

use std::collections::BTreeMap;

use readlens_tables::vocabulary::Split;

use crate::windows::{Entry, mixed};

/// Splits in the order in which the gallery prefers their windows.
const PREFERENCE: [Option<Split>; 4] =
    [Some(Split::Test), Some(Split::Valid), None, Some(Split::Train)];

/// Draws windows while they stream past; keeps at most as many per split and taxon as are wanted.
#[derive(Debug)]
pub(crate) struct Draw {
    wanted: usize,
    seed: u64,
    /// Lot and fingerprint, the smallest lots in ascending order.
    groups: BTreeMap<(Option<Split>, u32), Vec<(u64, u64)>>,
}

impl Draw {
    pub(crate) fn new(wanted: u32, seed: u64) -> Self {
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        Self { wanted, seed, groups: BTreeMap::new() }
    }

    /// Offers a window; offering it again changes nothing.
    pub(crate) fn offer(&mut self, window: Entry) {
        let lot = (mixed(window.fingerprint ^ mixed(self.seed)), window.fingerprint);
        let group = self.groups.entry((window.split, window.class)).or_default();
        if let Err(place) = group.binary_search(&lot)
            && place < self.wanted
        {
            group.insert(place, lot);
            group.truncate(self.wanted);
        }
    }

    /// The fingerprints drawn, sorted.
    ///
    /// A split is used up before the next one is touched. Within it every taxon gives its first
    /// window, then every taxon its second, and so on; the taxa's order is drawn too.
    pub(crate) fn finish(self) -> Vec<u64> {
        let mut drawn = Vec::new();
        for split in PREFERENCE {
            let mut groups: Vec<_> = self.groups.iter().filter(|((s, _), _)| *s == split).collect();
            groups.sort_by_key(|((_, class), _)| mixed(u64::from(*class) ^ mixed(!self.seed)));
            for round in 0..self.wanted {
                let of_round: Vec<u64> =
                    groups.iter().filter_map(|(_, g)| g.get(round)).map(|(_, f)| *f).collect();
                if of_round.is_empty() || drawn.len() >= self.wanted {
                    break;
                }
                drawn.extend(of_round);
            }
        }
        drawn.truncate(self.wanted);
        drawn.sort_unstable();
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> Vec<Entry> {
        // Class 0 has 30 test windows, classes 1 and 2 have one; class 3 is in train only.
        let entry = |fingerprint, class, split| Entry { fingerprint, class, split: Some(split) };
        let mut all: Vec<Entry> = (0..30).map(|i| entry(i, 0, Split::Test)).collect();
        all.extend([entry(30, 1, Split::Test), entry(31, 2, Split::Test)]);
        all.push(entry(40, 3, Split::Train));
        all
    }

    fn drawn(wanted: u32, seed: u64, windows: &[Entry]) -> Vec<u64> {
        let mut draw = Draw::new(wanted, seed);
        windows.iter().for_each(|w| draw.offer(*w));
        draw.finish()
    }

    #[test]
    fn rare_taxa_come_before_the_second_window_of_a_common_one() {
        let four = drawn(4, 1, &windows());
        assert_eq!(four.len(), 4);
        assert!(four.contains(&30) && four.contains(&31));
        assert_eq!(four.iter().filter(|f| **f < 30).count(), 2);
    }

    #[test]
    fn the_test_split_is_used_up_first() {
        assert!(!drawn(32, 1, &windows()).contains(&40));
        assert!(drawn(33, 1, &windows()).contains(&40));
        assert_eq!(drawn(100, 1, &windows()).len(), 33);
        assert!(drawn(0, 1, &windows()).is_empty());
    }

    #[test]
    fn the_choice_depends_on_the_seed_and_not_on_order_or_repetition() {
        let forward = windows();
        let mut backward: Vec<Entry> = forward.iter().rev().copied().collect();
        backward.extend(forward.iter().copied());
        assert_eq!(drawn(8, 7, &forward), drawn(8, 7, &backward));
        assert!((0..5).any(|seed| drawn(8, seed, &forward) != drawn(8, 7, &forward)));
    }
}
