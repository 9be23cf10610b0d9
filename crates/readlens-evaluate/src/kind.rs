//! Kinds of figures: sums over windows and what is made of them.

use readlens_metrics::Formula;
use readlens_tables::vocabulary::Metric;

/// Bins of the expected calibration error.
pub(crate) const CALIBRATION_BINS: usize = 15;

/// Figures that are made of sums over the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Accuracy,
    AccuracyMacro,
    Prediction,
    Lineage,
    Calibration,
    Sufficiency,
    Comprehensiveness,
    NormalizedSufficiency,
    NormalizedComprehensiveness,
    SoftSufficiency,
    SoftComprehensiveness,
    Deletion,
    Insertion,
    Infidelity,
    Shape,
    Variation,
    Segments,
    Concentration,
    LeaveOneOut,
    Localisation,
}

impl Kind {
    /// Number of sums.
    pub(crate) fn sums(self) -> usize {
        match self {
            Self::Calibration => CALIBRATION_BINS,
            Self::Localisation => 5,
            _ => self.metrics().len(),
        }
    }

    /// The metrics that are made of the sums, in their order.
    pub(crate) fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Accuracy => &[Metric::Accuracy],
            Self::AccuracyMacro => &[Metric::AccuracyMacro],
            Self::Prediction => {
                &[Metric::Agreement, Metric::PTarget, Metric::Entropy, Metric::KeptArea]
            }
            Self::Lineage => &[Metric::LineageConsistency],
            Self::Calibration => &[Metric::ExpectedCalibrationError],
            Self::Sufficiency => &[Metric::Sufficiency],
            Self::Comprehensiveness => &[Metric::Comprehensiveness, Metric::LogOdds],
            Self::NormalizedSufficiency => &[Metric::NormalizedSufficiency],
            Self::NormalizedComprehensiveness => &[Metric::NormalizedComprehensiveness],
            Self::SoftSufficiency => &[Metric::SoftNormalizedSufficiency],
            Self::SoftComprehensiveness => &[Metric::SoftNormalizedComprehensiveness],
            Self::Deletion => &[Metric::DeletionAuc],
            Self::Insertion => &[Metric::InsertionAuc],
            Self::Infidelity => &[Metric::Infidelity, Metric::InfidelityScaled],
            Self::Shape => &[Metric::Area, Metric::HardArea, Metric::Segments],
            Self::Variation => &[Metric::TotalVariation, Metric::HardTotalVariation],
            Self::Segments => &[
                Metric::SegmentLengthTokens,
                Metric::SegmentLengthNt,
                Metric::SegmentLengthTokensMax,
                Metric::SegmentLengthNtMax,
            ],
            Self::Concentration => &[Metric::Gini, Metric::EffectiveTokens],
            Self::LeaveOneOut => &[Metric::LeaveOneOutTau],
            Self::Localisation => &[
                Metric::Auprc,
                Metric::Iou,
                Metric::Pointing,
                Metric::Mass,
                Metric::Prevalence,
                Metric::AuprcOverPrevalence,
                Metric::IouOverPrevalence,
                Metric::PointingOverPrevalence,
                Metric::MassOverPrevalence,
            ],
        }
    }

    /// How the metric at `place` of [`Self::metrics`] is made of the sums.
    pub(crate) fn formula(self, place: usize) -> Formula {
        match self {
            Self::Calibration => Formula::Deviation,
            // The fifth sum is the prevalence.
            Self::Localisation if place >= 5 => Formula::Ratio(place - 5, 4),
            _ => Formula::Mean(place),
        }
    }

    /// The kind that makes a metric of sums; none for metrics that are no sums over windows, and
    /// for those of other stages.
    #[cfg(test)]
    pub(crate) fn of(metric: Metric) -> Option<Self> {
        Some(match metric {
            Metric::Accuracy => Self::Accuracy,
            Metric::AccuracyMacro => Self::AccuracyMacro,
            Metric::Agreement | Metric::PTarget | Metric::Entropy | Metric::KeptArea => {
                Self::Prediction
            }
            Metric::LineageConsistency => Self::Lineage,
            Metric::ExpectedCalibrationError => Self::Calibration,
            Metric::Sufficiency => Self::Sufficiency,
            Metric::Comprehensiveness | Metric::LogOdds => Self::Comprehensiveness,
            Metric::NormalizedSufficiency => Self::NormalizedSufficiency,
            Metric::NormalizedComprehensiveness => Self::NormalizedComprehensiveness,
            Metric::SoftNormalizedSufficiency => Self::SoftSufficiency,
            Metric::SoftNormalizedComprehensiveness => Self::SoftComprehensiveness,
            Metric::DeletionAuc => Self::Deletion,
            Metric::InsertionAuc => Self::Insertion,
            Metric::Infidelity | Metric::InfidelityScaled => Self::Infidelity,
            Metric::Area | Metric::HardArea | Metric::Segments => Self::Shape,
            Metric::TotalVariation | Metric::HardTotalVariation => Self::Variation,
            Metric::SegmentLengthTokens
            | Metric::SegmentLengthNt
            | Metric::SegmentLengthTokensMax
            | Metric::SegmentLengthNtMax => Self::Segments,
            Metric::Gini | Metric::EffectiveTokens => Self::Concentration,
            Metric::LeaveOneOutTau => Self::LeaveOneOut,
            Metric::Auprc
            | Metric::Iou
            | Metric::Pointing
            | Metric::Mass
            | Metric::Prevalence
            | Metric::AuprcOverPrevalence
            | Metric::IouOverPrevalence
            | Metric::PointingOverPrevalence
            | Metric::MassOverPrevalence => Self::Localisation,
            // Of pairs of windows; of `probe`; of `compare`.
            Metric::MaskCorrelation
            | Metric::MajorityAccuracy
            | Metric::Spearman
            | Metric::Jaccard
            | Metric::RelativeDistance
            | Metric::MaxSensitivity => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `of` is exhaustive: a metric that no kind makes does not pass unnoticed.
    #[test]
    fn every_metric_is_made_by_the_kind_that_lists_it() {
        for &metric in Metric::ALL {
            let Some(kind) = Kind::of(metric) else { continue };
            assert!(kind.metrics().contains(&metric), "{metric} is not among those of {kind:?}");
        }
    }
}
