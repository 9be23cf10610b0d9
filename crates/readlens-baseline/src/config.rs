use readlens_fault::{Fault, Result};
use readlens_kmer::Alphabet;
use readlens_metrics::check_replicates;
use serde::Serialize;

/// How the baselines are fitted and judged; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Letters of the k-mers that are counted, whatever the k of the tokens.
    pub k: u32,
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
        Self { k: 6, epochs: 10, patience: 3, learning_rate: 0.003, replicates: 1000 }
    }
}

impl Config {
    /// Checks the numbers; k against the letters that the tokens are written in.
    ///
    /// # Errors
    /// A usage fault that names the option.
    pub fn validate(&self, alphabet: Alphabet) -> Result<()> {
        let longest = alphabet.longest_k();
        let problem = if !(1..=longest).contains(&self.k) {
            format!("--k is {}; give 1 to {longest}", self.k)
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
