//! All stages in order, in one process. Skipping what is done, retrying and spreading over
//! machines is a workflow manager's work: see `pipelines/`.

use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage, run_with};
use toml::Table;

use crate::settings::{Settings, arguments};

/// Stages that every flow has, for the log.
const STAGES: usize = 7;

/// Runs the flow that `config` describes.
///
/// # Errors
/// The file is not a flow, or a stage fails.
pub(crate) fn run_file(config: &Path, out: &Path, context: &Context) -> Result<()> {
    run(Settings::read(config)?, out, context)
}

/// Runs a flow into `out`.
///
/// # Errors
/// An input is missing, or a stage fails.
pub(crate) fn run(mut settings: Settings, out: &Path, context: &Context) -> Result<()> {
    if let Some(table) = settings.simulate.take() {
        let simulated = out.join("simulated");
        stage::<readlens_simulate::Options>(&table, &[("output", &simulated)], &[], context)?;
        settings.input.sequences = vec![simulated.join("sequences.fasta")];
        settings.input.taxonomy = Some(simulated.join("taxonomy.tsv"));
        settings.input.truth = Some(simulated.join("truth.tsv"));
        settings.input.intervals = settings.input.truth.clone();
    }
    let input = &settings.input;
    if input.sequences.is_empty() {
        return Err(Fault::usage("a flow needs sequences = [\"…\"] under [input], or [simulate]"));
    }
    let path = |name: &str| out.join(name);
    let (tokens, classifier, explainer) =
        (path("tokens.parquet"), path("classifier"), path("explainer"));
    let (masks, bases) = (path("masks.parquet"), path("bases.parquet"));
    let (perturbations, metrics) = (path("perturbations.parquet"), path("metrics.parquet"));
    let step = |number: usize, what: &str| tracing::info!("{number}/{STAGES} {what}");

    step(1, "tokenize");
    let summary = path("summary.json");
    let mut paths = vec![("output", tokens.as_path()), ("summary", &summary)];
    paths.extend(input.taxonomy.as_deref().map(|taxonomy| ("taxonomy", taxonomy)));
    let sequences: Vec<&Path> = input.sequences.iter().map(|p| p.as_path()).collect();
    stage::<readlens_tokenize::Options>(&settings.tokenize, &paths, &sequences, context)?;

    step(2, "train the classifier");
    let paths = [("tokens", tokens.as_path()), ("output", &classifier)];
    stage::<readlens_train::classifier::Options>(&settings.train_classifier, &paths, &[], context)?;

    step(3, "train the Explainer");
    let trained = [("tokens", tokens.as_path()), ("classifier", &classifier)];
    let paths = [trained[0], trained[1], ("output", &explainer)];
    stage::<readlens_train::explainer::Options>(&settings.train_explainer, &paths, &[], context)?;

    step(4, "mask");
    let paths =
        [trained[0], trained[1], ("explainer", &explainer), ("output", &masks), ("bases", &bases)];
    stage::<readlens_mask::Options>(&settings.mask, &paths, &[], context)?;

    step(5, "perturb");
    let paths = [trained[0], trained[1], ("masks", &masks), ("output", &perturbations)];
    stage::<readlens_perturb::Options>(&settings.perturb, &paths, &[], context)?;

    step(6, "evaluate");
    let json = path("metrics.json");
    let seen = [trained[0], ("masks", masks.as_path()), ("perturbations", &perturbations)];
    let mut paths = seen.to_vec();
    paths.extend([("output", metrics.as_path()), ("json", &json)]);
    paths.extend(input.truth.as_deref().map(|truth| ("truth", truth)));
    stage::<readlens_evaluate::Options>(&settings.evaluate, &paths, &[], context)?;

    step(7, "report");
    let report = path("report.html");
    let mut paths = seen.to_vec();
    paths.extend([
        ("bases", bases.as_path()),
        ("metrics", &metrics),
        ("checks", &json),
        ("classifier", &classifier),
        ("explainer", &explainer),
        ("output", &report),
    ]);
    paths.extend(input.intervals.as_deref().map(|intervals| ("intervals", intervals)));
    stage::<readlens_report::Options>(&settings.report, &paths, &[], context)?;
    tracing::info!("the report is {}", report.display());
    Ok(())
}

/// Runs one stage as its command line would: options from the table, then paths.
fn stage<S: Stage>(
    table: &Table,
    paths: &[(&str, &Path)],
    inputs: &[&Path],
    context: &Context,
) -> Result<()> {
    let mut line: Vec<std::ffi::OsString> =
        arguments(S::NAME, table)?.into_iter().map(Into::into).collect();
    for (option, path) in paths {
        if table.contains_key(*option) {
            return Err(Fault::usage(format!(
                "[{}] {option}: the flow decides this path",
                S::NAME
            )));
        }
        let mut argument = std::ffi::OsString::from(format!("--{option}="));
        argument.push(path);
        line.push(argument);
    }
    line.extend(inputs.iter().map(|path| path.as_os_str().to_owned()));
    run_with::<S>(line, context)
}
