//! How right a classifier is, whole and branch by branch.

use crate::record::record;
use crate::upgrade;
use crate::vocabulary::{Metric, Operator, Over, Ranks, Word};

record! {
    /// One figure of a classifier on labelled windows.
    AssessmentRow is a row of "assessment" version 2 after 1 with upgrade::probabilities, by "assess":
    "How right a classifier is on labelled windows: whole and branch by branch, by length and by how probable the prediction is, and with parts of the input hidden."
    {
        branch: Option<String> => Category, "", "The branch that answers alone; null where the classifier answers as a whole.";
        operator: Word<Operator> => Category, "", "What was done to the input: unmasked, all_zero, constant, keep_block or random_subset; majority_class for an answer without input.";
        share: Option<f32> => Float32, "0 to 1", "Fraction of the real tokens that was kept, or the level of a constant mask; null without one.";
        shortest: Option<u32> => UInt32, "nt", "Length from which windows were taken; null for windows of any length.";
        longest: Option<u32> => UInt32, "nt", "Length up to which they were taken; null where there is no end.";
        p_low: Option<f64> => Float64, "0 to 1", "Probability of the predicted taxon above which windows were taken: one of 15 bins of equal width; null for windows of any probability.";
        p_high: Option<f64> => Float64, "0 to 1", "Probability up to which they were taken; null where p_low is.";
        split: Over => Category, "", "Split the figure was taken on, or `all`.";
        rank: Ranks => Category, "", "Rank that was predicted, or `all`.";
        metric: Metric => Category, "", "accuracy, p_target (here the mean probability of the predicted taxon), expected_calibration_error or lineage_consistency.";
        value: f64 => Float64, "", "The figure.";
        ci_low: Option<f64> => Float64, "", "Lower end of the 95 % bootstrap interval over records; null where there are fewer than two.";
        ci_high: Option<f64> => Float64, "", "Upper end of the 95 % bootstrap interval; null where ci_low is.";
        n: u32 => UInt32, "windows", "Windows the figure was taken over.";
    }
}
