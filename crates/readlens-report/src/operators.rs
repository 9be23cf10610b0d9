//! What was done to the input, in words: a title, the question that it answers, and how to read it.

use readlens_tables::vocabulary::{Operator, Removal};

/// Which question an operator answers: the groups of rows in the table of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// What does the classifier read in the input as it is?
    Untouched,
    /// What is left where only the bases are shown that the mask, or a control of its area, marks?
    Keep,
    /// What is left where those bases are hidden?
    Hide,
    /// What does the classifier say under a mask that was made for another taxon?
    OtherTaxon,
    /// What does another classifier read in the marked bases?
    Judge,
    /// What is reached without reading the marked bases?
    Floor,
}

impl Family {
    /// The families in the order of the page.
    pub(crate) const ALL: [Self; 6] =
        [Self::Untouched, Self::Keep, Self::Hide, Self::OtherTaxon, Self::Judge, Self::Floor];

    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Untouched => "The whole sequence",
            Self::Keep => "Only the marked bases are shown: higher is better for the mask",
            Self::Hide => "The marked bases are hidden: lower is better for the mask",
            Self::OtherTaxon => {
                "The mask is made for another taxon, and agreement is with that one: lower is better"
            }
            Self::Judge => "What an independent judge, trained on random masks, reads",
            Self::Floor => "What is reached without reading the marked bases",
        }
    }

    /// The operators of the family in the order of the page's rows: those whose [`words`] name it.
    pub(crate) const fn rows(self) -> &'static [Operator] {
        match self {
            Self::Untouched => &[Operator::Unmasked],
            Self::Keep => &[
                Operator::HardMasked,
                Operator::RandomSegments,
                Operator::RandomBlock,
                Operator::Shifted,
                Operator::Shuffled,
                Operator::ForeignMask,
                Operator::Masked,
            ],
            Self::Hide => &[
                Operator::HardInverse,
                Operator::RandomSegmentsInverse,
                Operator::RandomBlockInverse,
                Operator::Inverse,
            ],
            Self::OtherTaxon => &[Operator::WrongClass, Operator::WrongClassBlock],
            Self::Judge => {
                &[Operator::JudgeUnmasked, Operator::JudgeHardMasked, Operator::JudgeRandomBlock]
            }
            Self::Floor => &[
                Operator::AllZero,
                Operator::AllMean,
                Operator::Probe,
                Operator::KmerLogisticRegression,
                Operator::KmerNaiveBayes,
                Operator::KmerVoting,
                Operator::MajorityClass,
            ],
        }
    }
}

/// How the page speaks of an operator or a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Heading of its row.
    pub title: &'static str,
    /// The group of rows that it stands in; none where the table of results has no row for it.
    pub family: Option<Family>,
    /// What it does and how to read its figures, in one or two sentences.
    pub reading: &'static str,
}

const fn row(family: Family, title: &'static str, reading: &'static str) -> Words {
    Words { title, family: Some(family), reading }
}

const fn elsewhere(title: &'static str, reading: &'static str) -> Words {
    Words { title, family: None, reading }
}

/// The words for an operator.
pub const fn words(operator: Operator) -> Words {
    match operator {
        Operator::Unmasked => row(
            Family::Untouched,
            "Unmasked",
            "The classifier on the whole sequence: no mask can be expected to keep more.",
        ),
        Operator::HardMasked => row(
            Family::Keep,
            "Hard masked",
            "Each base is either fully shown or fully hidden. High here, with the random rows below it low, means that the marked bases are enough for the prediction.",
        ),
        Operator::RandomSegments => row(
            Family::Keep,
            "Random segments, same area",
            "Segments as many and as long as the mask's, in random places. The difference from the row above is what the choice of place is worth.",
        ),
        Operator::RandomBlock => row(
            Family::Keep,
            "Random block, same area",
            "One random stretch with as many tokens as the hard mask keeps.",
        ),
        Operator::Shifted => row(
            Family::Keep,
            "Shifted mask",
            "The hard mask moved along its sequence: the same shape in the wrong place.",
        ),
        Operator::Shuffled => row(
            Family::Keep,
            "Shuffled mask",
            "The hard mask's tokens in random order: the same area without its stretches.",
        ),
        Operator::ForeignMask => row(
            Family::Keep,
            "Another sequence's mask",
            "The hard mask of another sequence, of another taxon where there is one. If it does as well, the mask does not depend on the sequence.",
        ),
        Operator::WrongClass => row(
            Family::OtherTaxon,
            "Mask for another taxon",
            "The mask is made for the taxon of another sequence. In how many windows does the classifier then say that taxon? Where it often does, a mask can make it say anything, and a high figure of the hard mask proves little.",
        ),
        Operator::WrongClassBlock => row(
            Family::OtherTaxon,
            "Random block, that taxon",
            "In how many windows the classifier says that taxon under a random block of the same area.",
        ),
        Operator::Masked => row(
            Family::Keep,
            "Masked (soft)",
            "Every token is multiplied by its mask value between 0 and 1. A network can read tokens that were multiplied by .05 almost as well as whole ones, so trust the hard row.",
        ),
        Operator::Constant => {
            elsewhere("Constant mask", "Every token is multiplied by the same number.")
        }
        Operator::HardInverse => row(
            Family::Hide,
            "Hard inverse",
            "The marked bases are hidden and all others fully shown. Low here, with the random rows below it high, means that the prediction needs the marked bases.",
        ),
        Operator::RandomSegmentsInverse => row(
            Family::Hide,
            "Random segments hidden",
            "As many bases are hidden, in segments like the mask's at random places.",
        ),
        Operator::RandomBlockInverse => row(
            Family::Hide,
            "Random block hidden",
            "One random stretch with the hard mask's area is hidden.",
        ),
        Operator::Inverse => row(
            Family::Hide,
            "Inverse (soft)",
            "Every token is multiplied by one minus its mask value. A low figure alone proves nothing: compare it with the random rows.",
        ),
        Operator::JudgeUnmasked => row(
            Family::Judge,
            "Judge, whole sequence",
            "Another classifier, which had no part in making the mask, on the whole sequence.",
        ),
        Operator::JudgeHardMasked => row(
            Family::Judge,
            "Judge, hard masked",
            "High here as well means that the marked bases are evidence for others too, and not a code between mask and classifier.",
        ),
        Operator::JudgeRandomBlock => row(
            Family::Judge,
            "Judge, random block",
            "The judge on one random stretch of the same area.",
        ),
        Operator::AllZero => row(
            Family::Floor,
            "Everything hidden",
            "The classifier on an input with every token hidden: what it says when it reads nothing.",
        ),
        Operator::AllMean => row(
            Family::Floor,
            "Everything made average",
            "The classifier on the mean of all k-mers at every place.",
        ),
        Operator::Probe => row(
            Family::Floor,
            "The mask without its sequence",
            "A linear model that sees where the mask lies, and no base. High means that the mask itself carries the answer.",
        ),
        Operator::RetrainedKept => elsewhere(
            "Taught with what masks keep",
            "A linear model that was taught, and is asked, with the tokens that masks keep.",
        ),
        Operator::RetrainedRemoved => elsewhere(
            "Taught with what masks leave",
            "A linear model that was taught, and is asked, with the tokens that masks leave. Low means that the masks find all evidence.",
        ),
        Operator::Surrogate => elsewhere(
            "Taught with random tokens",
            "A linear model that was taught with random tokens, on the tokens that the mask keeps.",
        ),
        Operator::KmerLogisticRegression => row(
            Family::Floor,
            "k-mer logistic regression",
            "A linear model of how often each k-mer occurs in the whole sequence.",
        ),
        Operator::KmerNaiveBayes => {
            row(Family::Floor, "k-mer naive Bayes", "The simplest model of the same counts.")
        }
        Operator::KmerVoting => row(
            Family::Floor,
            "k-mer voting",
            "Long k-mers that vote for the taxon that they were met in. High means that the sequences have near copies in training.",
        ),
        Operator::MajorityClass => {
            row(Family::Floor, "Most common taxon", "Always answering the most common taxon.")
        }
        Operator::AllUnknown => {
            elsewhere("Everything hidden, unknown", removal_words(Removal::Unknown).reading)
        }
        Operator::AllShuffled => {
            elsewhere("Everything hidden, shuffled", removal_words(Removal::Shuffled).reading)
        }
        Operator::Mask => {
            elsewhere("The mask itself", "A figure of the mask, without any prediction.")
        }
        Operator::Aopc => elsewhere(
            "Largest values, mean over five fractions",
            "The mean over 1, 5, 10, 20 and 50 % of the tokens, those with the largest mask values.",
        ),
        Operator::AopcBlock => elsewhere(
            "Random block, mean over five fractions",
            "The same mean for random blocks of these sizes.",
        ),
        Operator::KeepTop => elsewhere(
            "Largest values kept",
            "Only a fraction of the tokens is shown: those with the largest mask values.",
        ),
        Operator::RemoveTop => elsewhere(
            "Largest values removed",
            "A fraction of the tokens is hidden: those with the largest mask values.",
        ),
        Operator::KeepBlock => elsewhere(
            "Random block kept",
            "Only one random stretch is shown, of a given fraction of the tokens.",
        ),
        Operator::RemoveBlock => elsewhere(
            "Random block removed",
            "One random stretch is hidden, of a given fraction of the tokens.",
        ),
        Operator::SoftKeep => elsewhere(
            "Tokens kept at random by their mask value",
            "Each token is shown with the probability that its mask value gives.",
        ),
        Operator::SoftRemove => elsewhere(
            "Tokens removed at random by their mask value",
            "Each token is hidden with the probability that its mask value gives.",
        ),
        Operator::RandomSubset => {
            elsewhere("Random subset", "Only a random subset of the tokens is shown.")
        }
        Operator::Seed => elsewhere(
            "Other seeds of the Explainer",
            "Masks by the same method from other seeds. They should be alike.",
        ),
        Operator::ReverseComplement => elsewhere(
            "Reverse complement",
            "The mask of the other strand. It should mark the same bases.",
        ),
        Operator::FrameShift => elsewhere(
            "Shifted frame",
            "The mask of the same bases, cut into k-mers from another base on. It should mark the same bases.",
        ),
        Operator::Substitution => elsewhere(
            "Some bases substituted",
            "The mask of the sequence after some of its bases were substituted. It should be alike.",
        ),
        Operator::Randomized => elsewhere(
            "Randomised classifier",
            "The mask for a classifier whose weights were drawn anew. It should be another one.",
        ),
        Operator::Permuted => elsewhere(
            "Permuted labels",
            "The mask for a classifier that was trained on permuted labels. It should be another one.",
        ),
    }
}

/// The words for what stands in the place of hidden tokens. They have no family.
pub const fn removal_words(removal: Removal) -> Words {
    match removal {
        Removal::Own => elsewhere(
            "the classifier's own masking",
            "Hidden tokens become what the classifier's own masking makes of them.",
        ),
        Removal::Mean => elsewhere("average", "Hidden tokens become the mean of all k-mers."),
        Removal::Unknown => {
            elsewhere("unknown", "Hidden tokens become the token of unknown k-mers.")
        }
        Removal::Shuffled => elsewhere(
            "shuffled",
            "Hidden bases are shuffled, so that each pair of neighbours is as frequent as before.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_stands_once_among_the_rows_of_its_family_and_in_no_other() {
        for &operator in Operator::ALL {
            let families = Family::ALL.into_iter();
            let listed: Vec<Family> = families
                .flat_map(|family| {
                    family.rows().iter().filter(|row| **row == operator).map(move |_| family)
                })
                .collect();
            let named: Vec<Family> = words(operator).family.into_iter().collect();
            assert_eq!(listed, named, "{operator}");
        }
    }

    #[test]
    fn every_operator_and_removal_has_a_title_of_its_own_and_a_sentence() {
        let operators = Operator::ALL.iter().map(|operator| words(*operator));
        let removals = Removal::ALL.iter().map(|removal| removal_words(*removal));
        for all in [operators.collect::<Vec<_>>(), removals.collect()] {
            let titles: std::collections::BTreeSet<&str> = all.iter().map(|w| w.title).collect();
            assert_eq!(titles.len(), all.len());
            assert!(all.iter().all(|w| !w.title.is_empty() && w.reading.ends_with('.')));
        }
    }
}
