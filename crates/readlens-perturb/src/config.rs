use std::path::PathBuf;

use readlens_batch::{Description, ModelSource};
use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_tables::vocabulary::{Removal, Split};
use serde::Serialize;

/// Maximum number of draws of a kind per window.
const MAX_DRAWS: u32 = 1000;

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table.
    pub tokens: PathBuf,
    /// The classifier that the masks explain, or a program in its place.
    pub model: ModelSource,
    /// Mask tables, each in the order of the token table.
    pub masks: Vec<PathBuf>,
    /// Directory of an independent classifier of the same tokenization and ranks.
    pub judge: Option<PathBuf>,
    /// Table to write.
    pub output: PathBuf,
}

/// Everything that decides the predictions, apart from the inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Only windows of this split; all windows with a mask otherwise.
    pub split: Option<Split>,
    /// Maximum number of windows, drawn by the seed; all windows otherwise.
    pub limit: Option<u64>,
    /// Whether the graded operators are run.
    pub graded: bool,
    /// What the classifier sees in place of removed tokens, besides its own masking.
    pub removals: Vec<Removal>,
    /// Draws of the soft operators.
    pub soft_draws: u32,
    /// Random subsets.
    pub subsets: u32,
    /// Seed of the controls.
    pub seed: u64,
    /// Precision of the classifier's products.
    pub precision: Precision,
}

/// What the manifest says: the configuration, and the program that answered where one did.
#[derive(Debug, Serialize)]
pub(crate) struct Recorded<'a> {
    #[serde(flatten)]
    pub(crate) config: &'a Config,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predictor: Option<Description>,
}

impl Default for Config {
    /// Each mask, its inverse and their controls, for all windows.
    fn default() -> Self {
        Self {
            split: None,
            limit: None,
            graded: false,
            removals: vec![Removal::Own],
            soft_draws: 0,
            subsets: 0,
            seed: 1,
            precision: Precision::F32,
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<()> {
        for (option, draws) in [("--soft-draws", self.soft_draws), ("--subsets", self.subsets)] {
            if draws > MAX_DRAWS {
                return Err(Fault::usage(format!(
                    "{option} is {draws}; give a maximum of {MAX_DRAWS}"
                )));
            }
        }
        match self.limit {
            Some(0) => Err(Fault::usage("--limit is 0; give at least 1, or leave it out")),
            _ => Ok(()),
        }
    }
}
