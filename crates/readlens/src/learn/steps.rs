//! The stages of `learn`, in order.

use readlens_stage::Stage;

use super::choice::{Choices, JUDGED, windows};
use super::labels::Labels;
use super::options::Learn;
use crate::flow::Step;
use crate::model::Model;

/// Branches of the classifier that are trained: preset, and what the user is told.
const TRAINED: [(&str, &str); 2] = [
    ("channels", "train the classifier: hashed channels"),
    ("composition", "train the classifier: composition"),
];
const EXPERTS: &str = "experts";
/// Number of steps after the survey.
pub(crate) const STEPS: usize = 13;

const TOKENS: &str = "tokens.parquet";
pub(crate) const SUMMARY: &str = "summary.json";
pub(crate) const BASELINE: &str = "baseline.parquet";
pub(crate) const ASSESSMENT: &str = "assessment.parquet";
const CONFUSION: &str = "confusion.parquet";
const PREDICTIONS: &str = "predictions.parquet";
const MASKS: &str = "masks.parquet";
const BASES: &str = "bases.parquet";
const PERTURBATIONS: &str = "perturbations.parquet";
pub(crate) const METRICS: &str = "metrics.parquet";
pub(crate) const FIGURES: &str = "metrics.json";

/// Tokenizes to see how large the data are, and whether they have a reading frame.
pub(crate) fn survey(learn: &Learn, labels: &Labels, model: &Model) -> Step {
    let frames = ["--k=3", "--stride=3", "--orient=frame"].map(str::to_owned);
    tokenize("survey the sequences", learn, labels)
        .options(frames)
        .writes("output", model.evidence("survey.parquet"))
        .writes("summary", model.evidence("survey.json"))
}

/// Trains and judges the model that `choices` describe.
pub(crate) fn steps(
    learn: &Learn,
    labels: &Labels,
    choices: &Choices,
    model: &Model,
) -> [Step; STEPS] {
    let file = |name: &str| model.evidence(name);
    let branch = |name: &str| file("branches").join(name);
    let seed = format!("--seed={}", learn.seed);
    let seeded = |step: Step| step.options([seed.clone()]);
    let [channels, composition] = TRAINED.map(|(preset, what)| {
        seeded(of_tokens::<readlens_train::classifier::Options>(what, model))
            .options([format!("--preset={preset}")])
            .writes("output", branch(preset))
    });
    [
        tokenize("tokenize", learn, labels)
            .options(choices.tokens.iter().cloned())
            .writes("output", file(TOKENS))
            .writes("summary", file(SUMMARY)),
        seeded(of_tokens::<readlens_baseline::Options>("count k-mers, to compare with", model))
            .writes("output", file(BASELINE)),
        channels,
        composition,
        seeded(of_tokens::<readlens_train::experts::Options>("count for the experts", model))
            .writes("output", branch(EXPERTS)),
        seeded(of_tokens::<readlens_train::combination::Options>("combine them", model))
            .reads("classifier", branch(TRAINED[0].0))
            .reads("classifier", branch(TRAINED[1].0))
            .reads("classifier", branch(EXPERTS))
            .writes("output", model.classifier()),
        seeded(of_classifier::<readlens_assess::Options>("judge the classifier", model))
            .writes("output", file(ASSESSMENT))
            .writes("confusion", file(CONFUSION)),
        of_classifier::<readlens_predict::Options>("calibrate its confidence", model)
            .options(["--split=test"])
            .reads("calibration-tokens", file(TOKENS))
            .writes("output", file(PREDICTIONS))
            .writes("records", file("records.parquet"))
            .writes("save-calibration", model.calibration()),
        seeded(of_classifier::<readlens_train::explainer::Options>("train the Explainer", model))
            .options(choices.explainer.iter().cloned())
            .writes("output", model.explainer()),
        of_classifier::<readlens_mask::Options>("mask", model)
            .options(["--split=test"])
            .reads("explainer", model.explainer())
            .writes("output", file(MASKS))
            .writes("bases", file(BASES)),
        seeded(of_classifier::<readlens_perturb::Options>("perturb", model))
            .options(["--graded".to_owned(), format!("--limit={JUDGED}")])
            .reads("masks", file(MASKS))
            .writes("output", file(PERTURBATIONS)),
        of_tokens::<readlens_evaluate::Options>("evaluate", model)
            .options(["--check"])
            .reads("masks", file(MASKS))
            .reads("perturbations", file(PERTURBATIONS))
            .reads("evidence", file(BASELINE))
            .writes("output", file(METRICS))
            .writes("json", file(FIGURES)),
        of_classifier::<readlens_report::Options>("report", model)
            .options([format!("--title={}", learn.title)])
            .reads("explainer", model.explainer())
            .reads("masks", file(MASKS))
            .reads("bases", file(BASES))
            .reads("perturbations", file(PERTURBATIONS))
            .reads("predictions", file(PREDICTIONS))
            .reads("assessment", file(ASSESSMENT))
            .reads("confusion", file(CONFUSION))
            .reads("metrics", file(METRICS))
            .reads("checks", file(FIGURES))
            .reads("evidence", file(BASELINE))
            .writes("output", model.report())
            .writes("browse", file("browse.html")),
    ]
}

fn tokenize(what: &str, learn: &Learn, labels: &Labels) -> Step {
    let step = Step::of::<readlens_tokenize::Options>(what)
        .options(windows())
        .options(labels.options.iter().cloned())
        .reads("taxonomy", &learn.taxonomy)
        .arguments(&learn.sequences);
    match &learn.taxa.taxdump {
        Some(taxdump) => step.reads("taxdump", taxdump),
        None => step,
    }
}

/// A step of the stage `S` that reads the tokens.
fn of_tokens<S: Stage>(what: &str, model: &Model) -> Step {
    Step::of::<S>(what).reads("tokens", model.evidence(TOKENS))
}

/// A step of the stage `S` that reads the tokens and the classifier.
fn of_classifier<S: Stage>(what: &str, model: &Model) -> Step {
    of_tokens::<S>(what, model).reads("classifier", model.classifier())
}
