use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::check_files;
use readlens_stage::Context;
use readlens_tables::bases::BaseRow;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::{
    KEY_MANIFEST, KEY_SHARD, KEY_TABLE, KEY_VERSION, Reader, Record, Writer, table_of,
};

use crate::shards::Shards;

/// Rows between two looks at the progress and at the interrupt flag.
const STEP_ROWS: u64 = 1024;

/// Joins `shards`, given in any order, into the table `output`.
///
/// Rows are streamed: memory is that of one row group.
///
/// # Errors
/// A file is no shard or not of the same table, ranks, metadata and manifest as the others; a
/// shard is missing or there twice; `output` cannot be written.
pub fn run(shards: &[PathBuf], output: &Path, context: &Context) -> Result<()> {
    let Some(first) = shards.first() else {
        return Err(Fault::usage("no shards to merge; name at least one"));
    };
    check_files([output], shards)?;
    let table = table_of(first)?;
    let joiners = [
        joiner::<TokenRow>(),
        joiner::<TrainingRow>(),
        joiner::<MaskRow>(),
        joiner::<BaseRow>(),
        joiner::<CostRow>(),
        joiner::<PredictionRow>(),
        joiner::<PerturbationRow>(),
        joiner::<MetricRow>(),
    ];
    match joiners.into_iter().find(|(name, _)| *name == table.name) {
        Some((_, join)) => join(shards, output, context),
        None => Err(Fault::usage(format!("cannot merge a {} table", table.name))),
    }
}

type Join = fn(&[PathBuf], &Path, &Context) -> Result<()>;

fn joiner<R: Record>() -> (&'static str, Join) {
    (R::TABLE.name, join::<R>)
}

fn join<R: Record>(paths: &[PathBuf], output: &Path, context: &Context) -> Result<()> {
    let shards = Shards::check::<R>(paths)?;
    let mut writer = create::<R>(&shards.paths[0], output)?;
    let progress = context.progress("merging", shards.rows);
    for path in &shards.paths {
        for row in Reader::<R>::open(path)? {
            writer.push(&row?)?;
            if writer.rows().is_multiple_of(STEP_ROWS) {
                progress.advance(STEP_ROWS);
                context.check_interrupt("nothing was written; start again")?;
            }
        }
    }
    writer.finish()?;
    drop(progress);
    let (rows, files) = (shards.rows, shards.paths.len());
    tracing::info!("merged {rows} rows of {files} shards into {}", output.display());
    Ok(())
}

/// Begins the output with the ranks, manifest and metadata that the shards share.
fn create<R: Record>(first: &Path, output: &Path) -> Result<Writer<R>> {
    let reader = Reader::<R>::open(first)?;
    let manifest = reader.manifest()?.ok_or_else(|| {
        Fault::from(
            Fault::input(first)
                .at(Place::Part(format!("metadata {KEY_MANIFEST}")))
                .expected("a manifest")
                .found("none")
                .remedy("pass files that a readlens stage wrote"),
        )
    })?;
    // The writer puts the other keys there itself.
    let mut metadata = reader.metadata().clone();
    metadata.retain(|key, _| {
        ![KEY_TABLE, KEY_VERSION, KEY_MANIFEST, KEY_SHARD].contains(&key.as_str())
    });
    Writer::create(output, reader.ranks(), &manifest, &metadata)
}
