use readlens_fault::{Fault, Result};
use readlens_kmer::Alphabet;
use readlens_metrics::check_replicates;
use serde::Serialize;

use crate::voting::LongKmers;

/// How the baselines are fitted and judged; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Letters of the k-mers that are counted, whatever the k of the tokens.
    pub k: u32,
    /// Letters of the k-mers that vote.
    pub voting_k: u32,
    /// Maximum number of epochs of the logistic regression.
    pub epochs: u32,
    /// Epochs without a better accuracy on valid after which it ends.
    pub patience: u32,
    /// Its first learning rate.
    pub learning_rate: f32,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            k: 6,
            // As Kraken's.
            voting_k: 31,
            epochs: 10,
            patience: 3,
            learning_rate: 0.003,
            replicates: 1000,
        }
    }
}

impl Config {
    /// Checks the numbers; both k against the letters that the tokens are written in.
    ///
    /// # Errors
    /// A usage fault that names the option.
    pub fn validate(&self, alphabet: Alphabet) -> Result<()> {
        let longest = alphabet.longest_k();
        let longest_voting = LongKmers::longest(alphabet);
        let problem = if !(1..=longest).contains(&self.k) {
            format!("--k is {}; give 1 to {longest}", self.k)
        } else if !(1..=longest_voting).contains(&self.voting_k) {
            format!("--voting-k is {}; give 1 to {longest_voting}", self.voting_k)
        } else if self.epochs == 0 {
            "--epochs is 0; give at least 1".to_owned()
        } else if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            format!("--learning-rate is {}; give a number above 0", self.learning_rate)
        } else {
            return check_replicates(self.replicates);
        };
        Err(Fault::usage(problem))
    }
}
