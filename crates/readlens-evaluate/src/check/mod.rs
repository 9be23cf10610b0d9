//! Verdicts: which of the ways to fool oneself the figures rule out, and which they do not.
//!
//! A check compares figures that are there already, of this evaluation and of the metrics tables
//! that are given as evidence. It passes or fails only where 95 % intervals are apart, or where a
//! threshold that is named in the sentence is crossed; without the figures it was not measured,
//! which is never a pass.

mod classifier;
mod comparison;
mod evidence;
mod finding;
mod mask;
mod shape;
mod stability;

use std::fmt;

use readlens_tables::metrics::MetricRow;
use serde::{Deserialize, Serialize};

pub use finding::Finding;

use crate::key::{MASK, NONE};
use evidence::Evidence;

/// Methods that are checked where none is named: those whose name begins like this, or all where
/// there is none.
const DEFAULT_METHOD: &str = "explainer";

/// What is checked; goes into the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Methods whose masks are checked; where empty, those whose name begins with `explainer`, or
    /// all where there is none.
    pub methods: Vec<String>,
}

/// What a check finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The figures rule the attack out.
    Passed,
    /// They do not: the sentence says what follows.
    Failed,
    /// Worth knowing, but no proof either way.
    Noted,
    /// The figures are not there.
    NotMeasured,
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Noted => "noted",
            Self::NotMeasured => "not measured",
        }
    }
}

/// One check of one mask, or of the classifier alone, with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Name of the check.
    pub name: &'static str,
    /// Method of the mask; `none` for checks of the classifier alone.
    pub method: String,
    /// Rank that the mask explains, or `all`; `none` for checks of the classifier alone.
    pub mask_rank: String,
    /// What it finds.
    pub verdict: Verdict,
    /// The verdict in plain words, with the figures that decide.
    pub sentence: String,
    /// All figures that were looked at.
    pub figures: Vec<Finding>,
}

/// What a check of one subject comes to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    pub(crate) figures: Vec<Finding>,
}

impl Outcome {
    /// The figures are not there; `remedy` says which stage gives them.
    pub(crate) fn not_measured(remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotMeasured, sentence: remedy.into(), figures: Vec::new() }
    }
}

/// A check of a mask.
type OfMask = fn(&Evidence) -> Outcome;

/// Checks of a mask, in the order in which they are printed.
const OF_MASKS: [(&str, OfMask); 14] = [
    ("controls", mask::controls),
    ("inverse", mask::inverse),
    ("soft_and_hard", mask::soft_and_hard),
    ("dose_response", mask::dose_response),
    ("foreign", mask::foreign),
    ("judge", mask::judge),
    ("probe", shape::probe),
    ("collapse", shape::collapse),
    ("localisation", shape::localisation),
    ("seeds", stability::seeds),
    ("strands", stability::strands),
    ("frames", stability::frames),
    ("randomized_classifier", stability::randomized),
    ("permuted_labels", stability::permuted),
];

/// Checks of the classifier alone.
const OF_CLASSIFIERS: [(&str, OfMask); 2] =
    [("nothing_left", classifier::nothing_left), ("kmer_baselines", classifier::kmer_baselines)];

/// Checks the masks of an evaluation: `metrics` are its rows, `evidence` the rows of other metrics
/// tables, of which those of `metrics` go first.
///
/// Figures are those of the split test, else valid, else all windows.
pub fn check(metrics: &[MetricRow], evidence: &[MetricRow], checks: &Checks) -> Vec<Check> {
    let mut subjects: Vec<(&str, &str)> = Vec::new();
    for row in metrics.iter().filter(|row| row.method != NONE && row.operator == MASK) {
        let subject = (row.method.as_str(), row.mask_rank.as_str());
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    if !checks.methods.is_empty() {
        subjects.retain(|(method, _)| checks.methods.iter().any(|chosen| chosen == method));
    } else if subjects.iter().any(|(method, _)| method.starts_with(DEFAULT_METHOD)) {
        subjects.retain(|(method, _)| method.starts_with(DEFAULT_METHOD));
    }
    let alone = OF_CLASSIFIERS.map(|check| ((NONE, NONE), check));
    let of_masks = subjects.into_iter().flat_map(|s| OF_MASKS.map(|check| (s, check)));
    let all = alone.into_iter().chain(of_masks);
    all.map(|((method, mask_rank), (name, of))| {
        let Outcome { verdict, sentence, figures } =
            of(&Evidence::new(metrics, evidence, method, mask_rank));
        let (method, mask_rank) = (method.to_owned(), mask_rank.to_owned());
        Check { name, method, mask_rank, verdict, sentence, figures }
    })
    .collect()
}

/// The verdicts as text, one a line, with their number at the end.
pub fn verdicts(checks: &[Check]) -> String {
    Verdicts(checks).to_string()
}

struct Verdicts<'a>(&'a [Check]);

impl fmt::Display for Verdicts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = |check: &Check| (check.method.clone(), check.mask_rank.clone());
        for group in self.0.chunk_by(|a, b| subject(a) == subject(b)) {
            match (group[0].method.as_str(), group[0].mask_rank.as_str()) {
                (NONE, _) => writeln!(f, "checks of the classifier")?,
                (method, rank) => writeln!(
                    f,
                    "checks of the masks of {} for {}",
                    crate::paper::shown(method),
                    if rank == crate::key::ALL {
                        "all ranks".to_owned()
                    } else {
                        crate::paper::shown(rank)
                    }
                )?,
            }
            for check in group {
                let Check { name, verdict, sentence, .. } = check;
                let sentence = crate::paper::shown(sentence);
                writeln!(f, "  {:<12}  {name}: {sentence}", verdict.words())?;
            }
        }
        let count = |verdict| self.0.iter().filter(|check| check.verdict == verdict).count();
        writeln!(
            f,
            "{} passed, {} failed, {} noted, {} not measured",
            count(Verdict::Passed),
            count(Verdict::Failed),
            count(Verdict::Noted),
            count(Verdict::NotMeasured)
        )
    }
}
