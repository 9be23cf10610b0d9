use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_metrics::check_replicates;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

/// Maximum number of bins: a window rarely has more tokens.
const MAX_BINS: u32 = 4096;

/// How masks are probed; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Bins that every mask is resampled to.
    pub bins: u32,
    /// Records that a taxon must have in each half; windows of other taxa are left out.
    pub min_records: u32,
    /// Split whose windows are probed; all windows with a mask where there is none.
    pub split: Option<Split>,
    /// Shares of the tokens that are kept or removed where models are retrained, each above 0 and
    /// below 1; none retrains nothing.
    pub retrain: Vec<f32>,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { bins: 32, min_records: 5, split: None, retrain: Vec::new(), replicates: 1000 }
    }
}

impl Config {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A usage fault that names the option.
    pub fn validate(&self) -> Result<()> {
        let problem = if !(1..=MAX_BINS).contains(&self.bins) {
            format!("--bins is {}; give 1 to {MAX_BINS}", self.bins)
        } else if self.min_records == 0 {
            "--min-records is 0; give at least 1".to_owned()
        } else if let Some(share) =
            self.retrain.iter().find(|share| !(0.0 < **share && **share < 1.0))
        {
            format!("--retrain has {share}; give shares of the tokens above 0 and below 1")
        } else {
            let twice = |(place, share): (usize, &f32)| self.retrain[..place].contains(share);
            if let Some(place) = self.retrain.iter().enumerate().position(twice) {
                let share = self.retrain[place];
                return Err(Fault::usage(format!("--retrain has {share} twice; give it once")));
            }
            return check_replicates(self.replicates);
        };
        Err(Fault::usage(problem))
    }
}

/// The tables that are probed.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Tokenized windows with their taxa.
    pub tokens: PathBuf,
    /// Masks of these windows, each table in their order; a method and rank is in one of them.
    pub masks: Vec<PathBuf>,
}
