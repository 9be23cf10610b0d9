use readlens_fault::{Fault, Result};
use readlens_kmer::Alphabet;
use serde::{Deserialize, Serialize};

/// Most replicates: far beyond what a percentile needs, and memory is in proportion.
const MAX_REPLICATES: u32 = 100_000;

/// How the baselines are fitted and judged; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Letters of the k-mers that are counted, whatever the k of the tokens.
    pub k: u32,
    /// Epochs of the logistic regression, at most.
    pub epochs: u32,
    /// Epochs without a better accuracy on valid after which it ends.
    pub patience: u32,
    /// Its first learning rate.
    pub learning_rate: f32,
    /// λ of its penalty λ/2 · Σ w².
    pub l2: f32,
    /// Added to every count of naive Bayes.
    pub smoothing: f64,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            k: 6,
            epochs: 10,
            patience: 3,
            learning_rate: 0.003,
            l2: 0.0,
            smoothing: 1.0,
            replicates: 1000,
        }
    }
}

impl Config {
    /// Checks the numbers; k against the letters that the tokens are written in.
    ///
    /// # Errors
    /// A usage fault that names the option.
    pub fn validate(&self, alphabet: Alphabet) -> Result<()> {
        let longest = alphabet.longest_k();
        let above_zero = |value: f64| value > 0.0 && value.is_finite();
        let problem = if !(1..=longest).contains(&self.k) {
            format!("--k is {}; give 1 to {longest}", self.k)
        } else if self.epochs == 0 {
            "--epochs is 0; give at least 1".to_owned()
        } else if !above_zero(f64::from(self.learning_rate)) {
            format!("--learning-rate is {}; give a number above 0", self.learning_rate)
        } else if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            format!("--l2 is {}; give a number of at least 0", self.l2)
        } else if !above_zero(self.smoothing) {
            format!("--smoothing is {}; give a number above 0", self.smoothing)
        } else if self.replicates > MAX_REPLICATES {
            format!("--replicates is {}; give at most {MAX_REPLICATES}", self.replicates)
        } else {
            return Ok(());
        };
        Err(Fault::usage(problem))
    }
}
