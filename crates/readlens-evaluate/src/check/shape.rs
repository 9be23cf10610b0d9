//! Checks of the masks themselves.

use readlens_tables::vocabulary::{Metric, Operator, Ranks};

use crate::check::comparison::{Comparison, compare};
use crate::check::evidence::Evidence;
use crate::check::{Outcome, Verdict};

/// Mean correlation between the masks of different windows from which they count as one mask.
const COLLAPSED: f64 = 0.95;

/// A linear model cannot tell the taxon from the mask alone.
pub(crate) fn probe(evidence: &Evidence) -> Outcome {
    let mut figures = Vec::new();
    let mut hits = Vec::new();
    let mut misses = Vec::new();
    for rank in evidence.ranks() {
        let of = |metric| evidence.find(Operator::Probe, &rank, metric);
        let (Some(probe), Some(majority)) = (of(Metric::Accuracy), of(Metric::MajorityAccuracy))
        else {
            continue;
        };
        let shown = format!("{} against {} at {rank}", probe.shown(), majority.shown());
        match probe.is_above(&majority) {
            Some(true) => hits.push(shown),
            Some(false) => misses.push(shown),
            None => {}
        }
        figures.extend([probe, majority]);
    }
    if !hits.is_empty() {
        let sentence = format!(
            "suggestive: a linear model tells the taxon from the mask alone better than the most \
             frequent taxon does ({}); either the evidence has a fixed place, or the mask writes \
             the class",
            hits.join("; ")
        );
        Outcome { verdict: Verdict::Noted, sentence, figures }
    } else if misses.is_empty() {
        Outcome {
            figures,
            ..Outcome::not_measured("pass the table of readlens-probe with --evidence")
        }
    } else {
        let sentence = format!(
            "a linear model tells the taxon from the mask alone no better than the most frequent \
             taxon does ({})",
            misses.join("; ")
        );
        Outcome { verdict: Verdict::Passed, sentence, figures }
    }
}

/// Masks of different windows are different masks.
pub(crate) fn collapse(evidence: &Evidence) -> Outcome {
    let Some(found) = evidence.find(Operator::Mask, &Ranks::All, Metric::MaskCorrelation) else {
        return Outcome::not_measured("evaluate the masks of two windows or more");
    };
    let (verdict, sentence) = if found.value > COLLAPSED {
        let sentence = format!(
            "masks of different windows have a mean correlation of {}, above {COLLAPSED}: it is \
             one mask whatever the sequence",
            found.shown()
        );
        (Verdict::Failed, sentence)
    } else {
        let sentence =
            format!("masks of different windows have a mean correlation of {}", found.shown());
        (Verdict::Passed, sentence)
    };
    Outcome { verdict, sentence, figures: vec![found] }
}

/// The mask finds the true evidence better than a blind mask.
pub(crate) fn localisation(evidence: &Evidence) -> Outcome {
    let of = |metric| evidence.find(Operator::Mask, &Ranks::All, metric);
    let comparisons: Vec<Comparison> = [Metric::Auprc, Metric::Mass]
        .into_iter()
        .filter_map(|metric| Some(Comparison { high: of(metric)?, low: of(Metric::Prevalence)? }))
        .collect();
    compare(
        &comparisons,
        "the mask lies on the true evidence more than a blind mask would",
        "the mask lies on the true evidence no more than a blind mask would",
        "pass intervals of the true evidence with --truth, where they are known",
    )
}
