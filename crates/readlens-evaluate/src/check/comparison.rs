use readlens_tables::vocabulary::Ranks;

use crate::check::finding::Finding;
use crate::check::{Outcome, Verdict};

/// Two figures, of which the first should be the larger one.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) high: Finding,
    pub(crate) low: Finding,
}

impl Comparison {
    /// How much the intervals are apart; negative where they overlap.
    fn margin(&self) -> Option<f64> {
        Some(self.high.ci_low? - self.low.ci_high?)
    }

    fn shown(&self) -> String {
        let Self { high, low } = self;
        // Two figures of one operator are told apart by their metrics.
        let name = |finding: &Finding| match high.operator == low.operator {
            true => finding.metric.to_string(),
            false => finding.operator_name(),
        };
        let of = |finding: &Finding| format!("{} {}", name(finding), finding.shown());
        match &high.rank {
            Ranks::All => format!("{}, {}", of(high), of(low)),
            Ranks::One(rank) => format!("{}, {} at {rank}", of(high), of(low)),
        }
    }
}

/// Whether all comparisons come out as they should, their intervals apart.
///
/// `passed` and `failed` begin the sentence; what follows names the closest comparison, or those
/// that did not come out. Without comparisons `remedy` says how to get the figures.
pub(crate) fn compare(
    comparisons: &[Comparison],
    passed: &str,
    failed: &str,
    remedy: &str,
) -> Outcome {
    let mut figures: Vec<Finding> = Vec::new();
    for finding in comparisons.iter().flat_map(|c| [&c.high, &c.low]) {
        if !figures.contains(finding) {
            figures.push(finding.clone());
        }
    }
    if comparisons.is_empty() {
        return Outcome::not_measured(remedy);
    }
    let margins: Option<Vec<f64>> = comparisons.iter().map(Comparison::margin).collect();
    let Some(margins) = margins else {
        let sentence = "there are no intervals to judge by: evaluate more than one record, with \
                        --replicates above 0";
        return Outcome { figures, ..Outcome::not_measured(sentence) };
    };
    let refuted: Vec<String> = comparisons
        .iter()
        .filter(|c| c.high.is_above(&c.low) != Some(true))
        .map(Comparison::shown)
        .collect();
    if !refuted.is_empty() {
        let sentence = format!("{failed} ({})", refuted.join("; "));
        return Outcome { verdict: Verdict::Failed, sentence, figures };
    }
    let closest = comparisons.iter().zip(margins).min_by(|(_, a), (_, b)| a.total_cmp(b));
    let closest = closest.map(|(comparison, _)| comparison.shown()).unwrap_or_default();
    let sentence = format!("{passed} (closest: {closest})");
    Outcome { verdict: Verdict::Passed, sentence, figures }
}
