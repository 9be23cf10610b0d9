//! Which taxa a classifier takes for which.

use crate::record::{Broken, record};
use crate::vocabulary::{Name, Over};

record! {
    /// One cell of a confusion matrix: the windows of one label that got one name.
    ///
    /// Cells without a window are left out, but for those on the diagonal: every taxon that is a
    /// label or known to the classifier has a row with `label = predicted`, which holds its
    /// precision, recall and F1 score.
    ConfusionRow is a row of "confusion" version 1, by "assess":
    "What windows of one taxon are taken for: a row per rank, label and predicted taxon. The row of a taxon with itself is always there, and has its precision, recall and F1 score."
    {
        split: Over => Category, "", "Split the windows belong to, or `all`. Windows without a label at the rank are not counted.";
        rank: Name => Category, "", "Rank that was predicted.";
        label: String => Category, "", "True taxon.";
        predicted: String => Category, "", "Predicted taxon.";
        known: bool => Flag, "", "Whether the label is a taxon of the classifier; another one cannot be predicted.";
        windows: u32 => UInt32, "windows", "Windows with this label and this prediction.";
        label_windows: u32 => UInt32, "windows", "Windows with this label, whatever was predicted: its support.";
        predicted_windows: u32 => UInt32, "windows", "Labelled windows with this prediction, whatever their label.";
        share: Option<f64> => Float64, "0 to 1", "windows divided by label_windows; null where no window has the label.";
        mean_probability: Option<f64> => Float64, "0 to 1", "Mean probability of the predicted taxon over these windows; null where there are none.";
        precision: Option<f64> => Float64, "0 to 1", "Where label and prediction are the same taxon: windows divided by predicted_windows; null where it was never predicted, and in all other rows.";
        recall: Option<f64> => Float64, "0 to 1", "Where they are the same taxon: windows divided by label_windows; null where no window has the label, and in all other rows.";
        f1: Option<f64> => Float64, "0 to 1", "Where they are the same taxon: 2 windows divided by label_windows + predicted_windows, the harmonic mean of precision and recall; null where both are 0, and in all other rows.";
    }
    checked by ConfusionRow::check_counts;
}

impl ConfusionRow {
    /// Whether the row is of a taxon with itself.
    pub fn is_of_one_taxon(&self) -> bool {
        self.label == self.predicted
    }

    fn check_counts(&self) -> Result<(), Broken> {
        let remedy = "write the table again with readlens-assess";
        if self.windows > self.label_windows.min(self.predicted_windows) {
            return Err(Broken {
                expected: "at most as many windows as have the label, and as have the prediction",
                found: "more",
                remedy,
            });
        }
        let figures = [self.share, self.mean_probability, self.precision, self.recall, self.f1];
        if !figures.iter().flatten().all(|figure| (0.0..=1.0).contains(figure)) {
            return Err(Broken {
                expected: "share, mean_probability, precision, recall and f1 from 0 to 1",
                found: "another number",
                remedy,
            });
        }
        if !self.is_of_one_taxon() && figures[2..].iter().any(Option::is_some) {
            return Err(Broken {
                expected: "precision, recall and f1 in rows of a taxon with itself",
                found: "one of them in another row",
                remedy,
            });
        }
        Ok(())
    }
}
