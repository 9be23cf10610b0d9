//! The stages of `learn`, in order.

use readlens_stage::Stage;

use super::choice::{Choices, JUDGED, windows};
use super::given::Given;
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

/// Number of steps after the survey.
pub(crate) fn count(learn: &Learn) -> usize {
    let (learning, judging, explaining) = (5, 2, 5);
    1 + match (&learn.classifier, &learn.taxonomy) {
        (None, _) => learning + judging + explaining,
        (Some(_), Some(_)) => judging + explaining,
        (Some(_), None) => 1 + explaining,
    }
}

/// Tokenizes to see how large the data are, and whether they have a reading frame.
pub(crate) fn survey(learn: &Learn, labels: &Labels, given: Option<&Given>, model: &Model) -> Step {
    let frames = ["--k=3", "--stride=3", "--orient=frame"].map(str::to_owned);
    let step = tokenize("survey the sequences", learn, labels, given);
    let step = if given.is_some() { step } else { step.options(frames) };
    step.writes("output", model.evidence("survey.parquet"))
        .writes("summary", model.evidence("survey.json"))
}

/// Trains and judges the model that `choices` describe.
pub(crate) fn steps(
    learn: &Learn,
    labels: &Labels,
    given: Option<&Given>,
    choices: &Choices,
    model: &Model,
) -> Vec<Step> {
    let mut steps = vec![
        tokenize("tokenize", learn, labels, given)
            .options(choices.tokens.iter().cloned())
            .writes("output", model.evidence(TOKENS))
            .writes("summary", model.evidence(SUMMARY)),
    ];
    if given.is_none() {
        steps.extend(learning(learn, model));
    }
    steps.extend(match learn.taxonomy {
        Some(_) => judging(learn, model).to_vec(),
        None => vec![predicting("predict", model)],
    });
    steps.extend(explaining(learn, given, choices, model));
    steps
}

/// Trains the classifier, and what it is compared with.
fn learning(learn: &Learn, model: &Model) -> [Step; 5] {
    let branch = |name: &str| model.evidence("branches").join(name);
    let [channels, composition] = TRAINED.map(|(preset, what)| {
        seeded(learn, of_tokens::<readlens_train::classifier::Options>(what, model))
            .options([format!("--preset={preset}")])
            .writes("output", branch(preset))
    });
    let seeded = |step| seeded(learn, step);
    [
        seeded(of_tokens::<readlens_baseline::Options>("count k-mers, to compare with", model))
            .writes("output", model.evidence(BASELINE)),
        channels,
        composition,
        seeded(of_tokens::<readlens_train::experts::Options>("count for the experts", model))
            .writes("output", branch(EXPERTS)),
        seeded(of_tokens::<readlens_train::combination::Options>("combine them", model))
            .reads("classifier", branch(TRAINED[0].0))
            .reads("classifier", branch(TRAINED[1].0))
            .reads("classifier", branch(EXPERTS))
            .writes("output", model.classifier()),
    ]
}

/// How right the classifier is, and how sure it may be.
fn judging(learn: &Learn, model: &Model) -> [Step; 2] {
    [
        seeded(learn, of_classifier::<readlens_assess::Options>("judge the classifier", model))
            .writes("output", model.evidence(ASSESSMENT))
            .writes("confusion", model.evidence(CONFUSION)),
        predicting("calibrate its confidence", model)
            .reads("calibration-tokens", model.evidence(TOKENS))
            .writes("save-calibration", model.calibration()),
    ]
}

/// What the classifier says of the windows that are held out.
fn predicting(what: &str, model: &Model) -> Step {
    of_classifier::<readlens_predict::Options>(what, model)
        .options(["--split=test"])
        .writes("output", model.evidence(PREDICTIONS))
        .writes("records", model.evidence("records.parquet"))
}

/// Trains the Explainer, judges its masks and shows them.
fn explaining(learn: &Learn, given: Option<&Given>, choices: &Choices, model: &Model) -> [Step; 5] {
    let file = |name: &str| model.evidence(name);
    let seeded = |step| seeded(learn, step);
    let is_judged = learn.taxonomy.is_some();
    let if_there = |is_there: bool, step: Step, option: &'static str, name: &str| {
        if is_there { step.reads(option, file(name)) } else { step }
    };
    let evaluate = of_tokens::<readlens_evaluate::Options>("evaluate", model)
        .options(["--check"])
        .reads("masks", file(MASKS))
        .reads("perturbations", file(PERTURBATIONS));
    let report = of_classifier::<readlens_report::Options>("report", model)
        .options([format!("--title={}", learn.title)])
        .reads("explainer", model.explainer())
        .reads("masks", file(MASKS))
        .reads("bases", file(BASES))
        .reads("perturbations", file(PERTURBATIONS))
        .reads("predictions", file(PREDICTIONS));
    let report = if_there(is_judged, report, "assessment", ASSESSMENT);
    let report = if_there(is_judged, report, "confusion", CONFUSION)
        .reads("metrics", file(METRICS))
        .reads("checks", file(FIGURES));
    [
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
        if_there(given.is_none(), evaluate, "evidence", BASELINE)
            .writes("output", file(METRICS))
            .writes("json", file(FIGURES)),
        if_there(given.is_none(), report, "evidence", BASELINE)
            .writes("output", model.report())
            .writes("browse", file("browse.html")),
    ]
}

fn seeded(learn: &Learn, step: Step) -> Step {
    step.options([format!("--seed={}", learn.seed)])
}

fn tokenize(what: &str, learn: &Learn, labels: &Labels, given: Option<&Given>) -> Step {
    let mut step = Step::of::<readlens_tokenize::Options>(what);
    if given.is_none_or(|given| !given.is_bounded) {
        step = step.options(windows());
    }
    step = step.options(labels.options.iter().cloned());
    if let Some(given) = given {
        step = step.reads("like", &given.directory);
    }
    if let Some(taxonomy) = &learn.taxonomy {
        step = step.reads("taxonomy", taxonomy);
    }
    step = step.arguments(&learn.sequences);
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
