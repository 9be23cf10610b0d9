//! All stages in order, in one process. Skipping what is done, retrying and spreading over
//! machines is a workflow manager's work: see `pipelines/`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage, run_with};
use toml::{Table, Value};

use crate::settings::{Input, Settings, arguments};

/// Options of a stage that name a file or a folder, with the name it has in the output directory.
type Named<'n> = (&'static str, &'n str);

const TOKENS: Named<'_> = ("tokens", "tokens.parquet");
const CLASSIFIER: Named<'_> = ("classifier", "classifier");
const EXPLAINER: Named<'_> = ("explainer", "explainer");
const MASKS: Named<'_> = ("masks", "masks.parquet");
const BASES: Named<'_> = ("bases", "bases.parquet");
const PERTURBATIONS: Named<'_> = ("perturbations", "perturbations.parquet");
const METRICS: Named<'_> = ("metrics", "metrics.parquet");
const COSTS: Named<'_> = ("costs", "costs.parquet");
/// Masks of the methods of `[attribute]`.
const ATTRIBUTIONS: &str = "attributions.parquet";
/// Methods of an `[attribute]` that names none: one with gradients, one that hides stretches, one
/// that fits a linear model.
const RIVALS: &str = "integrated_gradients,occlusion,lime";
/// Options that an `[attribute]` without them has from `[mask]`: rivals explain the windows of the
/// Explainer at its area and in its blocks. An area that `[mask]` does not change is that of
/// `[train-explainer]`.
const SHARED: [&str; 3] = ["split", AREA, "patch"];
const AREA: &str = "area";
/// Figures of `[baseline]`.
const BASELINE: &str = "baseline.parquet";
/// Figures and verdicts of `[evaluate]`.
const JSON: &str = "metrics.json";
const REPORT: &str = "report.html";

/// Runs the flow that `config` describes.
///
/// # Errors
/// The file is not a flow, or a stage fails.
pub(crate) fn run_file(config: &Path, out: &Path, context: &Context) -> Result<()> {
    run(&Settings::read(config)?, out, context)
}

/// Runs a flow into `out`.
///
/// # Errors
/// An input is missing, or a stage fails.
pub(crate) fn run(settings: &Settings, out: &Path, context: &Context) -> Result<()> {
    let walk = Walk { settings, input: settings.input_in(out), out, context };
    if walk.input.sequences.is_empty() {
        return Err(Fault::usage("a flow needs sequences = [\"…\"] under [input], or [simulate]"));
    }
    let steps = steps(settings);
    for (number, (what, step)) in (1..).zip(&steps) {
        tracing::info!("{number}/{} {what}", steps.len());
        step(&walk)?;
    }
    tracing::info!("the report is {}", out.join(REPORT).display());
    Ok(())
}

/// A step of a flow.
type Step<'a> = fn(&Walk<'a>) -> Result<()>;

/// The steps that `settings` ask for, in order, each with its name.
fn steps<'a>(settings: &Settings) -> Vec<(&'static str, Step<'a>)> {
    let all: [(&str, Step<'a>, bool); 10] = [
        ("simulate", Walk::simulate, settings.simulate.is_some()),
        ("tokenize", Walk::tokenize, true),
        ("fit k-mer baselines", Walk::baseline, settings.baseline.is_some()),
        ("train the classifier", Walk::train_classifier, true),
        ("train the Explainer", Walk::train_explainer, true),
        ("mask", Walk::mask, true),
        ("attribute", Walk::attribute, settings.attribute.is_some()),
        ("perturb", Walk::perturb, true),
        ("evaluate", Walk::evaluate, true),
        ("report", Walk::report, true),
    ];
    all.into_iter().filter(|(.., is_asked)| *is_asked).map(|(what, step, _)| (what, step)).collect()
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
struct Walk<'a> {
    settings: &'a Settings,
    input: Input,
    out: &'a Path,
    context: &'a Context,
}

impl Walk<'_> {
    fn simulate(&self) -> Result<()> {
        let Some(table) = &self.settings.simulate else { return Ok(()) };
        self.stage::<readlens_simulate::Options>(table, &[("output", Input::SIMULATED)], &[], &[])
    }

    fn tokenize(&self) -> Result<()> {
        let outputs = [("output", TOKENS.1), ("summary", "summary.json")];
        let taxonomy = self.input.taxonomy.as_deref().map(|file| ("taxonomy", file));
        self.stage::<readlens_tokenize::Options>(
            &self.settings.tokenize,
            &outputs,
            taxonomy.as_slice(),
            &self.input.sequences,
        )
    }

    fn baseline(&self) -> Result<()> {
        let Some(table) = &self.settings.baseline else { return Ok(()) };
        self.stage::<readlens_baseline::Options>(table, &[TOKENS, ("output", BASELINE)], &[], &[])
    }

    fn train_classifier(&self) -> Result<()> {
        let files = [TOKENS, ("output", CLASSIFIER.1)];
        let table = &self.settings.train_classifier;
        self.stage::<readlens_train::classifier::Options>(table, &files, &[], &[])
    }

    fn train_explainer(&self) -> Result<()> {
        let files = [TOKENS, CLASSIFIER, ("output", EXPLAINER.1)];
        let table = &self.settings.train_explainer;
        self.stage::<readlens_train::explainer::Options>(table, &files, &[], &[])
    }

    fn mask(&self) -> Result<()> {
        let files = [TOKENS, CLASSIFIER, EXPLAINER, ("output", MASKS.1), BASES];
        self.stage::<readlens_mask::Options>(&self.settings.mask, &files, &[], &[])
    }

    fn attribute(&self) -> Result<()> {
        let Some(table) = rivals(self.settings) else { return Ok(()) };
        let files = [TOKENS, CLASSIFIER, ("output", ATTRIBUTIONS), COSTS];
        self.stage::<readlens_attribute::Options>(&table, &files, &[], &[])
    }

    fn perturb(&self) -> Result<()> {
        let mut files = vec![TOKENS, CLASSIFIER, MASKS, ("output", PERTURBATIONS.1)];
        files.extend(self.attributions());
        self.stage::<readlens_perturb::Options>(&self.settings.perturb, &files, &[], &[])
    }

    fn evaluate(&self) -> Result<()> {
        let table = &self.settings.evaluate;
        let mut files = vec![TOKENS, MASKS, PERTURBATIONS, ("output", METRICS.1), ("json", JSON)];
        files.extend(self.attributions());
        // Evidence is for the verdicts.
        let has_checks = table.get("check").is_some_and(|check| *check != Value::Boolean(false));
        files.extend(self.evidence().filter(|_| has_checks));
        let truth = self.input.truth.as_deref().map(|file| ("truth", file));
        self.stage::<readlens_evaluate::Options>(table, &files, truth.as_slice(), &[])
    }

    fn report(&self) -> Result<()> {
        let mut files = vec![TOKENS, MASKS, BASES, PERTURBATIONS, METRICS, ("checks", JSON)];
        files.extend([CLASSIFIER, EXPLAINER, ("output", REPORT)]);
        files.extend(self.settings.attribute.as_ref().map(|_| COSTS));
        files.extend(self.evidence());
        let intervals = self.input.intervals.as_deref().map(|file| ("intervals", file));
        self.stage::<readlens_report::Options>(
            &self.settings.report,
            &files,
            intervals.as_slice(),
            &[],
        )
    }

    /// The masks of other methods, where the flow has them.
    fn attributions(&self) -> Option<Named<'static>> {
        self.settings.attribute.as_ref().map(|_| ("masks", ATTRIBUTIONS))
    }

    /// The figures of k-mer counts, where the flow has them.
    fn evidence(&self) -> Option<Named<'static>> {
        self.settings.baseline.as_ref().map(|_| ("evidence", BASELINE))
    }

    /// Runs one stage as its command line would: options from the table, then files of the output
    /// directory, then files from elsewhere, and those without an option at the end.
    fn stage<S: Stage>(
        &self,
        table: &Table,
        files: &[Named<'_>],
        others: &[(&str, &Path)],
        inputs: &[PathBuf],
    ) -> Result<()> {
        let mut line: Vec<OsString> =
            arguments(S::NAME, table)?.into_iter().map(Into::into).collect();
        let files = files.iter().map(|(option, name)| (*option, self.out.join(name)));
        let others = others.iter().map(|(option, path)| (*option, path.to_path_buf()));
        for (option, path) in files.chain(others) {
            if table.contains_key(option) {
                return Err(Fault::usage(format!(
                    "[{}] {option}: the flow decides this path",
                    S::NAME
                )));
            }
            let mut argument = OsString::from(format!("--{option}="));
            argument.push(path);
            line.push(argument);
        }
        line.extend(inputs.iter().map(|path| path.as_os_str().to_owned()));
        run_with::<S>(line, self.context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn a_flow_has_the_steps_that_it_names() {
        let steps_of = |text: &str| -> Vec<&str> {
            let settings = Settings::parse(text, Path::new("flow.toml")).unwrap();
            steps(&settings).into_iter().map(|(what, _)| what).collect()
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
            [whole[0], whole[2], whole[6]],
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
