use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use readlens_fault::{Fault, Result};

use crate::background::BASES;
use crate::hierarchy::Hierarchy;

/// Draws before we conclude that there is no room for another motif.
const MAX_DRAWS: usize = 10_000;

/// The motif of every taxon, by rank and taxon.
#[derive(Debug)]
pub(crate) struct Motifs(Vec<Vec<Vec<u8>>>);

impl Motifs {
    /// Draws a motif of `length` random bases for every taxon. Any two differ at a quarter of
    /// their positions or more (at least one), so that mutations do not turn one into another.
    pub(crate) fn draw(
        hierarchy: &Hierarchy,
        length: u32,
        random: &mut ChaCha12Rng,
    ) -> Result<Self> {
        let apart = (length as usize / 4).max(1);
        let mut drawn: Vec<Vec<u8>> = Vec::new();
        let mut motifs = Vec::new();
        for rank in 0..hierarchy.ranks().len() {
            for _ in 0..hierarchy.taxa(rank) {
                let candidate = (0..MAX_DRAWS)
                    .map(|_| draw_motif(length, random))
                    .find(|motif| drawn.iter().all(|other| distance(motif, other) >= apart));
                drawn.push(candidate.ok_or_else(|| {
                    Fault::usage(format!(
                        "no room for {} different motifs of {length} nt; raise --motif-length",
                        (0..=rank).map(|r| u64::from(hierarchy.taxa(r))).sum::<u64>()
                    ))
                })?);
            }
            let first = drawn.len() - hierarchy.taxa(rank) as usize;
            motifs.push(drawn[first..].to_vec());
        }
        Ok(Self(motifs))
    }

    /// The motif of a taxon.
    pub(crate) fn of(&self, rank: usize, taxon: u32) -> &[u8] {
        &self.0[rank][taxon as usize]
    }
}

fn draw_motif(length: u32, random: &mut ChaCha12Rng) -> Vec<u8> {
    (0..length).map(|_| BASES[random.random_range(0..BASES.len())]).collect()
}

/// Positions at which two motifs of one length differ.
fn distance(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).filter(|(x, y)| x != y).count()
}
