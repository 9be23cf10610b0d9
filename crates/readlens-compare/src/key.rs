use std::cmp::Ordering;

use readlens_metrics::{Names, Subject};
use readlens_tables::vocabulary::{MaskName, Metric, Over, Ranks};

/// What is measured; the overlap at the share of that place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Measure {
    Spearman,
    Jaccard(usize),
    Iou,
    RelativeDistance,
    MaxSensitivity,
}

impl Measure {
    /// The metric that it is.
    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::Spearman => Metric::Spearman,
            Self::Jaccard(_) => Metric::Jaccard,
            Self::Iou => Metric::Iou,
            Self::RelativeDistance => Metric::RelativeDistance,
            Self::MaxSensitivity => Metric::MaxSensitivity,
        }
    }
}

/// What a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Number of the reference's mask.
    pub(crate) mask: u32,
    /// Place of the label among those of the configuration.
    pub(crate) label: usize,
    pub(crate) over: Over,
    pub(crate) measure: Measure,
}

impl Subject for Key {
    fn sums(&self) -> usize {
        1
    }

    fn is_point(&self) -> bool {
        false
    }

    fn adds_up(&self) -> bool {
        true
    }

    fn over(&self) -> Over {
        self.over
    }

    fn with_over(self, over: Over) -> Self {
        Self { over, ..self }
    }
}

impl Key {
    /// The order of the output; `ranks` are the tokens table's.
    pub(crate) fn compare(
        &self,
        other: &Self,
        masks: &Names<MaskName>,
        ranks: &[String],
    ) -> Ordering {
        let order = |key: &Self| {
            let MaskName { method, ranks: of } = masks.name(key.mask);
            let rank = match of {
                Ranks::All => ranks.len() + 1,
                Ranks::One(rank) => {
                    ranks.iter().position(|known| rank == known).unwrap_or(ranks.len())
                }
            };
            (method.clone(), rank, of.clone(), key.label, key.over, key.measure)
        };
        order(self).cmp(&order(other))
    }
}
