use std::cmp::Ordering;

use readlens_figures::Split;

/// Label of masks by the same method from another seed: every pair of them and the reference is
/// compared, not each with the reference alone.
pub(crate) const SEED: &str = "seed";
/// Label of masks of windows with other bases here and there: [`Metric::MaxSensitivity`] is over them.
pub(crate) const SUBSTITUTION: &str = "substitution";

/// Names of the metrics, in order.
///
/// `spearman`: rank correlation of the values, ties by their mean rank (Spearman 1904), over
/// windows where neither mask is constant. `jaccard`: |A ∩ B| / |A ∪ B| of the bases with the
/// largest values, at a share; bases that tie for the last places belong in equal parts, and the
/// two sums are then of the smaller and of the larger part (Ruzicka 1958). `iou`: the same of the
/// bases above 1/2, which are those that count as read, over windows where either has one.
/// `relative_distance`: ‖m′ − m‖₂ / ‖m‖₂, over windows whose reference is not zero everywhere;
/// between seeds, where none is the reference, the mean of both directions. `max_sensitivity`: the
/// largest relative distance among all variants of the label `substitution` (Yeh et al. 2019, "On
/// the (in)fidelity and sensitivity of explanations", divided by the norm).
pub const METRICS: [&str; 5] =
    ["spearman", "jaccard", "iou", "relative_distance", "max_sensitivity"];

/// A metric; jaccard at the share of that place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Metric {
    Spearman,
    Jaccard(usize),
    Iou,
    RelativeDistance,
    MaxSensitivity,
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spearman => METRICS[0],
            Self::Jaccard(_) => METRICS[1],
            Self::Iou => METRICS[2],
            Self::RelativeDistance => METRICS[3],
            Self::MaxSensitivity => METRICS[4],
        }
    }
}

/// What a figure is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) method: String,
    pub(crate) mask_rank: String,
    /// Place of the label among those of the configuration.
    pub(crate) label: usize,
    pub(crate) split: Split,
    pub(crate) metric: Metric,
}

impl Key {
    /// The order of the output; `ranks` are the tokens table's.
    pub(crate) fn compare(&self, other: &Self, ranks: &[String]) -> Ordering {
        let rank = |key: &Self| ranks.iter().position(|rank| *rank == key.mask_rank);
        let place = |key: &Self| rank(key).unwrap_or(ranks.len());
        self.method
            .cmp(&other.method)
            .then_with(|| place(self).cmp(&place(other)))
            .then_with(|| self.mask_rank.cmp(&other.mask_rank))
            .then_with(|| self.label.cmp(&other.label))
            .then_with(|| self.split.cmp(&other.split))
            .then_with(|| self.metric.cmp(&other.metric))
    }
}
