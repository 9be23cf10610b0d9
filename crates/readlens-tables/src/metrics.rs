//! Metrics in long form.

use crate::record::record;

record! {
    /// One metric with its interval.
    MetricRow is a row of "metrics" version 2 by "evaluate":
    "One metric with its interval."
    {
        method: String => Category, "", "Attribution method; `none` for figures of the classifier alone.";
        mask_rank: String => Category, "", "Rank that the mask explains, or `all`; `none` where no mask was used.";
        operator: String => Category, "", "What was done to the input; `mask` for figures of the mask itself.";
        share: Option<f32> => Float32, "0 to 1", "Share of the real tokens that was kept, removed or compared, or the level of a constant mask; null for figures without one.";
        split: String => Category, "", "Split the figure was taken on, `unassigned` for rows without one, or `all`.";
        rank: String => Category, "", "Rank that was predicted, or `all`.";
        metric: String => Category, "", "Name of the metric.";
        value: f64 => Float64, "", "The figure.";
        ci_low: Option<f64> => Float64, "", "Lower end of the 95 % bootstrap interval over records; null where there are fewer than two.";
        ci_high: Option<f64> => Float64, "", "Upper end of the 95 % bootstrap interval; null where ci_low is.";
        n: u32 => UInt32, "windows", "Windows the figure was taken over.";
    }
}
