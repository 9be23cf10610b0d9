use std::path::PathBuf;

use readlens_fault::Result;
use readlens_metrics::check_replicates;
use serde::Serialize;

use crate::check::Checks;

/// Which truth intervals count for a mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TruthNames {
    /// All intervals of the record.
    #[default]
    All,
    /// Those named as the taxon that the mask explains; for chimeras and per-rank masks.
    Target,
    /// Those named as one of the record's own taxa; for chimeras and masks for all ranks.
    Label,
}

/// How figures are computed; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: u32,
    /// Which truth intervals count for a mask.
    pub truth_names: TruthNames,
    /// What is checked at the end; nothing where there is none.
    pub checks: Option<Checks>,
}

impl Default for Config {
    fn default() -> Self {
        Self { replicates: 1000, truth_names: TruthNames::All, checks: None }
    }
}

impl Config {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A usage fault that names the option.
    pub fn validate(&self) -> Result<()> {
        check_replicates(self.replicates)
    }
}

/// The tables that are evaluated.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Tokenized windows.
    pub tokens: PathBuf,
    /// Tables of masks of these windows, in their order.
    pub masks: Vec<PathBuf>,
    /// Predictions for these windows, in their order.
    pub perturbations: PathBuf,
    /// Interval list of what the masks should find.
    pub truth: Option<PathBuf>,
    /// Metrics tables of other stages or evaluations, for the checks.
    pub evidence: Vec<PathBuf>,
}

/// Where the figures go.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The metrics table.
    pub metrics: PathBuf,
    /// The same figures with the manifest and the paper's table, as JSON.
    pub json: Option<PathBuf>,
}
