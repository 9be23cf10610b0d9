use std::path::{Path, PathBuf};

use readlens_batch::{Description, ModelSource};
use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

use crate::saved::CalibrationSource;

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table.
    pub tokens: PathBuf,
    /// The classifier, or a program in its place.
    pub model: ModelSource,
    /// Where confidence has its temperatures from; without it confidence is the probability.
    pub calibration: Option<CalibrationSource>,
    /// File of these temperatures to write, if wanted.
    pub save_calibration: Option<PathBuf>,
    /// Table of the predictions for windows to write.
    pub output: PathBuf,
    /// Table of the predictions for records to write, if wanted.
    pub records: Option<PathBuf>,
    /// Text table of the records' lineages to write, if wanted.
    pub tsv: Option<PathBuf>,
    /// Report in the form of Kraken's to write, if wanted.
    pub kraken_report: Option<PathBuf>,
    /// Text for Krona to write, if wanted.
    pub krona: Option<PathBuf>,
}

impl Paths {
    /// Everything that is written, the main table first.
    pub(crate) fn outputs(&self) -> Vec<&PathBuf> {
        let others =
            [&self.records, &self.tsv, &self.kraken_report, &self.krona, &self.save_calibration];
        [&self.output].into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// Everything that is read.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        let calibration = self.calibration.as_ref().map(CalibrationSource::path);
        let model = self.model.directory().map(PathBuf::as_path);
        [&*self.tokens].into_iter().chain(model).chain(calibration).collect()
    }

    /// Whether windows are merged into records.
    pub(crate) fn want_records(&self) -> bool {
        self.records.is_some() || self.want_texts()
    }

    /// Whether a text of the whole table is written.
    pub(crate) fn want_texts(&self) -> bool {
        self.tsv.is_some() || self.kraken_report.is_some() || self.krona.is_some()
    }
}

/// Everything that decides the predictions, apart from the inputs and the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Only windows of this split; all windows otherwise.
    pub split: Option<Split>,
    /// Probability, 0 to 1, below which no taxon is named.
    pub min_probability: f32,
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
    /// All windows, and a taxon for each.
    fn default() -> Self {
        Self { split: None, min_probability: 0.0, precision: Precision::F32 }
    }
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.min_probability) {
            return Err(Fault::usage(format!(
                "--min-probability must be 0 to 1, not {}",
                self.min_probability
            )));
        }
        Ok(())
    }
}
