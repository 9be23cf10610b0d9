use std::collections::HashMap;

use rand::seq::SliceRandom;
use readlens_random::stream;

use crate::dataset::{Dataset, Window};

impl Dataset {
    /// Deals the labels of the records out among the records of the same split, by `seed`:
    /// afterwards a label says nothing about the sequence, and every taxon is as frequent among
    /// records as before. All ranks of a record move together, so lineages stay real; its windows
    /// share what it was dealt, that of the other record's first window.
    ///
    /// Source: Adebayo et al. 2018, "Sanity checks for saliency maps", section 4, the data
    /// randomisation test.
    pub fn permute_labels(&mut self, seed: u64) {
        permute(&mut self.train, seed, "train");
        permute(&mut self.valid, seed, "valid");
    }
}

fn permute(windows: &mut [Window], seed: u64, split: &str) {
    let mut places: HashMap<u32, usize> = HashMap::new();
    let mut labels: Vec<Vec<Option<u32>>> = Vec::new();
    for window in windows.iter() {
        places.entry(window.record).or_insert_with(|| {
            labels.push(window.classes.clone());
            labels.len() - 1
        });
    }
    labels.shuffle(&mut stream(seed, &format!("permuted labels/{split}")));
    for window in windows {
        window.classes.clone_from(&labels[places[&window.record]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(records: u32) -> Vec<Window> {
        let window = |i| Window {
            tokens: vec![i],
            phase: None,
            record: i / 2,
            classes: vec![Some(i / 20), None],
        };
        (0..2 * records).map(window).collect()
    }

    fn permuted(seed: u64) -> Vec<Window> {
        let mut windows = windows(100);
        permute(&mut windows, seed, "train");
        windows
    }

    #[test]
    fn labels_move_between_records_and_keep_their_frequencies() {
        let (before, after) = (windows(100), permuted(1));
        let count = |windows: &[Window], class| {
            windows.iter().filter(|window| window.classes == [Some(class), None]).count()
        };
        for class in 0..10 {
            assert_eq!(count(&after, class), count(&before, class), "{class}");
        }
        // Both windows of a record have the same label, and the windows are where they were.
        assert!(after.chunks(2).all(|pair| pair[0].classes == pair[1].classes));
        assert!(before.iter().zip(&after).all(|(a, b)| a.tokens == b.tokens));
        // By chance one in ten labels stays; with 100 records four standard errors are .12.
        let kept = before.iter().zip(&after).filter(|(a, b)| a.classes == b.classes).count();
        assert!((kept as f64 / 200.0 - 0.1).abs() < 0.12, "{kept} of 200 kept");
    }

    #[test]
    fn the_seed_decides() {
        let classes = |seed| permuted(seed).into_iter().map(|w| w.classes).collect::<Vec<_>>();
        assert_eq!(classes(1), classes(1));
        assert_ne!(classes(1), classes(2));
    }
}
