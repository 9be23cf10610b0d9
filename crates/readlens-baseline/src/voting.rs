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

/// K-mers of a pass, of which each takes 16 bytes; before copies are brought together there may be
/// twice as many.
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
    nodes: HashMap<(usize, String), u32>,
}

/// What a k-mer stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Meaning {
    node: u32,
    /// Whether taxa below the node are known to share it. Otherwise the windows may only lack the
    /// label of a lower rank, and a window that has one says more.
    is_shared: bool,
}

impl Tree {
    /// The tree of these lineages, of ranks from the highest down. A taxon's parent is the taxon
    /// that most of its windows have at the lowest rank above that any of them has.
    fn new(lineages: &[Vec<Option<String>>]) -> Self {
        let (parents, ranks, taxa) = (vec![ROOT], vec![usize::MAX], vec![String::new()]);
        let mut tree = Self { parents, ranks, taxa, nodes: HashMap::new() };
        for rank in 0..lineages.first().map_or(0, Vec::len) {
            let mut counts: BTreeMap<(&str, u32), usize> = BTreeMap::new();
            for lineage in lineages {
                if let Some(taxon) = &lineage[rank] {
                    *counts.entry((taxon, tree.lowest(&lineage[..rank]))).or_default() += 1;
                }
            }
            let mut parents: BTreeMap<&str, (u32, usize)> = BTreeMap::new();
            for ((taxon, parent), count) in counts {
                // A larger number is a lower rank.
                let rank_of =
                    |node: u32| if node == ROOT { 0 } else { tree.ranks[node as usize] + 1 };
                let best = parents.entry(taxon).or_insert((parent, count));
                if (rank_of(parent), count) > (rank_of(best.0), best.1) {
                    *best = (parent, count);
                }
            }
            for (taxon, (parent, _)) in parents {
                tree.nodes.insert((rank, taxon.to_owned()), tree.parents.len() as u32);
                tree.parents.push(parent);
                tree.ranks.push(rank);
                tree.taxa.push(taxon.to_owned());
            }
        }
        tree
    }

    /// The node of the lowest label of a lineage; the root without any.
    fn lowest(&self, lineage: &[Option<String>]) -> u32 {
        let labels = lineage.iter().enumerate().rev();
        let mut labels = labels.filter_map(|(rank, taxon)| Some((rank, taxon.clone()?)));
        labels.next().and_then(|label| self.nodes.get(&label).copied()).unwrap_or(ROOT)
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

    /// What a k-mer of windows of both stands for, in any order of many.
    fn joined(&self, a: Meaning, b: Meaning) -> Meaning {
        let node = self.shared(a.node, b.node);
        match (a.node == node, b.node == node) {
            (true, true) => Meaning { node, is_shared: a.is_shared || b.is_shared },
            (true, false) if !a.is_shared => b,
            (false, true) if !b.is_shared => a,
            _ => Meaning { node, is_shared: true },
        }
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
    /// Memory: 16 bytes for each of about 2²⁶ k-mers at a time, and the votes. K-mers beyond that
    /// are taken in further passes over the windows.
    ///
    /// # Errors
    /// The user interrupts.
    pub(crate) fn hold(
        kmers: LongKmers,
        train: &Windows,
        test: &Windows,
        context: &Context,
    ) -> Result<Self> {
        let tree = Tree::new(&train.taxa);
        let nodes: Vec<u32> = train.taxa.iter().map(|lineage| tree.lowest(lineage)).collect();
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
    pub(crate) fn share_with_votes(&self) -> f64 {
        let voted = self.nodes.iter().flatten().count();
        voted as f64 / self.nodes.len().max(1) as f64
    }
}

/// The k-mers of a pass, in order, each with what it stands for.
struct Known(Vec<(u64, Meaning)>);

impl Known {
    /// Windows without a label say nothing.
    fn new(
        tree: &Tree,
        kmers: LongKmers,
        train: &Windows,
        nodes: &[u32],
        is_of_pass: impl Fn(u64) -> bool + Sync,
    ) -> Self {
        let mut known: Vec<(u64, Meaning)> = Vec::new();
        let mut most = MOST_SORTED;
        for (window, &node) in nodes.iter().enumerate().filter(|(_, node)| **node != ROOT) {
            kmers.each(train.codes(window), |kmer| {
                if is_of_pass(kmer) {
                    known.push((kmer, Meaning { node, is_shared: false }));
                }
            });
            // Copies of few k-mers must not fill the memory.
            if known.len() >= most {
                merge(tree, &mut known);
                most = MOST_SORTED.max(2 * known.len());
            }
        }
        merge(tree, &mut known);
        Self(known)
    }

    fn node(&self, kmer: u64) -> Option<u32> {
        let place = self.0.binary_search_by_key(&kmer, |(kmer, _)| *kmer).ok()?;
        Some(self.0[place].1.node)
    }
}

/// Brings k-mers into order and copies of one together.
fn merge(tree: &Tree, known: &mut Vec<(u64, Meaning)>) {
    known.par_sort_unstable();
    known.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 = tree.joined(next.1, kept.1);
        }
        is_same
    });
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

    fn tree(lineages: &[[&str; 2]]) -> Tree {
        Tree::new(&lineages.iter().map(|taxa| lineage(*taxa)).collect::<Vec<_>>())
    }

    #[test]
    fn the_path_with_the_most_votes_is_elected() {
        let tree = tree(&[["A", "1"], ["A", "2"], ["B", "3"], ["A", ""]]);
        let [a1, a2, b3, a] =
            [["A", "1"], ["A", "2"], ["B", "3"], ["A", ""]].map(|taxa| tree.lowest(&lineage(taxa)));
        assert_eq!(tree.shared(a1, a2), a);
        assert_eq!(tree.shared(a1, b3), ROOT);
        assert_eq!(tree.shared(a1, a), a);
        let elected = |votes: &[(u32, u32)]| tree.elected(&votes.iter().copied().collect());
        // 3 + 4 along the path to A 1, against 5 for B 3; the votes of the root are everybody's.
        assert_eq!(elected(&[(ROOT, 9), (a, 4), (a1, 3), (b3, 5)]), Some(a1));
        // A 1 and A 2 have as many: what they share is all that is known.
        assert_eq!(elected(&[(a1, 3), (a2, 3), (b3, 2)]), Some(a));
        assert_eq!(elected(&[(a1, 3), (b3, 3)]), Some(ROOT));
        assert_eq!(elected(&[]), None);
        assert_eq!((tree.taxon(b3, 1), tree.taxon(b3, 0)), (Some("3"), Some("B")));
        assert_eq!((tree.taxon(a, 1), tree.taxon(a, 0)), (None, Some("A")));
        assert_eq!(tree.taxon(ROOT, 0), None);
    }

    /// A label that is missing is unknown: such a window takes nothing from a k-mer, and gives its
    /// taxon the parent that others have.
    #[test]
    fn a_missing_label_is_no_taxon() {
        let tree = tree(&[["A", "1"], ["", "1"], ["A", "2"], ["A", ""], ["", ""]]);
        let node = |taxa| tree.lowest(&lineage(taxa));
        let (a, a1, a2) = (node(["A", ""]), node(["A", "1"]), node(["A", "2"]));
        assert_eq!(node(["", "1"]), a1);
        assert_eq!((tree.parents[a1 as usize], node(["", ""])), (a, ROOT));
        let of = |node: u32| Meaning { node, is_shared: false };
        let all = |nodes: &[u32]| {
            let meanings = nodes.iter().map(|node| of(*node));
            meanings.reduce(|x, y| tree.joined(x, y)).unwrap()
        };
        assert_eq!(all(&[a, a1]), of(a1));
        let shared = Meaning { node: a, is_shared: true };
        for order in [[a, a1, a2], [a1, a2, a], [a2, a, a1], [a1, a, a2]] {
            assert_eq!(all(&order), shared);
        }
        // Two genera share it, so a third window of one of them does not make it that one's.
        assert_eq!(tree.joined(all(&[a1, a2]), of(a1)), shared);
    }
}
