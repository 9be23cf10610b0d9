use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use readlens_metrics::{About, Bootstrap, Formula, Ledger, Names};
use readlens_provenance::{Artefact, Compared, Manifest, check_compared, check_files};
use readlens_stage::{Context, in_order};
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MaskName, Ranks, Removal};
use readlens_tables::{Reader, Record, Writer, table_of};

use crate::config::{Config, Inputs};
use crate::counts::Counts;
use crate::join::{Join, Window};
use crate::key::{Key, Measure};
use crate::window::{Finding, findings};

/// Chunks of windows in work at a time.
const CHUNKS_AT_ONCE: usize = 2;

/// Compares all tables with the reference, writes the figures, and returns them.
///
/// The rows are ordered by method, rank of the mask, label, split and metric; `seed` is that of the
/// bootstrap and changes nothing but the intervals.
///
/// # Errors
/// An input is not the table it should be, the tables are not of the same windows (the fault names
/// the row), nothing of a table can be compared, or `output` cannot be written.
pub fn run(
    config: &Config,
    seed: u64,
    inputs: &Inputs,
    output: &Path,
    context: &Context,
) -> Result<Vec<MetricRow>> {
    config.validate()?;
    let paths: Vec<PathBuf> = [&inputs.tokens, &inputs.reference]
        .into_iter()
        .chain(inputs.others.iter().map(|other| &other.path))
        .chain(inputs.others.iter().filter_map(|other| other.tokens.as_ref()))
        .cloned()
        .collect();
    check_files([output], &paths)?;
    let labels = inputs.labels();
    let manifest = manifest(config, seed, inputs)?;
    let join = Join::open(inputs)?;
    let ranks = join.ranks().to_vec();
    let progress = context.progress("comparing windows", join.rows());
    let mut masks: Names<MaskName> = Names::default();
    let mut ledger = Ledger::new(Bootstrap::new(seed, config.replicates as usize));
    let mut counts = Counts::new(inputs.others.len());
    let work = |(rows, windows): (u64, Vec<Window>)| {
        context.check_interrupt("nothing was written; start again")?;
        let findings: Vec<Vec<Finding>> =
            windows.par_iter().map(|window| findings(window, &labels, &config.shares)).collect();
        Ok((rows, windows, findings))
    };
    in_order(CHUNKS_AT_ONCE, join, work, |(rows, windows, findings)| {
        for (window, findings) in windows.iter().zip(findings) {
            counts.add(window);
            ledger.begin_record(&window.id);
            for Finding { mask, label, measure, value } in findings {
                let key = Key { mask: masks.number(&mask), label, over: window.over, measure };
                ledger.observe(key, 1.0, &[value]).map_err(|too_many| {
                    too_many.at(Fault::input(&inputs.reference), "compare fewer methods at a time")
                })?;
            }
        }
        progress.advance(rows);
        Ok(())
    })?;
    drop(progress);
    counts.report(inputs)?;
    let mut found = ledger.finish(|_, panel| panel.figure(Formula::Mean(0)));
    found.sort_by(|(a, _), (b, _)| a.compare(b, &masks, &ranks));
    let rows = found.into_iter().map(|(key, figure)| {
        let label = &labels[key.label];
        let about = About {
            mask: Some(masks.name(key.mask).clone()),
            operator: label.operator.clone(),
            variant: label.variant.clone(),
            removal: Removal::Own,
            share: match key.measure {
                Measure::Jaccard(place) => Some(config.shares[place] as f32),
                _ => None,
            },
            over: key.over,
            ranks: Ranks::All,
        };
        about.row(key.measure.metric(), figure)
    });
    let rows: Vec<MetricRow> = rows.collect();
    let mut writer = Writer::<MetricRow>::create(output, &[], &manifest, &BTreeMap::new())?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    writer.finish()?;
    tracing::info!("computed {} figures in {}", rows.len(), output.display());
    Ok(rows)
}

/// The manifest of the figures, after a look at whether the inputs can be compared.
fn manifest(config: &Config, seed: u64, inputs: &Inputs) -> Result<Manifest> {
    let windows = |role: &str, path: &Path| Reader::<TokenRow>::open(path)?.artefact(role);
    let tokens = windows("tokens", &inputs.tokens)?;
    let reference = masks("reference", &inputs.reference)?;
    let mut others = Vec::new();
    for other in &inputs.others {
        let label = other.label();
        let of = other.tokens.as_deref();
        let of = of.map(|path| windows(&format!("tokens of {label}"), path)).transpose()?;
        others.push((masks(&format!("other {label}"), &other.path)?, of));
    }
    let compared: Vec<Compared<'_>> = (inputs.others.iter().zip(&others))
        .map(|(other, (masks, tokens))| Compared {
            masks,
            tokens: tokens.as_ref(),
            explains: other.explains(),
        })
        .collect();
    check_compared(&tokens, &reference, &compared)?;
    let mut all = vec![tokens, reference];
    all.extend(others.into_iter().flat_map(|(masks, tokens)| std::iter::once(masks).chain(tokens)));
    Manifest::made_from("compare", config, Some(seed), &all)
}

/// A table of masks, on bases or on tokens.
fn masks(role: &str, path: &Path) -> Result<Artefact> {
    if table_of(path)?.name == MaskRow::TABLE.name {
        Reader::<MaskRow>::open(path)?.artefact(role)
    } else {
        Reader::<BaseRow>::open(path)?.artefact(role)
    }
}
