use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

use crate::background::{BASES, Background};
use crate::config::Config;
use crate::hierarchy::Hierarchy;
use crate::motifs::Motifs;

/// Where a motif lies: 0-based, half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plant {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Rank of the taxon whose motif it is.
    pub(crate) rank: usize,
    pub(crate) taxon: u32,
}

/// Bases and what was planted in them, by position.
#[derive(Debug)]
pub(crate) struct Planted {
    pub(crate) bases: Vec<u8>,
    pub(crate) plants: Vec<Plant>,
}

/// What all records of a run are made of.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    pub(crate) config: &'a Config,
    pub(crate) hierarchy: &'a Hierarchy,
    pub(crate) motifs: &'a Motifs,
}

impl Workshop<'_> {
    /// A length from the configured range.
    pub(crate) fn length(&self, random: &mut ChaCha12Rng) -> usize {
        let (mean, spread) = (self.config.length, self.config.length_spread);
        random.random_range((mean - spread) as usize..=(mean + spread) as usize)
    }

    /// `length` bases with one motif of each taxon in the lineage of `leaf`.
    ///
    /// Every arrangement without overlap is equally likely, at any frame.
    pub(crate) fn plant(&self, leaf: u32, length: usize, random: &mut ChaCha12Rng) -> Planted {
        let background = Background { gc: self.config.gc, repeat: self.config.repeat };
        let mut bases = background.draw(length, random);
        let mut order: Vec<(usize, u32)> =
            self.hierarchy.lineage(leaf).into_iter().enumerate().collect();
        order.shuffle(random);
        let width = self.config.motif_length as usize;
        let free = length - width * order.len();
        // Choosing which of `free + motifs` places are motifs makes every arrangement as likely.
        let mut places =
            rand::seq::index::sample(random, free + order.len(), order.len()).into_vec();
        places.sort_unstable();
        let mut plants = Vec::with_capacity(order.len());
        for (nth, ((rank, taxon), place)) in order.into_iter().zip(places).enumerate() {
            let start = place - nth + nth * width;
            let end = start + width;
            for (base, &motif) in bases[start..end].iter_mut().zip(self.motifs.of(rank, taxon)) {
                *base = self.copy(motif, random);
            }
            plants.push(Plant { start, end, rank, taxon });
        }
        Planted { bases, plants }
    }

    /// A motif base, or with the mutation rate one of the three others.
    fn copy(&self, motif: u8, random: &mut ChaCha12Rng) -> u8 {
        if !random.random_bool(self.config.mutation_rate) {
            return motif;
        }
        let others: Vec<u8> = BASES.into_iter().filter(|&base| base != motif).collect();
        others[random.random_range(0..others.len())]
    }
}
