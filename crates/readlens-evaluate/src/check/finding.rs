use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{Metric, Operator, Ranks, Removal, Word};
use serde::Serialize;

/// A figure that a check looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What was done to the input, or compared.
    pub operator: Word<Operator>,
    /// Which of several comparisons with the operator it is.
    pub variant: Option<String>,
    /// What stood for hidden tokens.
    pub removal: Removal,
    /// Share, where the operator has one.
    pub share: Option<f32>,
    /// Ranks that were predicted.
    pub rank: Ranks,
    /// What was measured.
    pub metric: Metric,
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
            variant: row.variant.clone(),
            removal: row.removal,
            share: row.share,
            rank: row.rank.clone(),
            metric: row.metric,
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

    /// The operator as a sentence names it, with the variant behind it.
    pub(crate) fn operator_name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{} ({variant})", self.operator),
            None => self.operator.to_string(),
        }
    }

    /// The figure as a sentence has it: fractions of windows in per cent.
    pub(crate) fn shown(&self) -> String {
        match self.metric {
            Metric::Accuracy | Metric::MajorityAccuracy | Metric::Agreement => {
                format!("{:.1} %", 100.0 * self.value)
            }
            _ => format!("{:.2}", self.value),
        }
    }
}
