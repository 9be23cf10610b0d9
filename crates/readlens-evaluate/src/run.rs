use std::collections::BTreeMap;

use readlens_fault::Result;
use readlens_figures::Bootstrap;
use readlens_provenance::{InputDigest, Manifest};
use readlens_stage::Context;
use readlens_tables::Writer;
use readlens_tables::metrics::MetricRow;

use crate::config::{Config, Inputs, Outputs};
use crate::document;
use crate::ledger::Ledger;
use crate::majority::survey;
use crate::masks::observe_masks;
use crate::predictions::observe_predictions;
use crate::truth::Truth;

/// Computes all metrics, writes them, and returns them.
///
/// The rows are ordered by method, rank of the mask, operator, split, rank and metric; `seed` is
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
) -> Result<Vec<MetricRow>> {
    config.validate()?;
    let mut truth = match &inputs.truth {
        Some(path) => Some(Truth::read(path, config.truth_names)?),
        None => None,
    };
    let survey = survey(&inputs.tokens, truth.as_mut(), context)?;
    let mut ledger = Ledger::new(Bootstrap::new(seed, config.replicates as usize));
    let Inputs { tokens, masks, perturbations, .. } = inputs;
    observe_predictions(perturbations, tokens, &survey.majority, &mut ledger, context)?;
    observe_masks(masks, tokens, truth.as_ref(), &mut ledger, context)?;
    let rows = ledger.finish(&survey.ranks);
    let manifest = manifest(config, seed, inputs)?;
    // Both files are complete before either takes its name.
    let json = match &outputs.json {
        Some(path) => Some(document::write(path, &manifest, &rows)?),
        None => None,
    };
    let mut writer =
        Writer::<MetricRow>::create(&outputs.metrics, &[], &manifest, &BTreeMap::new())?;
    for row in &rows {
        writer.push(row)?;
    }
    writer.finish()?;
    if let Some(json) = json {
        json.commit()?;
    }
    tracing::info!("computed {} figures in {}", rows.len(), outputs.metrics.display());
    Ok(rows)
}

fn manifest(config: &Config, seed: u64, inputs: &Inputs) -> Result<Manifest> {
    let mut digests = vec![
        InputDigest::of("tokens", &inputs.tokens)?,
        InputDigest::of("masks", &inputs.masks)?,
        InputDigest::of("perturbations", &inputs.perturbations)?,
    ];
    if let Some(truth) = &inputs.truth {
        digests.push(InputDigest::of("truth", truth)?);
    }
    Manifest::new("evaluate", config, Some(seed), digests)
}
