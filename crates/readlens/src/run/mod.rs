//! `readlens run`: all stages as one TOML file configures them.

mod settings;

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage};
use toml::{Table, Value};

use crate::flow::{self, Step};
use settings::arguments;

pub(crate) use settings::{Input, Settings};

/// Files of the output directory.
const TOKENS: &str = "tokens.parquet";
const CLASSIFIER: &str = "classifier";
const EXPLAINER: &str = "explainer";
const MASKS: &str = "masks.parquet";
const BASES: &str = "bases.parquet";
const PERTURBATIONS: &str = "perturbations.parquet";
const METRICS: &str = "metrics.parquet";
const COSTS: &str = "costs.parquet";
/// Masks of the methods of `[attribute]`.
const ATTRIBUTIONS: &str = "attributions.parquet";
/// Figures of `[baseline]`.
const BASELINE: &str = "baseline.parquet";
/// Figures and verdicts of `[evaluate]`.
const JSON: &str = "metrics.json";
const REPORT: &str = "report.html";
/// Methods of an `[attribute]` that names none: one with gradients, one that hides stretches, one
/// that fits a linear model.
const RIVALS: &str = "integrated_gradients,occlusion,lime";
/// Options that an `[attribute]` without them has from `[mask]`: rivals explain the windows of the
/// Explainer at its area and in its blocks. An area that `[mask]` does not change is that of
/// `[train-explainer]`.
const SHARED: [&str; 3] = ["split", AREA, "patch"];
const AREA: &str = "area";

/// Runs the flow that the file `config` describes, or prints it.
///
/// # Errors
/// The file is not a flow, or a stage fails.
pub(crate) fn run_file(config: &Path, out: &Path, explain: bool, context: &Context) -> Result<()> {
    let settings = Settings::read(config)?;
    if explain {
        return readlens_stage::print(&flow::script(&steps(&settings, out)?));
    }
    run(&settings, out, context)
}

/// Runs a flow into `out`.
///
/// # Errors
/// An input is missing, or a stage fails.
pub(crate) fn run(settings: &Settings, out: &Path, context: &Context) -> Result<()> {
    flow::run("run", &steps(settings, out)?, out, context)?;
    tracing::info!("the report is {}", out.join(REPORT).display());
    Ok(())
}

/// The steps that `settings` ask for, in order.
///
/// # Errors
/// The flow has no sequences, or an option that it may not have.
fn steps(settings: &Settings, out: &Path) -> Result<Vec<Step>> {
    let flow = Flow { settings, input: settings.input_in(out), out };
    if flow.input.sequences.is_empty() {
        return Err(Fault::usage("a flow needs sequences = [\"…\"] under [input], or [simulate]"));
    }
    let all = [
        flow.simulate(),
        Some(flow.tokenize()),
        flow.baseline(),
        Some(flow.train_classifier()),
        Some(flow.train_explainer()),
        Some(flow.mask()),
        flow.attribute(),
        Some(flow.perturb()),
        Some(flow.evaluate()),
        Some(flow.report()),
    ];
    all.into_iter().flatten().collect()
}

/// Options of the stage attribute, where the flow has rivals of the Explainer.
fn rivals(settings: &Settings) -> Option<Table> {
    let mut table = settings.attribute.clone()?;
    table.entry("method").or_insert_with(|| RIVALS.into());
    for name in SHARED {
        let trained = || settings.train_explainer.get(name).filter(|_| name == AREA);
        if let Some(value) = settings.mask.get(name).or_else(trained) {
            table.entry(name).or_insert_with(|| value.clone());
        }
    }
    Some(table)
}

/// What the steps of a flow share.
struct Flow<'a> {
    settings: &'a Settings,
    input: Input,
    out: &'a Path,
}

impl Flow<'_> {
    fn simulate(&self) -> Option<Result<Step>> {
        let table = self.settings.simulate.as_ref()?;
        let step = Step::of::<readlens_simulate::Options>("simulate");
        Some(configured(step.writes("output", self.out.join(Input::SIMULATED)), table))
    }

    fn tokenize(&self) -> Result<Step> {
        let step = Step::of::<readlens_tokenize::Options>("tokenize")
            .writes("output", self.file(TOKENS))
            .writes("summary", self.file("summary.json"));
        let step = reads_if(step, "taxonomy", self.input.taxonomy.clone());
        configured(step.arguments(&self.input.sequences), &self.settings.tokenize)
    }

    fn baseline(&self) -> Option<Result<Step>> {
        let table = self.settings.baseline.as_ref()?;
        let step = self.of_tokens::<readlens_baseline::Options>("fit k-mer baselines");
        Some(configured(step.writes("output", self.file(BASELINE)), table))
    }

    fn train_classifier(&self) -> Result<Step> {
        let step = self.of_tokens::<readlens_train::classifier::Options>("train the classifier");
        let step = step.writes("output", self.file(CLASSIFIER));
        configured(step, &self.settings.train_classifier)
    }

    fn train_explainer(&self) -> Result<Step> {
        let step = self.of_classifier::<readlens_train::explainer::Options>("train the Explainer");
        let step = step.writes("output", self.file(EXPLAINER));
        configured(step, &self.settings.train_explainer)
    }

    fn mask(&self) -> Result<Step> {
        let step = self
            .of_classifier::<readlens_mask::Options>("mask")
            .reads("explainer", self.file(EXPLAINER))
            .writes("output", self.file(MASKS))
            .writes("bases", self.file(BASES));
        configured(step, &self.settings.mask)
    }

    fn attribute(&self) -> Option<Result<Step>> {
        let table = rivals(self.settings)?;
        let step = self
            .of_classifier::<readlens_attribute::Options>("attribute")
            .writes("output", self.file(ATTRIBUTIONS))
            .writes("costs", self.file(COSTS));
        Some(configured(step, &table))
    }

    fn perturb(&self) -> Result<Step> {
        let step = self.of_classifier::<readlens_perturb::Options>("perturb");
        let step = self.with_masks(step).writes("output", self.file(PERTURBATIONS));
        configured(step, &self.settings.perturb)
    }

    fn evaluate(&self) -> Result<Step> {
        let table = &self.settings.evaluate;
        let step = self.with_masks(self.of_tokens::<readlens_evaluate::Options>("evaluate"));
        let step = step.reads("perturbations", self.file(PERTURBATIONS));
        let step = reads_if(step, "truth", self.input.truth.clone());
        // Evidence is for the verdicts.
        let has_checks = table.get("check").is_some_and(|check| *check != Value::Boolean(false));
        let step = reads_if(step, "evidence", self.evidence().filter(|_| has_checks));
        let step = step.writes("output", self.file(METRICS)).writes("json", self.file(JSON));
        configured(step, table)
    }

    fn report(&self) -> Result<Step> {
        let step = self
            .of_classifier::<readlens_report::Options>("report")
            .reads("explainer", self.file(EXPLAINER))
            .reads("masks", self.file(MASKS))
            .reads("bases", self.file(BASES))
            .reads("perturbations", self.file(PERTURBATIONS))
            .reads("metrics", self.file(METRICS))
            .reads("checks", self.file(JSON));
        let costs = self.settings.attribute.as_ref().map(|_| self.file(COSTS));
        let step = reads_if(step, "costs", costs);
        let step = reads_if(step, "evidence", self.evidence());
        let step = reads_if(step, "intervals", self.input.intervals.clone());
        configured(step.writes("output", self.file(REPORT)), &self.settings.report)
    }

    /// A step of the stage `S` that reads the tokens.
    fn of_tokens<S: Stage>(&self, what: &str) -> Step {
        Step::of::<S>(what).reads("tokens", self.file(TOKENS))
    }

    /// A step of the stage `S` that reads the tokens and the classifier.
    fn of_classifier<S: Stage>(&self, what: &str) -> Step {
        self.of_tokens::<S>(what).reads("classifier", self.file(CLASSIFIER))
    }

    /// `step`, which reads the masks of the Explainer and of its rivals.
    fn with_masks(&self, step: Step) -> Step {
        let rivals = self.settings.attribute.as_ref().map(|_| self.file(ATTRIBUTIONS));
        reads_if(step.reads("masks", self.file(MASKS)), "masks", rivals)
    }

    /// The figures of k-mer counts, where the flow has them.
    fn evidence(&self) -> Option<PathBuf> {
        self.settings.baseline.as_ref().map(|_| self.file(BASELINE))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }
}

/// `step`, which reads a file as `option` where there is one.
fn reads_if(step: Step, option: &'static str, file: Option<PathBuf>) -> Step {
    match file {
        Some(file) => step.reads(option, file),
        None => step,
    }
}

/// `step` with the options of its table in the configuration.
///
/// # Errors
/// The table names a file that the flow decides, or a value is none that an option may have.
fn configured(step: Step, table: &Table) -> Result<Step> {
    let taken = step.inputs().iter().chain(step.outputs()).filter_map(|file| file.option);
    if let Some(option) = taken.into_iter().find(|option| table.contains_key(*option)) {
        let stage = step.stage();
        return Err(Fault::usage(format!("[{stage}] {option}: the flow decides this path")));
    }
    let options = arguments(step.stage(), table)?;
    Ok(step.options(options))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_flow_has_the_steps_that_it_names() {
        let steps_of = |text: &str| -> Vec<String> {
            let text = format!("{text}[input]\nsequences = [\"genes.fasta\"]\n");
            let settings = Settings::parse(&text, Path::new("flow.toml")).unwrap();
            let steps = steps(&settings, Path::new("out")).unwrap();
            steps.iter().map(|step| step.what().to_owned()).collect()
        };
        assert_eq!(
            steps_of("[mask]\nframes = 2\n"),
            [
                "tokenize",
                "train the classifier",
                "train the Explainer",
                "mask",
                "perturb",
                "evaluate",
                "report"
            ]
        );
        // A table that is there counts, also an empty one.
        let whole = steps_of("[simulate]\n[baseline]\n[attribute]\nmethod = \"lime\"\n");
        assert_eq!(whole.len(), 10);
        assert_eq!(
            [0, 2, 6].map(|place| whole[place].as_str()),
            ["simulate", "fit k-mer baselines", "attribute"]
        );
    }

    #[test]
    fn rivals_follow_the_explainers_masks_unless_told_otherwise() {
        let line = |text: &str| -> Option<Vec<String>> {
            let settings = Settings::parse(text, Path::new("flow.toml")).unwrap();
            rivals(&settings).map(|table| arguments("attribute", &table).unwrap())
        };
        let mask = "[mask]\nsplit = \"test\"\narea = 0.2\npatch = 4\nframes = 6\n";
        assert_eq!(line(mask), None);
        let method = "--method=integrated_gradients,occlusion,lime";
        assert_eq!(line("[mask]\nframes = 6\n[attribute]\n").unwrap(), [method]);
        let mut followed = line(&format!("{mask}[attribute]\n")).unwrap();
        followed.sort();
        assert_eq!(followed, ["--area=0.2", method, "--patch=4", "--split=test"]);
        let trained = "[train-explainer]\narea = 0.08\npatch = 2\n[attribute]\n";
        assert_eq!(line(trained).unwrap(), ["--area=0.08", method]);
        let masked = line(&format!("[mask]\narea = 0.2\n{trained}")).unwrap();
        assert_eq!(masked, ["--area=0.2", method]);
        let own = "[attribute]\nmethod = \"lime\"\nsplit = \"valid\"\narea = 0.1\npatch = 1\n";
        let mut own = line(&format!("{mask}{own}")).unwrap();
        own.sort();
        assert_eq!(own, ["--area=0.1", "--method=lime", "--patch=1", "--split=valid"]);
    }
}
