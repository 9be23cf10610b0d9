//! What was done to the input, in words.

/// Which question an operator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// The input as it is.
    Untouched,
    /// Only what the mask, or a control of the same area, marks is left.
    Keep,
    /// What the mask, or a control of the same area, marks is hidden.
    Hide,
    /// What another classifier reads in it.
    Judge,
    /// What is reached without reading anything.
    Floor,
}

impl Family {
    pub(crate) const ALL: [Self; 5] =
        [Self::Untouched, Self::Keep, Self::Hide, Self::Judge, Self::Floor];

    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Untouched => "The whole sequence",
            Self::Keep => "Only the marked bases are shown: higher is better for the mask",
            Self::Hide => "The marked bases are hidden: lower is better for the mask",
            Self::Judge => "What an independent judge, trained on random masks, reads",
            Self::Floor => "What is reached without reading the marked bases",
        }
    }
}

/// An operator of the perturbations and metrics tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) family: Family,
    /// Whether it is a control, which the mask is compared with.
    pub(crate) is_control: bool,
    pub(crate) reading: &'static str,
}

const fn operator(
    name: &'static str,
    title: &'static str,
    family: Family,
    is_control: bool,
    reading: &'static str,
) -> Operator {
    Operator { name, title, family, is_control, reading }
}

/// Every operator, in the order of the page's rows.
pub(crate) const OPERATORS: [Operator; 22] = [
    operator(
        "unmasked",
        "Unmasked",
        Family::Untouched,
        false,
        "The classifier on the whole sequence: the most that any mask can be expected to keep.",
    ),
    operator(
        "hard_masked",
        "Hard masked",
        Family::Keep,
        false,
        "Each base is either fully shown or fully hidden. High here, with the random rows below it low, means that the marked bases are enough for the prediction.",
    ),
    operator(
        "random_segments",
        "Random segments, same area",
        Family::Keep,
        true,
        "The mask's own segments, put in random places: as much sequence, in pieces of the same length. The gap to the row above is what the choice of place is worth.",
    ),
    operator(
        "random_block",
        "Random block, same area",
        Family::Keep,
        true,
        "One random stretch with as many tokens as the hard mask keeps.",
    ),
    operator(
        "shifted",
        "Shifted mask",
        Family::Keep,
        true,
        "The hard mask moved along its sequence: same shape, wrong place.",
    ),
    operator(
        "shuffled",
        "Shuffled mask",
        Family::Keep,
        true,
        "The hard mask's tokens in random order: same area, no stretches.",
    ),
    operator(
        "foreign",
        "Another sequence's mask",
        Family::Keep,
        true,
        "The mask of another sequence, of another taxon where there is one: if it does as well, the mask does not depend on the sequence.",
    ),
    operator(
        "masked",
        "Masked (soft)",
        Family::Keep,
        false,
        "Every token is multiplied by its mask value between 0 and 1. A network can read tokens that were multiplied by .05 almost as well as whole ones, so trust the hard row.",
    ),
    operator(
        "hard_inverse",
        "Hard inverse",
        Family::Hide,
        false,
        "The marked bases are hidden, all others fully shown. Low here, with the random rows below it high, means that the prediction needs the marked bases.",
    ),
    operator(
        "random_segments_inverse",
        "Random segments hidden",
        Family::Hide,
        true,
        "As many bases hidden, in the mask's own segments at random places.",
    ),
    operator(
        "random_block_inverse",
        "Random block hidden",
        Family::Hide,
        true,
        "One random stretch of the hard mask's area hidden.",
    ),
    operator(
        "inverse",
        "Inverse (soft)",
        Family::Hide,
        false,
        "Every token is multiplied by one minus its mask value. A low figure alone proves nothing: compare it with the random rows.",
    ),
    operator(
        "judge_unmasked",
        "Judge, whole sequence",
        Family::Judge,
        true,
        "Another classifier, which never saw the mask's maker.",
    ),
    operator(
        "judge_hard_masked",
        "Judge, hard masked",
        Family::Judge,
        false,
        "High here as well means that the marked bases are evidence for others too, and no code between mask and classifier.",
    ),
    operator(
        "judge_random_block",
        "Judge, random block",
        Family::Judge,
        true,
        "The judge on one random stretch of the same area.",
    ),
    operator(
        "all_zero",
        "Everything hidden",
        Family::Floor,
        true,
        "The classifier on an input with every token hidden: what it says when it reads nothing.",
    ),
    operator(
        "all_mean",
        "Everything made average",
        Family::Floor,
        true,
        "The classifier on the mean of all k-mers at every place.",
    ),
    operator(
        "probe",
        "The mask without its sequence",
        Family::Floor,
        true,
        "A linear model that sees where the mask lies, and no base: high means that the mask itself carries the answer.",
    ),
    operator(
        "kmer_logistic_regression",
        "k-mer logistic regression",
        Family::Floor,
        true,
        "A linear model of how often each k-mer occurs in the whole sequence.",
    ),
    operator(
        "kmer_naive_bayes",
        "k-mer naive Bayes",
        Family::Floor,
        true,
        "The simplest model of the same counts.",
    ),
    operator(
        "majority_class",
        "Most common taxon",
        Family::Floor,
        true,
        "Always answering the most common taxon.",
    ),
    operator(
        "constant",
        "Constant mask",
        Family::Keep,
        true,
        "Every token multiplied by the mask's mean.",
    ),
];

/// What stands for hidden tokens: end of an operator's name, word for it, and what it means.
const REMOVALS: [(&str, &str, &str); 3] = [
    ("_mean", "average", "Hidden tokens become the mean of all k-mers."),
    ("_unknown", "unknown", "Hidden tokens become the token of unknown k-mers."),
    (
        "_shuffled",
        "shuffled",
        "Hidden bases are shuffled, so that each pair of neighbours is as frequent as before.",
    ),
];

/// Title and meaning of an operator that hides in another way, such as `hard_masked_unknown`.
pub(crate) fn under_removal(name: &str) -> Option<(String, &'static str)> {
    REMOVALS.iter().find_map(|(end, what, reading)| {
        let of = name.strip_suffix(end)?;
        let of = if of == "all" { "all_zero" } else { of };
        let operator = OPERATORS.iter().find(|operator| operator.name == of)?;
        let title = operator.title.split(',').next().unwrap_or_default();
        Some((format!("{title}, {what}"), *reading))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ways_of_hiding_have_titles_of_their_own() {
        let title = |name| under_removal(name).map(|(title, _)| title).unwrap_or_default();
        assert_eq!(title("hard_masked_unknown"), "Hard masked, unknown");
        assert_eq!(title("random_block_mean"), "Random block, average");
        assert_eq!(title("all_shuffled"), "Everything hidden, shuffled");
        assert_eq!(title("something_mean"), "");
    }
}
