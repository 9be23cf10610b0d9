use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{MaskName, Metric, Operator, Over, Ranks, Removal, Word};

use crate::panel::Figure;

/// What the figures of a panel are about: all columns of a metrics row but the figure itself.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// The masks; none for figures of the classifier alone.
    pub mask: Option<MaskName>,
    /// What was done to the input, or compared.
    pub operator: Word<Operator>,
    /// Which of several comparisons with one operator it is.
    pub variant: Option<String>,
    /// What stood for hidden tokens.
    pub removal: Removal,
    /// Share that was kept, removed or compared, or the level of a constant mask, from 0 to 1.
    pub share: Option<f32>,
    /// The windows.
    pub over: Over,
    /// The ranks that were predicted.
    pub ranks: Ranks,
}

impl About {
    /// About all ranks and windows under the classifier's own removal, without a share.
    pub fn new(mask: Option<MaskName>, operator: Operator) -> Self {
        Self {
            mask,
            operator: operator.into(),
            variant: None,
            removal: Removal::Own,
            share: None,
            over: Over::All,
            ranks: Ranks::All,
        }
    }

    /// The row of one metric.
    pub fn row(&self, metric: Metric, figure: Figure) -> MetricRow {
        let (method, mask_rank) = match &self.mask {
            Some(MaskName { method, ranks }) => (Some(method), Some(ranks.clone())),
            None => (None, None),
        };
        MetricRow {
            method: method.map(|method| method.name.clone()),
            method_kind: method.map(|method| method.kind),
            replicate: method.map(|method| method.replicate),
            mask_rank,
            operator: self.operator.clone(),
            variant: self.variant.clone(),
            removal: self.removal,
            share: self.share,
            split: self.over,
            rank: self.ranks.clone(),
            metric,
            value: figure.value,
            ci_low: figure.interval.map(|ends| ends.0),
            ci_high: figure.interval.map(|ends| ends.1),
            n: u32::try_from(figure.windows).unwrap_or(u32::MAX),
        }
    }
}
