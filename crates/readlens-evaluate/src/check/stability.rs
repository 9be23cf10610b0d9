//! Checks of masks against masks: what should agree, and what should not.

use readlens_tables::vocabulary::{Metric, Operator, Ranks};

use crate::check::comparison::{Comparison, compare};
use crate::check::evidence::Evidence;
use crate::check::{Outcome, Verdict};

/// Minimum mean rank correlation between masks of two seeds.
const SEEDS: f64 = 0.5;
/// Minimum mean rank correlation between masks of both strands, and of two frames.
const READINGS: f64 = 0.7;

const COMPARE: &str = "pass the table of readlens-compare with --evidence";

fn threshold(
    evidence: &Evidence,
    operator: Operator,
    least: f64,
    what: &str,
    else_: &str,
) -> Outcome {
    let Some(found) = evidence.find(operator, &Ranks::All, Metric::Spearman) else {
        return Outcome::not_measured(COMPARE);
    };
    let shown = found.shown();
    let (verdict, sentence) = if found.value >= least {
        (
            Verdict::Passed,
            format!("{what} have a mean rank correlation of {shown}, at least {least}"),
        )
    } else {
        let sentence =
            format!("{what} have a mean rank correlation of {shown}, below {least}: {else_}");
        (Verdict::Failed, sentence)
    };
    Outcome { verdict, sentence, figures: vec![found] }
}

/// Masks of Explainers of other seeds agree.
pub(crate) fn seeds(evidence: &Evidence) -> Outcome {
    let else_ = "the evidence is redundant or the training is not, so no single mask is to be read \
                 as biology";
    threshold(evidence, Operator::Seed, SEEDS, "masks of different seeds", else_)
}

/// Masks of both strands agree, base by base.
pub(crate) fn strands(evidence: &Evidence) -> Outcome {
    let else_ = "the mask depends on the strand that happened to be read";
    threshold(evidence, Operator::ReverseComplement, READINGS, "masks of both strands", else_)
}

/// Masks of shifted frames agree, base by base.
pub(crate) fn frames(evidence: &Evidence) -> Outcome {
    let else_ = "the mask depends on where the first k-mer happened to begin";
    threshold(evidence, Operator::FrameShift, READINGS, "masks of shifted frames", else_)
}

/// Masks of a randomised classifier agree less with the mask than those of other seeds do.
pub(crate) fn randomized(evidence: &Evidence) -> Outcome {
    below_seeds(
        evidence,
        Operator::Randomized,
        "masks of a randomised classifier are other masks",
        "masks of a randomised classifier look like those of the trained one: they show the \
         sequences or the method, not what the classifier learned",
    )
}

/// Masks of a classifier of permuted labels agree less with the mask than those of other seeds do.
pub(crate) fn permuted(evidence: &Evidence) -> Outcome {
    below_seeds(
        evidence,
        Operator::Permuted,
        "masks of a classifier of permuted labels are other masks",
        "masks of a classifier of permuted labels look like those of the trained one: they do not \
         show what tells the taxa",
    )
}

fn below_seeds(evidence: &Evidence, other: Operator, passed: &str, failed: &str) -> Outcome {
    let seed = evidence.find(Operator::Seed, &Ranks::All, Metric::Spearman);
    let others = evidence.all(other, &Ranks::All, Metric::Spearman);
    let pair = |low| Some(Comparison { high: seed.clone()?, low });
    let comparisons: Vec<Comparison> = others.into_iter().filter_map(pair).collect();
    compare(&comparisons, passed, failed, COMPARE)
}
