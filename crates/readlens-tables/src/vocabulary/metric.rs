use super::words::vocabulary;

vocabulary! {
    /// A figure of the metrics table.
    ///
    /// p is the probability of the target, which is the prediction for the untouched window, and p₀
    /// that probability for the untouched window itself. All means are over windows.
    Metric, "a metric": {
        Accuracy = "accuracy", "Fraction of the labelled windows whose prediction is the label.";
        AccuracyMacro = "accuracy_macro", "Accuracy averaged over taxa (mean recall). Resampled windows keep the original frequencies of the taxa. Not computed for graded operators and other removals.";
        Agreement = "agreement", "Fraction of the windows whose prediction is that for the untouched window.";
        PTarget = "p_target", "Mean of p.";
        Entropy = "entropy", "Mean entropy of the prediction divided by its maximum, the logarithm of the number of taxa.";
        KeptArea = "kept_area", "Mean factor on the real tokens: the fraction of the input that was kept.";
        LineageConsistency = "lineage_consistency", "Fraction of the windows whose predictions of all ranks together are the lineage of some labelled window. Not computed for graded operators.";
        ExpectedCalibrationError = "expected_calibration_error", "Σ_b (n_b/N) |accuracy_b − mean p_predicted_b| over 15 bins b of equal width, for the untouched window and the masks themselves.";
        Sufficiency = "sufficiency", "Mean of p₀ − p where only what the mask marks is kept.";
        Comprehensiveness = "comprehensiveness", "Mean of p₀ − p where what the mask marks is removed.";
        LogOdds = "log_odds", "Mean of ln(p / p₀) where what the mask marks is removed; both probabilities are at least 1e-12.";
        NormalizedSufficiency = "normalized_sufficiency", "Mean of (S − S₀) / (1 − S₀) with S = 1 − max(0, p₀ − p) and S₀ that of the empty input, over windows where the empty input loses at least .01 of probability.";
        NormalizedComprehensiveness = "normalized_comprehensiveness", "Mean of max(0, p₀ − p) / (1 − S₀) over the same windows.";
        SoftNormalizedSufficiency = "soft_normalized_sufficiency", "Normalised sufficiency with S averaged over draws that keep each token with the probability that its mask value gives. Whole tokens are drawn, as a mask has one value per token.";
        SoftNormalizedComprehensiveness = "soft_normalized_comprehensiveness", "Normalised comprehensiveness with S averaged over draws that remove each token with the probability that its mask value gives.";
        DeletionAuc = "deletion_auc", "Area under p over the fraction of tokens removed, largest mask values first. Trapezoids over the fractions in the table, from the untouched to the empty input.";
        InsertionAuc = "insertion_auc", "Area under p over the fraction of tokens kept, largest mask values first. Trapezoids over the fractions in the table, from the empty to the untouched input.";
        Infidelity = "infidelity", "Mean over random subsets of (a − b)² with a the fraction of the mask's sum that was hidden and b = p₀ − p. The attribution is the mask scaled to sum 1.";
        InfidelityScaled = "infidelity_scaled", "Mean of (βa − b)² with β = Σab / Σa², the best scale of each window.";
        Area = "area", "Mean of the mask.";
        HardArea = "hard_area", "Fraction of the tokens in the hard mask.";
        Segments = "segments", "Mean number of segments: runs of tokens of the hard mask.";
        TotalVariation = "total_variation", "Mean absolute difference between the mask values of neighbouring tokens, over windows of two tokens or more.";
        HardTotalVariation = "hard_total_variation", "The same of the hard mask.";
        SegmentLengthTokens = "segment_length_tokens", "Mean length of a window's segments, over windows that have one.";
        SegmentLengthNt = "segment_length_nt", "The same in nucleotides, from the first base of a segment's first token to the last base of its last.";
        SegmentLengthTokensMax = "segment_length_tokens_max", "Mean over windows of the length of the longest segment.";
        SegmentLengthNtMax = "segment_length_nt_max", "The same in nucleotides.";
        Gini = "gini", "Gini coefficient of the mask values, over windows whose mask is not zero everywhere.";
        EffectiveTokens = "effective_tokens", "exp of the entropy of the mask scaled to sum 1, over windows whose mask is not zero everywhere.";
        LeaveOneOutTau = "leave_one_out_tau", "Kendall's tau-b between the mask and that of the method leave_one_out for the same rank, over windows where neither is constant.";
        Auprc = "auprc", "Average precision of the tokens ranked by the mask. A token is positive where at least half of its bases lie in a truth interval. Over windows with a positive token.";
        Iou = "iou", "Intersection over union. At operator mask: of the hard mask and the positive tokens. Between two masks: of the bases above 1/2, over windows where either has one.";
        Pointing = "pointing", "Fraction of the windows whose largest mask value is on a positive token.";
        Mass = "mass", "Fraction of the mask's sum that is on positive tokens.";
        Prevalence = "prevalence", "Fraction of the tokens that are positive: what a blind mask reaches.";
        AuprcOverPrevalence = "auprc_over_prevalence", "Mean auprc divided by mean prevalence: 1 for a blind mask.";
        IouOverPrevalence = "iou_over_prevalence", "Mean iou divided by mean prevalence.";
        PointingOverPrevalence = "pointing_over_prevalence", "Mean pointing divided by mean prevalence: 1 for a blind mask.";
        MassOverPrevalence = "mass_over_prevalence", "Mean mass divided by mean prevalence: 1 for a blind mask.";
        MaskCorrelation = "mask_correlation", "Mean Pearson correlation between the masks of all pairs of windows, each resampled to the same number of stretches: 1 where all windows have one mask.";
        LogLikelihood = "log_likelihood", "Mean log-probability of the label.";
        EncodeMeter = "encode_meter", "How much likelier, in mean log-probability, the label is to a model that was taught with what masks keep, and sees where that lies, than to one that was taught with random tokens; 0 where it is not likelier. Above 0 the choice of tokens tells what they do not.";
        StripeX = "stripe_x", "The log_likelihood of operator surrogate less 10 times the encode_meter: the likelier the label is from what the mask keeps, the higher, unless the choice of tokens tells it.";
        MajorityAccuracy = "majority_accuracy", "Accuracy of always naming the most frequent taxon of the same windows.";
        Spearman = "spearman", "Rank correlation of the values of two masks of a window, ties by their mean rank, over windows where neither mask is constant.";
        Jaccard = "jaccard", "|A ∩ B| / |A ∪ B| of the bases with the largest values of two masks, at a given fraction of the bases. Bases that tie for the last places belong in equal parts.";
        RelativeDistance = "relative_distance", "‖m′ − m‖₂ / ‖m‖₂ of two masks, over windows whose reference m is not zero everywhere. Between seeds it is the mean of both directions.";
        MaxSensitivity = "max_sensitivity", "The largest relative distance among all substituted variants of a window.";
    }
}

/// Which values of a metric are good for a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Higher is better.
    Higher,
    /// Lower is better.
    Lower,
    /// Neither: it depends on the operator, or describes.
    Neither,
}

impl Metric {
    /// The unit or range that it is counted in, as a document prints it.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Accuracy
            | Self::AccuracyMacro
            | Self::Agreement
            | Self::KeptArea
            | Self::LineageConsistency
            | Self::Area
            | Self::HardArea
            | Self::TotalVariation
            | Self::HardTotalVariation
            | Self::Gini
            | Self::Auprc
            | Self::Iou
            | Self::Pointing
            | Self::Mass
            | Self::Prevalence
            | Self::MajorityAccuracy
            | Self::Jaccard
            | Self::Entropy
            | Self::ExpectedCalibrationError
            | Self::PTarget
            | Self::DeletionAuc
            | Self::InsertionAuc => "0 to 1",
            Self::Sufficiency
            | Self::Comprehensiveness
            | Self::LeaveOneOutTau
            | Self::MaskCorrelation
            | Self::Spearman => "−1 to 1",
            Self::LogOdds | Self::LogLikelihood | Self::EncodeMeter | Self::StripeX => "nats",
            Self::NormalizedSufficiency | Self::SoftNormalizedSufficiency => "at most 1",
            Self::NormalizedComprehensiveness
            | Self::SoftNormalizedComprehensiveness
            | Self::Infidelity
            | Self::InfidelityScaled
            | Self::AuprcOverPrevalence
            | Self::IouOverPrevalence
            | Self::PointingOverPrevalence
            | Self::MassOverPrevalence
            | Self::RelativeDistance
            | Self::MaxSensitivity => "from 0",
            Self::Segments => "segments",
            Self::SegmentLengthTokens | Self::SegmentLengthTokensMax | Self::EffectiveTokens => {
                "tokens"
            }
            Self::SegmentLengthNt | Self::SegmentLengthNtMax => "nt",
        }
    }

    /// Which values are good for a mask.
    pub const fn direction(self) -> Direction {
        match self {
            Self::Comprehensiveness
            | Self::NormalizedSufficiency
            | Self::NormalizedComprehensiveness
            | Self::SoftNormalizedSufficiency
            | Self::SoftNormalizedComprehensiveness
            | Self::InsertionAuc
            | Self::LeaveOneOutTau
            | Self::Auprc
            | Self::Iou
            | Self::Pointing
            | Self::Mass
            | Self::AuprcOverPrevalence
            | Self::IouOverPrevalence
            | Self::PointingOverPrevalence
            | Self::MassOverPrevalence
            | Self::LineageConsistency
            | Self::StripeX => Direction::Higher,
            Self::Sufficiency
            | Self::LogOdds
            | Self::DeletionAuc
            | Self::Infidelity
            | Self::InfidelityScaled
            | Self::MaskCorrelation
            | Self::MaxSensitivity
            | Self::EncodeMeter
            | Self::ExpectedCalibrationError => Direction::Lower,
            // Under an operator that keeps, accuracy should be high; under one that removes, low.
            // Masks of two seeds should be alike; those of a randomised classifier should not.
            Self::Accuracy
            | Self::AccuracyMacro
            | Self::Agreement
            | Self::PTarget
            | Self::Entropy
            | Self::KeptArea
            | Self::LogLikelihood
            | Self::Area
            | Self::HardArea
            | Self::Segments
            | Self::TotalVariation
            | Self::HardTotalVariation
            | Self::SegmentLengthTokens
            | Self::SegmentLengthNt
            | Self::SegmentLengthTokensMax
            | Self::SegmentLengthNtMax
            | Self::Gini
            | Self::EffectiveTokens
            | Self::Prevalence
            | Self::MajorityAccuracy
            | Self::Spearman
            | Self::Jaccard
            | Self::RelativeDistance => Direction::Neither,
        }
    }

    /// Where the formula comes from; empty for plain means and counts.
    pub const fn source(self) -> &'static str {
        match self {
            Self::ExpectedCalibrationError => "Naeini et al. 2015; Guo et al. 2017",
            Self::Sufficiency | Self::Comprehensiveness => {
                "DeYoung et al. 2020 (ERASER); operator aopc is the mean of its code, which divides by \
                 one less than its paper"
            }
            Self::LogOdds => "Shrikumar et al. 2017",
            Self::NormalizedSufficiency | Self::NormalizedComprehensiveness => "Carton et al. 2020",
            Self::SoftNormalizedSufficiency | Self::SoftNormalizedComprehensiveness => {
                "Zhao & Aletras 2023, who draw each element of the embedding"
            }
            Self::DeletionAuc | Self::InsertionAuc => "Petsiuk et al. 2018",
            Self::Infidelity | Self::InfidelityScaled => {
                "Yeh et al. 2019, where a is the inner product of perturbation and attribution"
            }
            Self::MaxSensitivity => "Yeh et al. 2019, divided by the norm of the mask",
            Self::EncodeMeter | Self::StripeX => {
                "Puli et al. 2024; here with linear models, and floored at 0"
            }
            Self::LeaveOneOutTau => "Kendall 1945",
            Self::Auprc => "Zhu 2004",
            Self::Pointing => "Zhang et al. 2016",
            Self::Gini => "Chalasani et al. 2020",
            Self::Spearman => "Spearman 1904",
            Self::Jaccard => "Jaccard 1912; ties as Ruzicka 1958",
            Self::TotalVariation | Self::HardTotalVariation => "Rudin, Osher & Fatemi 1992",
            Self::Accuracy
            | Self::AccuracyMacro
            | Self::Agreement
            | Self::PTarget
            | Self::Entropy
            | Self::KeptArea
            | Self::LogLikelihood
            | Self::LineageConsistency
            | Self::Area
            | Self::HardArea
            | Self::Segments
            | Self::SegmentLengthTokens
            | Self::SegmentLengthNt
            | Self::SegmentLengthTokensMax
            | Self::SegmentLengthNtMax
            | Self::EffectiveTokens
            | Self::Iou
            | Self::Mass
            | Self::Prevalence
            | Self::AuprcOverPrevalence
            | Self::IouOverPrevalence
            | Self::PointingOverPrevalence
            | Self::MassOverPrevalence
            | Self::MaskCorrelation
            | Self::MajorityAccuracy
            | Self::RelativeDistance => "",
        }
    }
}
