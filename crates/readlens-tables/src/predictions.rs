//! What a classifier says of whole windows, and of records by all their windows.

use crate::record::{Broken, record};
use crate::vocabulary::{Name, Split};

/// Metadata key of the temperatures that `confidence` was made with and of how well it is
/// calibrated, as JSON; only where temperatures were fitted.
pub const KEY_CALIBRATION: &str = "readlens.calibration";

record! {
    /// One prediction of one rank for one window, or for one record.
    ///
    /// There is a row for every rank, as in the table perturbations: a prediction is more than its
    /// taxon, and a figure of one rank is one `WHERE`.
    PredictionRow is a row of "predictions" version 1, by "predict", "merge":
    "One prediction of one rank for one window, or for a record by all its windows."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: Option<u32> => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table; null where the row is about a record.";
        split: Option<Split> => Category, "train, valid or test", "Split the record belongs to; null where it belongs to none.";
        windows: u32 => UInt32, "windows", "Windows that were predicted: 1 for a window, those of either strand for a record.";
        rank: Name => Category, "", "Rank that was predicted.";
        taxon: Option<String> => Category, "", "Most probable taxon; null where its probability is below --min-probability.";
        probability: f32 => Float32, "0 to 1", "Probability of the most probable taxon, whether it is named or not.";
        runner_up: Option<String> => Category, "", "Second most probable taxon; null where the classifier knows one taxon of the rank.";
        runner_up_probability: Option<f32> => Float32, "0 to 1", "Probability of the runner-up; null where runner_up is.";
        entropy: f32 => Float32, "0 to 1", "Entropy of the prediction divided by its maximum, the logarithm of the number of taxa.";
        confidence: f32 => Float32, "0 to 1", "Probability of the most probable taxon at the temperature that was fitted on windows, or records, of the split valid; the same as probability where none was fitted.";
        votes: u32 => UInt32, "windows", "Windows for which alone the same taxon is the most probable one; 1 for a window.";
    }
    checked by PredictionRow::check_counts;
}

impl PredictionRow {
    fn check_counts(&self) -> Result<(), Broken> {
        let remedy = "write the table again with readlens-predict";
        if self.runner_up.is_some() != self.runner_up_probability.is_some() {
            return Err(Broken {
                expected: "runner_up and runner_up_probability together, or null in both",
                found: "null in one of them",
                remedy,
            });
        }
        if self.votes > self.windows || self.windows == 0 {
            return Err(Broken {
                expected: "1 or more windows, and at most as many votes",
                found: "no window, or more votes than windows",
                remedy,
            });
        }
        if self.window.is_some() && self.windows > 1 {
            return Err(Broken {
                expected: "one window in a row that names it",
                found: "several",
                remedy,
            });
        }
        Ok(())
    }
}
