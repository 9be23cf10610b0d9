//! Checks of the classifier, which no mask can mend.

use readlens_tables::vocabulary::{Metric, Operator, Ranks};

use crate::check::comparison::{Comparison, compare};
use crate::check::evidence::Evidence;
use crate::check::{Outcome, Verdict};

/// Entropy, divided by its maximum, below which a prediction counts as confident.
const CONFIDENT: f64 = 0.5;

/// What the classifier says when everything is hidden; decides nothing, but low figures of an
/// inverse mask must be read beside it.
pub(crate) fn nothing_left(evidence: &Evidence) -> Outcome {
    let of = |rank: Ranks| evidence.find(Operator::AllZero, &rank, Metric::Entropy);
    let figures: Vec<_> = evidence.ranks().into_iter().filter_map(of).collect();
    let Some(least) = figures.iter().min_by(|a, b| a.value.total_cmp(&b.value)) else {
        return Outcome::not_measured("run readlens-perturb, which hides everything too");
    };
    let entropy = format!("entropy {} of 1 at {}", least.shown(), least.rank);
    let (verdict, sentence) = if least.value < CONFIDENT {
        let sentence = format!(
            "with everything hidden the classifier still names a taxon with confidence \
             ({entropy}): low accuracy under an inverse mask proves nothing alone"
        );
        (Verdict::Noted, sentence)
    } else {
        (Verdict::Passed, format!("with everything hidden the classifier is unsure ({entropy})"))
    };
    Outcome { verdict, sentence, figures }
}

/// The classifier beats what k-mer counts alone tell.
pub(crate) fn kmer_baselines(evidence: &Evidence) -> Outcome {
    let mut comparisons = Vec::new();
    for rank in evidence.ranks() {
        let of = |operator| evidence.find(operator, &rank, Metric::Accuracy);
        let Some(high) = of(Operator::Unmasked) else { continue };
        for operator in [Operator::KmerLogisticRegression, Operator::KmerNaiveBayes] {
            let pair = |low| Comparison { high: high.clone(), low };
            comparisons.extend(of(operator).map(pair));
        }
    }
    compare(
        &comparisons,
        "the classifier beats linear models of k-mer counts",
        "the classifier does not beat linear models of k-mer counts: it has not been shown to read \
         more than composition",
        "pass the table of readlens-baseline with --evidence",
    )
}
