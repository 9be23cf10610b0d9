use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

/// Everything that decides the figures, apart from the inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Split whose windows are predicted.
    pub split: Split,
    /// Lengths in nucleotides at which windows are told apart, rising; none: not at all.
    pub lengths: Vec<u32>,
    /// Number of windows, drawn at random, that are also seen through masks.
    pub masked: usize,
    /// Shares of the tokens that masks keep, and levels of constant masks.
    pub shares: Vec<f32>,
    /// Bootstrap replicates of the intervals.
    pub replicates: u32,
    /// Seed of the sample, the masks and the bootstrap.
    pub seed: u64,
    /// Number format of the networks' matrix products.
    #[serde(skip)]
    pub precision: Precision,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if !self.lengths.is_sorted_by(|a, b| a < b) {
            return Err(Fault::usage("lengths must rise: each is the end of one class of windows"));
        }
        if let Some(share) = self.shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            return Err(Fault::usage(format!("shares must be 0 to 1, not {share}")));
        }
        if let Some((_, twice)) =
            self.shares.iter().enumerate().find(|(i, share)| self.shares[..*i].contains(share))
        {
            return Err(Fault::usage(format!("the share {twice} is given twice")));
        }
        readlens_metrics::check_replicates(self.replicates)
    }
}
