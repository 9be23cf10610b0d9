use readlens_tables::metrics::MetricRow;
use serde::Serialize;

/// A figure that a check looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Operator, as in the metrics table.
    pub operator: String,
    /// Share, where the operator has one.
    pub share: Option<f32>,
    /// Rank that was predicted, or `all`.
    pub rank: String,
    /// Name of the metric.
    pub metric: String,
    /// The figure.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub ci_high: Option<f64>,
}

impl From<&MetricRow> for Finding {
    fn from(row: &MetricRow) -> Self {
        Self {
            operator: row.operator.clone(),
            share: row.share,
            rank: row.rank.clone(),
            metric: row.metric.clone(),
            value: row.value,
            ci_low: row.ci_low,
            ci_high: row.ci_high,
        }
    }
}

impl Finding {
    /// Whether the interval lies above that of `other`; none where either has no interval.
    pub(crate) fn is_above(&self, other: &Self) -> Option<bool> {
        Some(self.ci_low? > other.ci_high?)
    }

    /// The figure as a sentence has it: shares of windows in per cent.
    pub(crate) fn shown(&self) -> String {
        match self.metric.as_str() {
            "accuracy" | "majority_accuracy" | "agreement" => {
                format!("{:.1} %", 100.0 * self.value)
            }
            _ => format!("{:.2}", self.value),
        }
    }
}
