//! Training curves of classifier and Explainer.

use crate::record::record;
use crate::vocabulary::Split;

record! {
    /// One figure of one training step or epoch.
    TrainingRow is a row of "training" version 1,
    by "train-classifier", "train-explainer":
    "One figure of one training step or epoch."
    {
        epoch: u32 => UInt32, "from 1", "Epoch.";
        step: Option<u32> => UInt32, "from 1", "Optimiser step since the start; null for a figure of the whole epoch.";
        split: Split => Category, "train or valid", "Split the figure was taken on.";
        rank: Option<String> => Category, "", "Rank the figure belongs to; null where it belongs to none or all.";
        term: String => Category, "", "What was measured, such as loss, classification, entropy, area, total_variation, accuracy or learning_rate.";
        value: f64 => Float64, "", "The figure.";
    }
}
