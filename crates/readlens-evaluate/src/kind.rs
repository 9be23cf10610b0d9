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
    /// Number of sums: those that the formulas name.
    pub(crate) fn sums(self) -> usize {
        let last = |place| match self.formula(place) {
            Formula::Mean(sum) => sum + 1,
            Formula::Ratio(sum, over) => sum.max(over) + 1,
            Formula::Deviation => CALIBRATION_BINS,
            Formula::Excess { of, above } | Formula::LessExcess { of, above, .. } => {
                of.max(above) + 1
            }
        };
        (0..self.metrics().len()).map(last).max().unwrap_or(0)
    }

    /// The metrics that are made of the sums, in the order of the sums.
    pub(crate) fn metrics(self) -> Vec<Metric> {
        Metric::ALL.iter().copied().filter(|metric| Self::of(*metric) == Some(self)).collect()
    }

    /// How the metric at `place` of [`Self::metrics`] is made of the sums.
    pub(crate) fn formula(self, place: usize) -> Formula {
        match self {
            Self::Calibration => Formula::Deviation,
            // The fifth sum is the prevalence.
            Self::Localisation if place >= 5 => Formula::Ratio(place - 5, 4),
            Self::Accuracy
            | Self::AccuracyMacro
            | Self::Prediction
            | Self::Lineage
            | Self::Sufficiency
            | Self::Comprehensiveness
            | Self::NormalizedSufficiency
            | Self::NormalizedComprehensiveness
            | Self::SoftSufficiency
            | Self::SoftComprehensiveness
            | Self::Deletion
            | Self::Insertion
            | Self::Infidelity
            | Self::Shape
            | Self::Variation
            | Self::Segments
            | Self::Concentration
            | Self::LeaveOneOut
            | Self::Localisation => Formula::Mean(place),
        }
    }

    /// The kind that makes a metric of sums; none for metrics that are no sums over windows, and
    /// for those of other stages.
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
            | Metric::LogLikelihood
            | Metric::EncodeMeter
            | Metric::StripeX
            | Metric::Spearman
            | Metric::Jaccard
            | Metric::RelativeDistance
            | Metric::MaxSensitivity => return None,
        })
    }
}
