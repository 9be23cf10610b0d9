//! Exact k-mer voting along the tree of taxa, as Kraken classifies (Wood & Salzberg 2014).
//!
//! A k-mer of the training windows stands for the lowest taxon that all windows with it share. Each
//! k-mer of a test window votes for its taxon, and the window takes the path from the root with the
//! most votes.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use readlens_fault::Result;
use readlens_kmer::Alphabet;
use readlens_stage::Context;

use crate::kmers::UNKNOWN;
use crate::windows::Windows;

/// Most k-mer occurrences that are sorted at a time, which takes 16 bytes for each.
const MOST_SORTED: usize = 1 << 25;
/// The node above all taxa.
const ROOT: u32 = 0;

/// Numbers of k-mers too long to be counted one by one, a k-mer and its reverse complement as one
/// where the alphabet has complements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongKmers {
    alphabet: Alphabet,
    k: u32,
    letters: u64,
    /// Number of k-mers of `k - 1` letters: the weight of a k-mer's first letter.
    first: u64,
}

impl LongKmers {
    /// The longest k-mer whose number fits into 64 bits.
    pub(crate) fn longest(alphabet: Alphabet) -> u32 {
        u64::MAX.ilog(alphabet.letters().len() as u64)
    }

    /// `k` is 1 to [`LongKmers::longest`].
    pub(crate) fn new(alphabet: Alphabet, k: u32) -> Self {
        let letters = alphabet.letters().len() as u64;
        Self { alphabet, k, letters, first: letters.pow(k - 1) }
    }

    /// Calls `found` with the number of each k-mer of `codes` that holds nothing but letters.
    fn each(&self, codes: &[u8], mut found: impl FnMut(u64)) {
        let has_complement = self.alphabet.has_complement();
        let (mut kmer, mut complement, mut known) = (0u64, 0u64, 0);
        for &code in codes {
            if code == UNKNOWN {
                (kmer, complement, known) = (0, 0, 0);
                continue;
            }
            let code = u64::from(code);
            kmer = kmer % self.first * self.letters + code;
            known += 1;
            if has_complement {
                // The letters are in an order that a complement turns round.
                complement = complement / self.letters + (self.letters - 1 - code) * self.first;
            }
            if known >= self.k {
                found(if has_complement { kmer.min(complement) } else { kmer });
            }
        }
    }
}

/// The taxa of the training windows as a tree; a child has a larger number than its parent.
#[derive(Debug)]
struct Tree {
    parents: Vec<u32>,
    /// Rank and taxon of each node; the root's are not read.
    ranks: Vec<usize>,
    taxa: Vec<String>,
    nodes: HashMap<(u32, usize, String), u32>,
}

impl Tree {
    fn new() -> Self {
        let (parents, ranks, taxa) = (vec![ROOT], vec![usize::MAX], vec![String::new()]);
        Self { parents, ranks, taxa, nodes: HashMap::new() }
    }

    /// The node of a lineage; ranks without a label are passed over.
    fn enter(&mut self, lineage: &[Option<String>]) -> u32 {
        let mut node = ROOT;
        for (rank, taxon) in lineage.iter().enumerate() {
            let Some(taxon) = taxon else { continue };
            let next = self.parents.len() as u32;
            let found = *self.nodes.entry((node, rank, taxon.clone())).or_insert(next);
            if found == next {
                self.parents.push(node);
                self.ranks.push(rank);
                self.taxa.push(taxon.clone());
            }
            node = found;
        }
        node
    }

    /// The lowest node that both are, or are below.
    fn shared(&self, mut a: u32, mut b: u32) -> u32 {
        // A child has the larger number, so the larger of two that differ is not above the other.
        while a != b {
            if a > b {
                a = self.parents[a as usize];
            } else {
                b = self.parents[b as usize];
            }
        }
        a
    }

    /// The taxon of `node` at `rank`; none where the node is above the rank.
    fn taxon(&self, mut node: u32, rank: usize) -> Option<&str> {
        while node != ROOT {
            if self.ranks[node as usize] == rank {
                return Some(&self.taxa[node as usize]);
            }
            node = self.parents[node as usize];
        }
        None
    }

    /// The lowest node of the path from the root with the most votes; of paths with as many votes,
    /// the lowest node that they share. None without votes.
    fn elected(&self, votes: &BTreeMap<u32, u32>) -> Option<u32> {
        let mut best: Option<(u32, u32)> = None;
        for &candidate in votes.keys() {
            let (mut node, mut total) = (candidate, 0);
            loop {
                total += votes.get(&node).copied().unwrap_or_default();
                if node == ROOT {
                    break;
                }
                node = self.parents[node as usize];
            }
            best = match best {
                Some((most, _)) if total > most => Some((total, candidate)),
                Some((most, other)) if total == most => Some((most, self.shared(other, candidate))),
                None => Some((total, candidate)),
                kept => kept,
            };
        }
        best.map(|(_, node)| node)
    }
}

/// What the k-mers of each test window elect.
#[derive(Debug)]
pub(crate) struct Election {
    tree: Tree,
    /// Node of each test window.
    nodes: Vec<Option<u32>>,
}

impl Election {
    /// Lets the k-mers of `train` vote on `test`.
    ///
    /// Memory: 16 bytes for each of at most 2²⁵ k-mers at a time, and the votes. K-mers beyond
    /// that are taken in further passes over the windows.
    ///
    /// # Errors
    /// The user interrupts.
    pub(crate) fn hold(
        kmers: LongKmers,
        train: &Windows,
        test: &Windows,
        context: &Context,
    ) -> Result<Self> {
        let mut tree = Tree::new();
        let nodes: Vec<u32> = train.taxa.iter().map(|lineage| tree.enter(lineage)).collect();
        let occurrences: usize = (0..train.len())
            .map(|w| train.codes(w).len().saturating_sub(kmers.k as usize - 1))
            .sum();
        let passes = occurrences.div_ceil(MOST_SORTED).max(1) as u64;
        let mut votes = vec![BTreeMap::new(); test.len()];
        let progress = context.progress("k-mer voting", passes);
        for pass in 0..passes {
            // Multiplied, so that each pass has its share of the k-mers of any composition.
            let is_of_pass = |kmer: u64| {
                let spread = kmer.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                (spread * passes) >> 32 == pass
            };
            let known = Known::new(&tree, kmers, train, &nodes, is_of_pass);
            context.check_interrupt("nothing was written; start again")?;
            votes.par_iter_mut().enumerate().for_each(|(window, votes)| {
                kmers.each(test.codes(window), |kmer| {
                    if is_of_pass(kmer)
                        && let Some(node) = known.node(kmer)
                    {
                        *votes.entry(node).or_insert(0) += 1;
                    }
                });
            });
            context.check_interrupt("nothing was written; start again")?;
            progress.advance(1);
        }
        let nodes = votes.par_iter().map(|votes| tree.elected(votes)).collect();
        Ok(Self { tree, nodes })
    }

    /// The taxon that a test window is given at `rank`; none where it is not classified so low.
    pub(crate) fn taxon(&self, window: usize, rank: usize) -> Option<&str> {
        self.tree.taxon(self.nodes[window]?, rank)
    }

    /// Share of the test windows with a k-mer of the training windows.
    pub(crate) fn classified(&self) -> f64 {
        let classified = self.nodes.iter().flatten().count();
        classified as f64 / self.nodes.len().max(1) as f64
    }
}

/// The k-mers of a pass, in order, each with the lowest taxon that its windows share.
struct Known(Vec<(u64, u32)>);

impl Known {
    fn new(
        tree: &Tree,
        kmers: LongKmers,
        train: &Windows,
        nodes: &[u32],
        is_of_pass: impl Fn(u64) -> bool + Sync,
    ) -> Self {
        let mut known: Vec<(u64, u32)> = Vec::new();
        for (window, &node) in nodes.iter().enumerate() {
            kmers.each(train.codes(window), |kmer| {
                if is_of_pass(kmer) {
                    known.push((kmer, node));
                }
            });
        }
        known.par_sort_unstable();
        known.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = tree.shared(next.1, kept.1);
            }
            is_same
        });
        Self(known)
    }

    fn node(&self, kmer: u64) -> Option<u32> {
        let place = self.0.binary_search_by_key(&kmer, |(kmer, _)| *kmer).ok()?;
        Some(self.0[place].1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn numbers(alphabet: Alphabet, k: u32, bases: &[u8]) -> Vec<u64> {
        let codes: Vec<u8> =
            bases.iter().map(|base| alphabet.code(*base).unwrap_or(UNKNOWN)).collect();
        let mut found = Vec::new();
        LongKmers::new(alphabet, k).each(&codes, |kmer| found.push(kmer));
        found
    }

    #[test]
    fn longest_fits_into_64_bits() {
        assert_eq!(LongKmers::longest(Alphabet::Dna), 31);
        let bases = [b'T'; 31];
        assert_eq!(numbers(Alphabet::Dna, 31, &bases), [0], "all A on the other strand");
    }

    /// Both strands have the same k-mers, in the other order; N parts them.
    #[test]
    fn strands_share_their_kmers() {
        let bases = b"ACGTTGCATTNACGGATTACCAGT";
        let here = numbers(Alphabet::Dna, 5, bases);
        let mut there = numbers(Alphabet::Dna, 5, &Alphabet::Dna.reverse_complement(bases));
        there.reverse();
        assert_eq!(here, there);
        assert_eq!(here.len(), 6 + 9);
    }

    fn lineage(taxa: [&str; 2]) -> Vec<Option<String>> {
        taxa.map(|taxon| (!taxon.is_empty()).then(|| taxon.to_owned())).to_vec()
    }

    #[test]
    fn the_path_with_the_most_votes_is_elected() {
        let mut tree = Tree::new();
        let [a1, a2, b1, a] =
            [["A", "1"], ["A", "2"], ["B", "1"], ["A", ""]].map(|taxa| tree.enter(&lineage(taxa)));
        assert_eq!(tree.shared(a1, a2), a);
        assert_eq!(tree.shared(a1, b1), ROOT);
        assert_eq!(tree.shared(a1, a), a);
        let elected = |votes: &[(u32, u32)]| tree.elected(&votes.iter().copied().collect());
        // 3 + 4 along the path to A 1, against 5 for B 1; the votes of the root are everybody's.
        assert_eq!(elected(&[(ROOT, 9), (a, 4), (a1, 3), (b1, 5)]), Some(a1));
        // A 1 and A 2 have as many: what they share is all that is known.
        assert_eq!(elected(&[(a1, 3), (a2, 3), (b1, 2)]), Some(a));
        assert_eq!(elected(&[(a1, 3), (b1, 3)]), Some(ROOT));
        assert_eq!(elected(&[]), None);
        // B 1 is another taxon than A 1, though their names are the same.
        assert_eq!((tree.taxon(b1, 1), tree.taxon(b1, 0)), (Some("1"), Some("B")));
        assert_eq!((tree.taxon(a, 1), tree.taxon(a, 0)), (None, Some("A")));
        assert_eq!(tree.taxon(ROOT, 0), None);
    }
}
