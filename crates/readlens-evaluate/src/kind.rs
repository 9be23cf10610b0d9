//! Kinds of figures: sums over windows and what is made of them.

use readlens_figures::Formula;

/// Metrics of an operator and a predicted rank.
///
/// `accuracy`: share of windows with a label whose prediction is the label. `accuracy_macro`: the
/// same, averaged over taxa (mean recall); in the bootstrap the taxa keep their original
/// frequencies; not for graded operators and other removals. `agreement`: share whose prediction is the one for the
/// untouched input. `p_target`: mean probability of that prediction. `entropy`: mean entropy over its maximum.
/// `kept_area`: mean share of the input that was kept. `lineage_consistency`: share of windows whose predictions of
/// all ranks together are the lineage of some labelled window of the tokens table; rank `all`, not for graded operators.
/// `expected_calibration_error`: Σ_b (n_b/N) |accuracy_b − mean p_predicted_b| over 15 bins of equal width
/// (Naeini et al. 2015; Guo et al. 2017), for the untouched input and the masks themselves.
pub const PREDICTION_METRICS: [&str; 8] = [
    "accuracy",
    "accuracy_macro",
    "agreement",
    "p_target",
    "entropy",
    "kept_area",
    "lineage_consistency",
    "expected_calibration_error",
];

/// Metrics of how far the prediction follows the mask; p is the probability of the target, the untouched input's
/// prediction, and p₀ that of the untouched input.
///
/// `sufficiency`, of operators that keep: mean of p₀ − p, small for a good mask; `comprehensiveness`, of operators that
/// remove: mean of p₀ − p, large for a good mask (DeYoung et al. 2020, ERASER). Operator `aopc` (`aopc_block` for
/// random blocks): the mean over the shares .01, .05, .1, .2 and .5, as ERASER's code has it (its paper divides by one
/// more). `log_odds`: mean of ln(p / p₀) where tokens are removed, both at least 1e-12 (Shrikumar et al. 2017).
///
/// `normalized_sufficiency`: mean of (S − S₀) / (1 − S₀) with S = 1 − max(0, p₀ − p) and S₀ that of the empty input;
/// `normalized_comprehensiveness`: mean of max(0, p₀ − p) / (1 − S₀) (Carton et al. 2020). Both are defined where the
/// empty input loses at least .01 of probability; other windows are left out. `soft_normalized_sufficiency` and
/// `soft_normalized_comprehensiveness`: the same with each window's S averaged over draws that keep, or remove, each
/// token with the probability that its mask says (Zhao & Aletras 2023, who draw each element of the embedding; here
/// whole tokens are drawn, as a mask is per token).
///
/// `deletion_auc`, at `remove_top`: area under p over the share of tokens removed, largest mask first; `insertion_auc`,
/// at `keep_top`: under p over the share kept (Petsiuk et al. 2018). Trapezoids on the grid 0, .01, .02, .05, .1, .2,
/// …, .9, 1 or what the table has of it; its ends are the untouched and the empty input.
///
/// `infidelity`: mean over random subsets of (a − b)² with a the share of the mask's sum that was hidden and b = p₀ − p;
/// `infidelity_scaled`: of (βa − b)² with β = Σab / Σa², the best scale for each window (Yeh et al. 2019, where a is the
/// inner product of perturbation and attribution; here the attribution is the mask scaled to sum 1).
pub const FAITHFULNESS_METRICS: [&str; 11] = [
    "sufficiency",
    "comprehensiveness",
    "log_odds",
    "normalized_sufficiency",
    "normalized_comprehensiveness",
    "soft_normalized_sufficiency",
    "soft_normalized_comprehensiveness",
    "deletion_auc",
    "insertion_auc",
    "infidelity",
    "infidelity_scaled",
];

/// Metrics of the mask itself.
///
/// `area` and `hard_area`: mean of the mask and of the hard mask. `segments`: runs of the hard
/// mask. `total_variation` and `hard_total_variation`: mean absolute difference between
/// neighbouring tokens, over windows with two tokens or more. `segment_length_tokens`,
/// `segment_length_nt` and both with `_max`: mean and largest length of the runs, over windows that have one; in
/// nucleotides from the first base of a run's first token to the last base of its last. `gini`: Gini coefficient of
/// the values; `effective_tokens`: exp of the entropy of the mask scaled to sum 1; both over windows whose mask is not
/// zero everywhere. `leave_one_out_tau`: Kendall's tau-b between the mask and that of the method `leave_one_out` for the
/// same rank, over windows that have both and where neither is constant.
pub const SHAPE_METRICS: [&str; 12] = [
    "area",
    "hard_area",
    "segments",
    "total_variation",
    "hard_total_variation",
    "segment_length_tokens",
    "segment_length_nt",
    "segment_length_tokens_max",
    "segment_length_nt_max",
    "gini",
    "effective_tokens",
    "leave_one_out_tau",
];

/// Metrics of the mask against truth intervals, over windows with at least one positive token.
///
/// A token is positive when at least half of its bases lie in an interval. `auprc`: average
/// precision of the tokens ranked by the mask. `iou`: hard mask against positive tokens.
/// `pointing`: whether the largest value is on a positive token. `mass`: share of the mask that
/// is. `prevalence`: share of the tokens that are positive, the figure of a blind mask. Those with `_over_prevalence`
/// are the mean over the mean prevalence: 1 for a blind mask (but of IoU).
pub const LOCALISATION_METRICS: [&str; 9] = [
    "auprc",
    "iou",
    "pointing",
    "mass",
    "prevalence",
    "auprc_over_prevalence",
    "iou_over_prevalence",
    "pointing_over_prevalence",
    "mass_over_prevalence",
];

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
            _ => self.names().len(),
        }
    }

    /// Names of the figures.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Accuracy => &PREDICTION_METRICS[..1],
            Self::AccuracyMacro => &PREDICTION_METRICS[1..2],
            Self::Prediction => &PREDICTION_METRICS[2..6],
            Self::Lineage => &PREDICTION_METRICS[6..7],
            Self::Calibration => &PREDICTION_METRICS[7..],
            Self::Sufficiency => &FAITHFULNESS_METRICS[..1],
            Self::Comprehensiveness => &FAITHFULNESS_METRICS[1..3],
            Self::NormalizedSufficiency => &FAITHFULNESS_METRICS[3..4],
            Self::NormalizedComprehensiveness => &FAITHFULNESS_METRICS[4..5],
            Self::SoftSufficiency => &FAITHFULNESS_METRICS[5..6],
            Self::SoftComprehensiveness => &FAITHFULNESS_METRICS[6..7],
            Self::Deletion => &FAITHFULNESS_METRICS[7..8],
            Self::Insertion => &FAITHFULNESS_METRICS[8..9],
            Self::Infidelity => &FAITHFULNESS_METRICS[9..],
            Self::Shape => &SHAPE_METRICS[..3],
            Self::Variation => &SHAPE_METRICS[3..5],
            Self::Segments => &SHAPE_METRICS[5..9],
            Self::Concentration => &SHAPE_METRICS[9..11],
            Self::LeaveOneOut => &SHAPE_METRICS[11..],
            Self::Localisation => &LOCALISATION_METRICS,
        }
    }

    /// How the figure at `place` of [`Self::names`] is made of the sums.
    pub(crate) fn formula(self, place: usize) -> Formula {
        match self {
            Self::Calibration => Formula::Deviation,
            // The fifth sum is the prevalence.
            Self::Localisation if place >= 5 => Formula::Ratio(place - 5, 4),
            _ => Formula::Mean(place),
        }
    }
}
