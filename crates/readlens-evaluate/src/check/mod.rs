//! Verdicts: which of the ways to fool oneself the figures rule out, and which they do not.
//!
//! A check compares figures that are there already, of this evaluation and of the metrics tables
//! that are given as evidence. It passes where 95 % intervals are apart in the mask's favour, or
//! where a threshold that is named in the sentence is reached, and fails otherwise; without the
//! figures it was not measured, which is never a pass.

mod classifier;
mod comparison;
mod evidence;
mod finding;
mod mask;
mod shape;
mod stability;

use std::fmt;

use readlens_tables::metrics::{MetricRow, ranks_of_one_taxon};
use readlens_tables::vocabulary::{MaskName, MethodKind, Name, Operator};
use serde::{Serialize, Serializer};

pub use finding::Finding;

use crate::paper::Subject;
use evidence::Evidence;

/// What is checked; goes into the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// Methods whose masks are checked; where empty, the Explainers, or all methods where there is
    /// no Explainer.
    pub methods: Vec<Name>,
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
    /// The mask; none for checks of the classifier alone.
    #[serde(serialize_with = "as_subject", flatten)]
    pub mask: Option<MaskName>,
    /// What it finds.
    pub verdict: Verdict,
    /// The verdict in plain words, with the figures that decide.
    pub sentence: String,
    /// All figures that were looked at.
    pub figures: Vec<Finding>,
}

/// A mask as it stands in JSON.
fn as_subject<S: Serializer>(mask: &Option<MaskName>, serializer: S) -> Result<S::Ok, S::Error> {
    Subject::from(mask.as_ref()).serialize(serializer)
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

    /// The same, saying which ranks took no part because the classifier knows one taxon there.
    fn without_ranks_of_one_taxon(mut self, evidence: &Evidence) -> Self {
        let ranks = evidence.left_out().join(" and ");
        if ranks.is_empty() {
            return self;
        }
        if evidence.ranks().is_empty() {
            return Self::not_measured(format!(
                "the classifier knows one taxon of {ranks}, so there is nothing to compare"
            ));
        }
        if !self.figures.is_empty() {
            let more = format!("; without {ranks}, of which the classifier knows one taxon");
            self.sentence.push_str(&more);
        }
        self
    }
}

/// A check of a mask.
type OfMask = fn(&Evidence) -> Outcome;

/// What a check compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Predictions at every rank.
    Ranks,
    /// Masks alone.
    Masks,
}

/// Checks of a mask, in the order in which they are printed.
const OF_MASKS: [(&str, By, OfMask); 15] = [
    ("controls", By::Ranks, mask::controls),
    ("inverse", By::Ranks, mask::inverse),
    ("soft_and_hard", By::Ranks, mask::soft_and_hard),
    ("dose_response", By::Ranks, mask::dose_response),
    ("foreign", By::Ranks, mask::foreign),
    ("wrong_class", By::Ranks, mask::wrong_class),
    ("judge", By::Ranks, mask::judge),
    ("probe", By::Ranks, shape::probe),
    ("collapse", By::Masks, shape::collapse),
    ("localisation", By::Masks, shape::localisation),
    ("seeds", By::Masks, stability::seeds),
    ("strands", By::Masks, stability::strands),
    ("frames", By::Masks, stability::frames),
    ("randomized_classifier", By::Masks, stability::randomized),
    ("permuted_labels", By::Masks, stability::permuted),
];

/// Checks of the classifier alone.
const OF_CLASSIFIERS: [(&str, By, OfMask); 2] = [
    ("nothing_left", By::Ranks, classifier::nothing_left),
    ("kmer_baselines", By::Ranks, classifier::kmer_baselines),
];

/// Checks the masks of an evaluation: `metrics` are its rows, `evidence` the rows of other metrics
/// tables, of which those of `metrics` go first.
///
/// Figures are those of the split test, else valid, else all windows.
pub fn check(metrics: &[MetricRow], evidence: &[MetricRow], checks: &Checks) -> Vec<Check> {
    let mut masks: Vec<MaskName> = Vec::new();
    for row in metrics.iter().filter(|row| row.operator == Operator::Mask) {
        masks.extend(row.mask_name().filter(|mask| !masks.contains(mask)));
    }
    let is_explainer = |mask: &MaskName| mask.method.kind == MethodKind::Explainer;
    if !checks.methods.is_empty() {
        masks.retain(|mask| checks.methods.contains(&mask.method.name));
    } else if masks.iter().any(is_explainer) {
        masks.retain(is_explainer);
    }
    let one_taxon = ranks_of_one_taxon(metrics);
    let alone = OF_CLASSIFIERS.map(|check| (None, check));
    let of_masks = masks.into_iter().flat_map(|mask| OF_MASKS.map(|c| (Some(mask.clone()), c)));
    let all = alone.into_iter().chain(of_masks);
    all.map(|(mask, (name, by, of))| {
        let evidence = Evidence::new(metrics, evidence, mask.as_ref(), &one_taxon);
        let outcome = match by {
            By::Ranks => of(&evidence).without_ranks_of_one_taxon(&evidence),
            By::Masks => of(&evidence),
        };
        let Outcome { verdict, sentence, figures } = outcome;
        Check { name, mask, verdict, sentence, figures }
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
        for group in self.0.chunk_by(|a, b| a.mask == b.mask) {
            match &group[0].mask {
                None => writeln!(f, "checks of the classifier")?,
                Some(mask) => {
                    let mask = crate::paper::shown(&mask.to_string());
                    writeln!(f, "checks of the masks of {mask}")?;
                }
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
