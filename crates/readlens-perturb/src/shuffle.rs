//! Sequences in random order with the same neighbours.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// Shuffles `letters` so that every pair of neighbours occurs as often as before, and the first and
/// the last letter stay in place.
///
/// A uniform draw among all such sequences: a random Euler path of the multigraph whose edges are
/// the pairs (Altschul & Erickson 1985, "Significance of nucleotide sequence alignments"). The last
/// edge that leaves each letter must lead towards the last letter; these edges are a random tree,
/// drawn by loop-erased walks (Wilson 1996, "Generating random spanning trees more quickly than the
/// cover time"), which always ends, instead of by trial.
pub(crate) fn shuffle_dinucleotides(letters: &mut [u8], rng: &mut impl Rng) {
    let Some((&last, _)) = letters.split_last() else { return };
    let mut edges: Vec<Vec<u8>> = vec![Vec::new(); 256];
    for pair in letters.windows(2) {
        edges[usize::from(pair[0])].push(pair[1]);
    }
    // The place in `edges` of the last edge to leave each letter.
    let mut exits: [Option<usize>; 256] = [None; 256];
    let mut is_rooted = [false; 256];
    is_rooted[usize::from(last)] = true;
    for start in 0..edges.len() {
        if edges[start].is_empty() {
            continue;
        }
        let mut letter = start;
        while !is_rooted[letter] {
            // A second visit overwrites the exit of the first, which erases the loop between them.
            let exit = rng.random_range(0..edges[letter].len());
            exits[letter] = Some(exit);
            letter = usize::from(edges[letter][exit]);
        }
        letter = start;
        while !is_rooted[letter] {
            is_rooted[letter] = true;
            letter = exits[letter].map_or(letter, |exit| usize::from(edges[letter][exit]));
        }
    }
    for (letter, edges) in edges.iter_mut().enumerate() {
        match (letter != usize::from(last)).then_some(exits[letter]).flatten() {
            Some(exit) => {
                let next = edges.swap_remove(exit);
                edges.shuffle(rng);
                edges.push(next);
            }
            None => edges.shuffle(rng),
        }
    }
    let mut used = [0_usize; 256];
    for place in 1..letters.len() {
        let letter = usize::from(letters[place - 1]);
        letters[place] = edges[letter][used[letter]];
        used[letter] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeMap;

    fn pairs(letters: &[u8]) -> BTreeMap<[u8; 2], usize> {
        let mut counts = BTreeMap::new();
        letters.windows(2).for_each(|pair| *counts.entry([pair[0], pair[1]]).or_default() += 1);
        counts
    }

    #[test]
    fn pairs_and_ends_stay_and_the_order_changes() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let letters: Vec<u8> = (0..300).map(|_| b"ACGTN"[rng.random_range(0..5)]).collect();
        let mut shuffled = letters.clone();
        shuffle_dinucleotides(&mut shuffled, &mut rng);
        assert_eq!(pairs(&shuffled), pairs(&letters));
        assert_eq!((shuffled[0], shuffled[299]), (letters[0], letters[299]));
        let moved = letters.iter().zip(&shuffled).filter(|(a, b)| a != b).count();
        assert!(moved > 100, "{moved}");
        for short in [&b""[..], b"A", b"AC", b"AAAA", b"ACG"] {
            let mut same = short.to_vec();
            shuffle_dinucleotides(&mut same, &mut rng);
            assert_eq!(same, short);
        }
    }

    /// AACAGA has exactly these sequences with its pairs AA, AC, CA, AG, GA and its ends: the loops
    /// A, CA and GA from A in any order, six of them; each is as likely as the others.
    #[test]
    fn every_sequence_with_the_same_pairs_is_equally_likely() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let draws = 12_000;
        for _ in 0..draws {
            let mut letters = b"AACAGA".to_vec();
            shuffle_dinucleotides(&mut letters, &mut rng);
            *counts.entry(letters).or_default() += 1;
        }
        assert_eq!(counts.len(), 6);
        for (letters, count) in counts {
            // Five standard errors of a share of 1/6 in 12,000 draws are 204.
            assert!(count.abs_diff(draws / 6) < 204, "{letters:?}: {count}");
        }
    }

    /// ACABC… where the end is not the letter most walks come from: with the pairs AB, BA, AB, BC
    /// and CC only ABABCC, whose last edges out of A and B are forced, is possible.
    #[test]
    fn the_tree_of_last_edges_reaches_the_end() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..100 {
            let mut letters = b"ABABCC".to_vec();
            shuffle_dinucleotides(&mut letters, &mut rng);
            assert_eq!(letters, b"ABABCC");
        }
    }
}
