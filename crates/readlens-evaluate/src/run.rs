use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_metrics::Bootstrap;
use readlens_provenance::{
    Artefact, Learned, Manifest, check_files, check_together, commit_together,
    refuse_standard_output, what_it_learned_from,
};
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, Over};
use readlens_tables::{Reader, Writer};

use crate::check::{Check, check};
use crate::collapse;
use crate::config::{Config, Inputs, Outputs};
use crate::document;
use crate::ledger::Ledger;
use crate::majority::{Survey, survey};
use crate::masks::observe_masks;
use crate::paper::shown_over;
use crate::predictions::{Known, count_predictions, observe_predictions};
use crate::truth::Truth;

/// Maximum number of rows of a table of evidence: they are in memory together.
const MAX_EVIDENCE: u64 = 1 << 20;

/// What an evaluation comes to.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// All figures, as written.
    pub metrics: Vec<MetricRow>,
    /// The verdicts; none where nothing was to be checked.
    pub checks: Option<Vec<Check>>,
    /// Whether the classifier learned from the windows that the summary is about; none where the
    /// inputs do not tell.
    pub in_sample: Option<bool>,
}

/// Computes all metrics, writes them, and returns them with the verdicts on them.
///
/// The rows are ordered by method, rank of the mask, operator, removal, share, split, rank and
/// metric. Those of [`readlens_tables::vocabulary::Metric::MaskCorrelation`] come last. `seed` is
/// that of the bootstrap and changes nothing but the intervals.
///
/// # Errors
/// An input is not the table it should be, the tables do not belong together (the fault names
/// the row), or an output cannot be written.
pub fn run(
    config: &Config,
    seed: u64,
    inputs: &Inputs,
    outputs: &Outputs,
    context: &Context,
) -> Result<Evaluated> {
    config.validate()?;
    let Inputs { tokens, masks, perturbations, truth, evidence } = inputs;
    let read = masks.iter().chain(truth).chain(evidence).chain([tokens, perturbations]);
    let written = [&outputs.metrics].into_iter().chain(&outputs.json);
    refuse_standard_output(written.clone())?;
    check_files(written, read)?;
    let evidence = read_evidence(evidence)?;
    let mut truth = match truth {
        Some(path) => Some(Truth::read(path, config.truth_names)?),
        None => None,
    };
    let artefacts = artefacts(inputs)?;
    check_together(&artefacts)?;
    let manifest = Manifest::made_from("evaluate", config, Some(seed), &artefacts)?;
    let Survey { ranks, majority, lineages, has_splits } = survey(tokens, truth.as_mut(), context)?;
    let mut ledger = Ledger::new(Bootstrap::new(seed, config.replicates as usize));
    let counts = count_predictions(perturbations, &mut ledger, context)?;
    let lineages = lineages.over(&ranks, &counts.ranks);
    let known = Known { tokens, majority: &majority, lineages: lineages.as_ref() };
    observe_predictions(perturbations, known, &counts, &mut ledger, context)?;
    observe_masks(masks, tokens, truth.as_ref(), &mut ledger, context)?;
    // Ranks without a column follow in the order of their predictions.
    let mut order = ranks;
    let further = counts.ranks.iter().filter(|rank| !order.contains(rank)).cloned();
    order.extend(further.collect::<Vec<_>>());
    let mut rows = ledger.finish(&order);
    for masks in masks {
        rows.extend(collapse::measure(masks, tokens, context)?);
    }
    if let Some(checks) = &config.checks {
        refuse_unknown(&checks.methods, &rows)?;
    }
    let checks = config.checks.as_ref().map(|checks| check(&rows, &evidence, checks));
    let measured: BTreeSet<Over> = rows.iter().map(|row| row.split).collect();
    let measured: Vec<Over> = measured.into_iter().collect();
    let learned = what_it_learned_from(&artefacts);
    let in_sample = match learned {
        // Figures that are in sample in part are no others.
        Some(Learned::FromThisTable) => {
            Some(shown_over(&rows).are_training_windows(has_splits, &measured) != Some(false))
        }
        Some(Learned::FromTheseSequences | Learned::FromOtherFiles) | None => None,
    };
    if learned == Some(Learned::FromTheseSequences) {
        tracing::warn!(
            "the classifier learned from another table of the same sequences: its accuracy may be \
             in sample"
        );
    }
    if in_sample == Some(true) {
        tracing::warn!(
            "the classifier was trained on some or all of these windows: its accuracy is in sample, \
             too high for other sequences"
        );
    }
    let json = match &outputs.json {
        Some(path) => Some(document::write(path, &manifest, &rows, checks.as_deref(), in_sample)?),
        None => None,
    };
    let mut writer =
        Writer::<MetricRow>::create(&outputs.metrics, &[], &manifest, &BTreeMap::new())?;
    for row in &rows {
        writer.push(row)?;
    }
    commit_together([writer.complete()?].into_iter().chain(json))?;
    tracing::info!("computed {} figures in {}", rows.len(), outputs.metrics.display());
    Ok(Evaluated { metrics: rows, checks, in_sample })
}

/// Refuses methods to check that have no masks.
fn refuse_unknown(chosen: &[Name], rows: &[MetricRow]) -> Result<()> {
    let known: BTreeSet<&Name> = rows.iter().filter_map(|row| row.method.as_ref()).collect();
    let Some(unknown) = chosen.iter().find(|method| !known.contains(method)) else {
        return Ok(());
    };
    let known: Vec<&str> = known.into_iter().map(Name::as_str).collect();
    Err(Fault::usage(format!(
        "--check-methods names {unknown}, which has no masks here; those with masks are {}",
        known.join(", ")
    )))
}

/// All rows of the metrics tables at `paths`.
fn read_evidence(paths: &[PathBuf]) -> Result<Vec<MetricRow>> {
    let mut rows = Vec::new();
    for path in paths {
        let mut reader = Reader::<MetricRow>::open(path)?;
        if reader.rows() > MAX_EVIDENCE {
            return Err(Fault::input(path)
                .expected(format!("a metrics table of at most {MAX_EVIDENCE} rows"))
                .found(reader.rows())
                .remedy("pass metrics of fewer methods")
                .into());
        }
        while let Some(row) = reader.next().transpose()? {
            if !row.value.is_finite() {
                return Err(reader
                    .fault()
                    .expected("a finite value")
                    .found(row.value)
                    .remedy("write the table again with the stage that wrote it")
                    .into());
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The inputs with their digests and manifests.
fn artefacts(inputs: &Inputs) -> Result<Vec<Artefact>> {
    let tokens = Reader::<TokenRow>::open(&inputs.tokens)?;
    let perturbations = Reader::<PerturbationRow>::open(&inputs.perturbations)?;
    perturbations.check_tokenization(&tokens)?;
    let mut artefacts = vec![tokens.artefact("tokens")?, perturbations.artefact("perturbations")?];
    for masks in &inputs.masks {
        let masks = Reader::<MaskRow>::open_own(masks)?;
        masks.check_tokenization(&tokens)?;
        artefacts.push(masks.artefact("masks")?);
    }
    for evidence in &inputs.evidence {
        artefacts.push(Reader::<MetricRow>::open(evidence)?.artefact("evidence")?);
    }
    if let Some(truth) = &inputs.truth {
        artefacts.push(Artefact::file("truth", truth, None)?);
    }
    Ok(artefacts)
}
