use std::str::FromStr;

use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// Longest record, so that a slip of the keyboard cannot fill the memory.
const MAX_LENGTH: u32 = 100_000_000;
/// Most taxa of a rank.
const MAX_TAXA: u32 = 10_000;

/// Number of taxa of a rank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankSize {
    /// Name of the rank, such as `genus`.
    pub rank: String,
    /// Number of taxa.
    pub taxa: u32,
}

impl FromStr for RankSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (rank, taxa) =
            text.split_once('=').ok_or("expected RANK=TAXA, such as genus=12".to_owned())?;
        let taxa = taxa.parse().map_err(|_| format!("{taxa:?} is not a number of taxa"))?;
        Ok(Self { rank: rank.to_owned(), taxa })
    }
}

/// What is simulated; with the seed it determines every byte of the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ranks from the root down.
    pub ranks: Vec<RankSize>,
    /// Records of the split `train`.
    pub train: u32,
    /// Records of the split `valid`.
    pub valid: u32,
    /// Records of the split `test`.
    pub test: u32,
    /// Chimeras, in files of their own.
    pub chimeras: u32,
    /// Mean length of a record, in nucleotides.
    pub length: u32,
    /// Half the range of the lengths, in nucleotides.
    pub length_spread: u32,
    /// Length of a motif, in nucleotides.
    pub motif_length: u32,
    /// Probability that a planted base is replaced.
    pub mutation_rate: f64,
    /// Fraction of G and C in the background.
    pub gc: f64,
    /// Probability that a background base copies its predecessor.
    pub repeat: f64,
}

impl Default for Config {
    /// The planted benchmark: 2, 4 and 12 taxa, three motifs of 36 nt in about 600 nt.
    fn default() -> Self {
        let rank = |rank: &str, taxa| RankSize { rank: rank.to_owned(), taxa };
        Self {
            ranks: vec![rank("superkingdom", 2), rank("phylum", 4), rank("genus", 12)],
            train: 1200,
            valid: 200,
            test: 200,
            chimeras: 0,
            length: 600,
            length_spread: 60,
            motif_length: 36,
            mutation_rate: 0.02,
            gc: 0.5,
            repeat: 0.0,
        }
    }
}

impl Config {
    /// Checks that the numbers can work together.
    ///
    /// # Errors
    /// A usage fault that says which option to change and to what.
    pub fn validate(&self) -> Result<()> {
        self.validate_ranks()?;
        for (name, value) in
            [("mutation-rate", self.mutation_rate), ("gc", self.gc), ("repeat", self.repeat)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Fault::usage(format!(
                    "--{name} is {value}; give a number from 0 to 1"
                )));
            }
        }
        if self.motif_length == 0 {
            return Err(Fault::usage("--motif-length is 0; give at least 1"));
        }
        if self.length_spread > self.length || self.length > MAX_LENGTH {
            return Err(Fault::usage(format!(
                "lengths of {} ± {} cannot work; give a length of at most {MAX_LENGTH} and a \
                 smaller --length-spread",
                self.length, self.length_spread
            )));
        }
        let motifs = u64::from(self.motif_length) * self.ranks.len() as u64;
        let shortest = u64::from(self.length - self.length_spread);
        // A chimera's halves carry all motifs of their taxon each.
        let (needed, what) =
            if self.chimeras > 0 { (2 * motifs, "chimera") } else { (motifs, "record") };
        if shortest < needed {
            return Err(Fault::usage(format!(
                "a {what} of {shortest} nt cannot hold {needed} nt of motifs; raise --length or \
                 lower --motif-length"
            )));
        }
        if [self.valid, self.test, self.chimeras]
            .iter()
            .try_fold(self.train, |n, &m| n.checked_add(m))
            .is_none()
        {
            return Err(Fault::usage(format!("more than {} records; ask for fewer", u32::MAX)));
        }
        Ok(())
    }

    fn validate_ranks(&self) -> Result<()> {
        if self.ranks.is_empty() {
            return Err(Fault::usage("--ranks names no rank; give at least one, as RANK=TAXA"));
        }
        for (i, RankSize { rank, taxa }) in self.ranks.iter().enumerate() {
            let is_safe = |c: char| c.is_ascii_alphanumeric() || "_- ".contains(c);
            if rank.trim() != rank || rank.is_empty() || !rank.chars().all(is_safe) {
                return Err(Fault::usage(format!(
                    "rank {rank:?} cannot name a column; use letters, digits, _ and -"
                )));
            }
            if ["id", "split"].contains(&rank.as_str())
                || self.ranks[..i].iter().any(|earlier| earlier.rank == *rank)
            {
                return Err(Fault::usage(format!(
                    "rank {rank:?} is the name of another column; rename it"
                )));
            }
            if !(2..=MAX_TAXA).contains(taxa) {
                return Err(Fault::usage(format!(
                    "rank {rank} has {taxa} taxa; give 2 to {MAX_TAXA}"
                )));
            }
            if i > 0 && *taxa < self.ranks[i - 1].taxa {
                return Err(Fault::usage(format!(
                    "rank {rank} has {taxa} taxa, fewer than the {} of {} above it; every taxon \
                     needs a child",
                    self.ranks[i - 1].taxa,
                    self.ranks[i - 1].rank
                )));
            }
        }
        Ok(())
    }
}
