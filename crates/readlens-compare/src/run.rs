use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use readlens_figures::Bootstrap;
use readlens_provenance::{InputDigest, Manifest, refuse_overwriting};
use readlens_stage::{Context, in_order};
use readlens_tables::Writer;
use readlens_tables::metrics::MetricRow;

use crate::config::{Config, Inputs};
use crate::counts::Counts;
use crate::join::{Join, Window};
use crate::key::Key;
use crate::ledger::{Ledger, MAX_FIGURES, TooMany};
use crate::window::{Finding, Label, findings};

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
    refuse_overwriting([&output.to_path_buf()], &paths)?;
    let labels = labels(inputs);
    let join = Join::open(inputs)?;
    let ranks = join.ranks().to_vec();
    let manifest = manifest(config, seed, inputs)?;
    let progress = context.progress("comparing windows", join.rows());
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
            for Finding { method, mask_rank, label, metric, value } in findings {
                let key = Key { method, mask_rank, label, split: window.split, metric };
                ledger.observe(key, value).map_err(|too_many| too_many.of(&inputs.reference))?;
            }
        }
        progress.advance(rows);
        Ok(())
    })?;
    drop(progress);
    counts.report(inputs)?;
    let names: Vec<String> = labels.into_iter().map(|label| label.name).collect();
    let rows = ledger.finish(&ranks, &names, &config.shares);
    let mut writer = Writer::<MetricRow>::create(output, &[], &manifest, &BTreeMap::new())?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    writer.finish()?;
    tracing::info!("computed {} figures in {}", rows.len(), output.display());
    Ok(rows)
}

impl TooMany {
    /// The fault about the table that names the methods.
    fn of(self, path: &Path) -> Fault {
        Fault::input(path)
            .expected(format!("at most {MAX_FIGURES} figures"))
            .found("more methods, ranks and labels than that")
            .remedy("compare fewer methods at a time")
            .into()
    }
}

/// The labels with the tables of each.
fn labels(inputs: &Inputs) -> Vec<Label> {
    let tables = |name: &str| {
        let others = inputs.others.iter().enumerate();
        others.filter(|(_, other)| other.label == name).map(|(place, _)| place).collect()
    };
    let label = |name: &str| Label { name: name.to_owned(), tables: tables(name) };
    inputs.labels().into_iter().map(label).collect()
}

fn manifest(config: &Config, seed: u64, inputs: &Inputs) -> Result<Manifest> {
    let mut digests = vec![
        InputDigest::of("tokens", &inputs.tokens)?,
        InputDigest::of("reference", &inputs.reference)?,
    ];
    for other in &inputs.others {
        digests.push(InputDigest::of(&format!("other {}", other.label), &other.path)?);
        if let Some(tokens) = &other.tokens {
            digests.push(InputDigest::of(&format!("tokens of {}", other.label), tokens)?);
        }
    }
    Manifest::new("compare", config, Some(seed), digests)
}
