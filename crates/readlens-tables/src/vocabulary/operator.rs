use super::Removal;
use super::words::vocabulary;

vocabulary! {
    /// What was done to the input before the classifier predicted, or what a figure compares.
    ///
    /// The stage `perturb` writes those that change the input; the others stand in the metrics
    /// table alone.
    Operator, "an operator": {
        Unmasked = "unmasked", "The whole window, untouched.";
        MajorityClass = "majority_class", "Always the most frequent taxon of the training windows, whatever the input.";
        Mask = "mask", "The mask itself, without any prediction.";
        Masked = "masked", "Every token multiplied by its mask value.";
        Inverse = "inverse", "Every token multiplied by one minus its mask value.";
        HardMasked = "hard_masked", "Only the tokens of the hard mask.";
        HardInverse = "hard_inverse", "Only the tokens outside the hard mask.";
        RandomBlock = "random_block", "Only one contiguous block at a random place, of the hard mask's area.";
        RandomBlockInverse = "random_block_inverse", "All but that block.";
        RandomSegments = "random_segments", "Only segments as many and as long as the hard mask's, at random places.";
        RandomSegmentsInverse = "random_segments_inverse", "All but those segments.";
        Shifted = "shifted", "Only the hard mask moved by a random distance, around the end of the window.";
        Shuffled = "shuffled", "Only as many tokens as the hard mask has, at random places.";
        ForeignMask = "foreign", "Only what the hard mask of another window marks, of another taxon where there is one.";
        WrongClass = "wrong_class", "Only the tokens of a hard mask that was made for another window's predicted taxa, which are the target.";
        WrongClassBlock = "wrong_class_block", "Only a random block of that mask's area, with the same target.";
        AllZero = "all_zero", "Nothing: every token hidden by the classifier's own masking.";
        AllMean = "all_mean", "Nothing: every token replaced by the mean embedding.";
        AllUnknown = "all_unknown", "Nothing: every token replaced by the unknown token.";
        AllShuffled = "all_shuffled", "Nothing in its order: all bases with their dinucleotides shuffled.";
        Constant = "constant", "Every token multiplied by the same level.";
        Aopc = "aopc", "The mean over the fractions .01, .05, .1, .2 and .5 of keep_top or remove_top.";
        AopcBlock = "aopc_block", "The same mean of keep_block or remove_block.";
        KeepTop = "keep_top", "Only a fraction of the tokens, those with the largest mask values.";
        RemoveTop = "remove_top", "All but those tokens.";
        KeepBlock = "keep_block", "Only one contiguous block at a random place, of a given fraction of the tokens.";
        RemoveBlock = "remove_block", "All but that block.";
        SoftKeep = "soft_keep", "Each token kept with the probability that its mask value gives.";
        SoftRemove = "soft_remove", "Each token removed with the probability that its mask value gives.";
        RandomSubset = "random_subset", "Only a random subset of the tokens.";
        JudgeUnmasked = "judge_unmasked", "The whole window, predicted by an independent judge.";
        JudgeHardMasked = "judge_hard_masked", "Only the tokens of the hard mask, predicted by the judge.";
        JudgeRandomBlock = "judge_random_block", "Only a random block of the hard mask's area, predicted by the judge.";
        Probe = "probe", "A linear model that sees where the mask lies and no base.";
        RetrainedKept = "retrained_kept", "A linear model that was taught, and is asked, with the tokens that masks keep.";
        RetrainedRemoved = "retrained_removed", "A linear model that was taught, and is asked, with the tokens that are left where masks remove theirs.";
        Surrogate = "surrogate", "A linear model that was taught with random tokens, asked with the tokens that the mask keeps.";
        KmerLogisticRegression = "kmer_logistic_regression", "A logistic regression on the k-mer counts of the whole window.";
        KmerNaiveBayes = "kmer_naive_bayes", "Naive Bayes on the k-mer counts of the whole window.";
        KmerVoting = "kmer_voting", "Exact long k-mers that vote for a taxon, as in Kraken.";
        Seed = "seed", "Two masks by the same method from other seeds.";
        ReverseComplement = "reverse_complement", "The mask of a window and that of its reverse complement.";
        FrameShift = "frame_shift", "The mask of a window and that of the same bases cut into k-mers from another base on.";
        Substitution = "substitution", "The mask of a window and that of the window with some bases substituted.";
        Randomized = "randomized", "The mask and that of a classifier whose weights were drawn anew.";
        Permuted = "permuted", "The mask and that of a classifier trained on permuted labels.";
    }
}

/// What an operator does, as far as figures of faithfulness care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Leaves the input whole.
    Whole,
    /// Leaves nothing.
    Empty,
    /// Keeps what a mask, or a control of its area, marks.
    Keeps,
    /// Removes what a mask, or a control of its area, marks.
    Removes,
    /// Keeps what a mask, or a control of its area, marks that was made for other taxa; these are
    /// the target.
    KeepsWrong,
    /// Keeps or removes a share of the tokens: the mask's largest values, or a block at random.
    Graded {
        /// Whether it keeps the share; it removes it otherwise.
        keeps: bool,
        /// Whether the share is a random block; the mask's largest values otherwise.
        is_block: bool,
    },
    /// Keeps or removes each token at random, in several draws.
    Soft {
        /// Whether the mask value is the probability of keeping; of removing otherwise.
        keeps: bool,
    },
    /// Keeps a random subset, in several draws.
    Subset,
    /// Multiplies all tokens by one level.
    Constant,
    /// Another network predicts.
    Judged,
    /// Is a mean over other operators.
    Mean,
    /// Predicts without reading the bases that a mask marks.
    Floor,
    /// A model that learned from windows with hidden tokens predicts.
    Retrained,
    /// Looks at masks alone.
    Masks,
}

impl Role {
    /// Whether the rows of the operator are draws, which together give one figure and none alone.
    pub const fn is_draw(self) -> bool {
        matches!(self, Self::Soft { .. } | Self::Subset)
    }

    /// Whether the operator changes what a network reads, so that it stands in a perturbations
    /// table.
    pub const fn is_of_input(self) -> bool {
        match self {
            Self::Whole
            | Self::Empty
            | Self::Keeps
            | Self::Removes
            | Self::KeepsWrong
            | Self::Graded { .. }
            | Self::Soft { .. }
            | Self::Subset
            | Self::Constant
            | Self::Judged => true,
            Self::Mean | Self::Floor | Self::Retrained | Self::Masks => false,
        }
    }
}

impl Operator {
    /// What it does.
    pub const fn role(self) -> Role {
        match self {
            Self::Unmasked => Role::Whole,
            Self::AllZero | Self::AllMean | Self::AllUnknown | Self::AllShuffled => Role::Empty,
            Self::Masked
            | Self::HardMasked
            | Self::RandomBlock
            | Self::RandomSegments
            | Self::Shifted
            | Self::Shuffled
            | Self::ForeignMask => Role::Keeps,
            Self::Inverse
            | Self::HardInverse
            | Self::RandomBlockInverse
            | Self::RandomSegmentsInverse => Role::Removes,
            Self::WrongClass | Self::WrongClassBlock => Role::KeepsWrong,
            Self::KeepTop => Role::Graded { keeps: true, is_block: false },
            Self::RemoveTop => Role::Graded { keeps: false, is_block: false },
            Self::KeepBlock => Role::Graded { keeps: true, is_block: true },
            Self::RemoveBlock => Role::Graded { keeps: false, is_block: true },
            Self::SoftKeep => Role::Soft { keeps: true },
            Self::SoftRemove => Role::Soft { keeps: false },
            Self::RandomSubset => Role::Subset,
            Self::Constant => Role::Constant,
            Self::JudgeUnmasked | Self::JudgeHardMasked | Self::JudgeRandomBlock => Role::Judged,
            Self::Aopc | Self::AopcBlock => Role::Mean,
            Self::MajorityClass
            | Self::Probe
            | Self::KmerLogisticRegression
            | Self::KmerNaiveBayes
            | Self::KmerVoting => Role::Floor,
            Self::RetrainedKept | Self::RetrainedRemoved | Self::Surrogate => Role::Retrained,
            Self::Mask
            | Self::Seed
            | Self::ReverseComplement
            | Self::FrameShift
            | Self::Substitution
            | Self::Randomized
            | Self::Permuted => Role::Masks,
        }
    }

    /// The removal that the operator's plain figures are under: the one that its name says, or the
    /// classifier's own masking.
    pub fn own_removal(self) -> Removal {
        let says_it = |removal: &Removal| removal.of_everything() == self;
        Removal::ALL.iter().copied().find(says_it).unwrap_or(Removal::Own)
    }

    /// The operator that leaves what this one hides, where there is one.
    pub const fn inverse(self) -> Option<Self> {
        match self {
            Self::Unmasked => Some(Self::AllZero),
            Self::AllZero => Some(Self::Unmasked),
            Self::Masked => Some(Self::Inverse),
            Self::Inverse => Some(Self::Masked),
            Self::HardMasked => Some(Self::HardInverse),
            Self::HardInverse => Some(Self::HardMasked),
            Self::RandomBlock => Some(Self::RandomBlockInverse),
            Self::RandomBlockInverse => Some(Self::RandomBlock),
            Self::RandomSegments => Some(Self::RandomSegmentsInverse),
            Self::RandomSegmentsInverse => Some(Self::RandomSegments),
            Self::KeepTop => Some(Self::RemoveTop),
            Self::RemoveTop => Some(Self::KeepTop),
            Self::KeepBlock => Some(Self::RemoveBlock),
            Self::RemoveBlock => Some(Self::KeepBlock),
            Self::Shifted
            | Self::Shuffled
            | Self::ForeignMask
            | Self::WrongClass
            | Self::WrongClassBlock
            | Self::AllMean
            | Self::AllUnknown
            | Self::AllShuffled
            | Self::Constant
            | Self::SoftKeep
            | Self::SoftRemove
            | Self::RandomSubset
            | Self::JudgeUnmasked
            | Self::JudgeHardMasked
            | Self::JudgeRandomBlock
            | Self::Aopc
            | Self::AopcBlock
            | Self::MajorityClass
            | Self::Probe
            | Self::RetrainedKept
            | Self::RetrainedRemoved
            | Self::Surrogate
            | Self::KmerLogisticRegression
            | Self::KmerNaiveBayes
            | Self::KmerVoting
            | Self::Mask
            | Self::Seed
            | Self::ReverseComplement
            | Self::FrameShift
            | Self::Substitution
            | Self::Randomized
            | Self::Permuted => None,
        }
    }

    /// Whether it is a control: something that the figures of a mask are compared with.
    pub const fn is_control(self) -> bool {
        match self {
            Self::RandomBlock
            | Self::RandomBlockInverse
            | Self::RandomSegments
            | Self::RandomSegmentsInverse
            | Self::Shifted
            | Self::Shuffled
            | Self::ForeignMask
            | Self::WrongClass
            | Self::WrongClassBlock
            | Self::AllZero
            | Self::AllMean
            | Self::AllUnknown
            | Self::AllShuffled
            | Self::Constant
            | Self::AopcBlock
            | Self::KeepBlock
            | Self::RemoveBlock
            | Self::JudgeUnmasked
            | Self::JudgeRandomBlock
            | Self::MajorityClass
            | Self::Probe
            | Self::KmerLogisticRegression
            | Self::KmerNaiveBayes
            | Self::KmerVoting => true,
            Self::Unmasked
            | Self::Mask
            | Self::Masked
            | Self::Inverse
            | Self::HardMasked
            | Self::HardInverse
            | Self::Aopc
            | Self::KeepTop
            | Self::RemoveTop
            | Self::SoftKeep
            | Self::SoftRemove
            | Self::RandomSubset
            | Self::JudgeHardMasked
            | Self::RetrainedKept
            | Self::RetrainedRemoved
            | Self::Surrogate
            | Self::Seed
            | Self::ReverseComplement
            | Self::FrameShift
            | Self::Substitution
            | Self::Randomized
            | Self::Permuted => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_the_inverse_is_the_operator_and_their_roles_are_opposite() {
        for &operator in Operator::ALL {
            let Some(inverse) = operator.inverse() else { continue };
            assert_eq!(inverse.inverse(), Some(operator));
            // The whole input is no control, and what is left without it is one.
            let is_whole = |operator: Operator| operator.role() == Role::Whole;
            let is_alike = operator.is_control() == inverse.is_control();
            assert_eq!(is_alike, !is_whole(operator) && !is_whole(inverse), "{operator}");
            match (operator.role(), inverse.role()) {
                (Role::Keeps, Role::Removes) | (Role::Removes, Role::Keeps) => {}
                (Role::Whole, Role::Empty) | (Role::Empty, Role::Whole) => {}
                (
                    Role::Graded { keeps, is_block },
                    Role::Graded { keeps: other, is_block: too },
                ) => assert!(keeps != other && is_block == too),
                other => panic!("{operator}: {other:?}"),
            }
        }
    }
}
