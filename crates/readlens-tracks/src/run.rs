use readlens_fault::Result;
use readlens_provenance::{Artefact, Manifest, check_files, check_together};
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::KEY_TARGET;

use crate::config::{Config, Paths};
use crate::outputs::Outputs;
use crate::records::Records;
use crate::taxa::{Predictions, Taxa};

/// Merges the masks of each record and writes its stretches and tracks.
///
/// # Errors
/// An input cannot be used, inputs are of different runs or orders, tracks of several masks are
/// wanted, an output cannot be written, or the user interrupts.
pub fn run(config: &Config, paths: &Paths, context: &Context) -> Result<()> {
    config.validate()?;
    paths.validate()?;
    check_files(paths.outputs(), paths.inputs())?;
    let mut predictions = paths.predictions.as_deref().map(Predictions::open).transpose()?;
    let bases = Reader::<BaseRow>::open(&paths.bases)?;
    // Stretches that speak for one taxon are named after it, whatever was predicted.
    let target = bases.metadata().get(KEY_TARGET).and_then(|typed| Taxa::target(typed));
    let mut inputs = vec![bases.artefact("bases")?];
    if let Some(predictions) = &predictions {
        inputs.push(predictions.artefact()?);
    }
    for path in &paths.sequences {
        inputs.push(Artefact::file("sequences", path, None)?);
    }
    check_together(&inputs)?;
    let manifest = Manifest::made_from("tracks", config, None, &inputs)?;
    let mut records = Records::open(&paths.bases, &config.choice, config.merge)?;
    let mut outputs = Outputs::create(config, paths, &manifest, context)?;
    let progress = context.progress("tracks", records.rows());
    let mut count = 0_u64;
    while let Some(record) = records.next()? {
        context.check_interrupt("nothing was written; start again")?;
        let predicted = match &mut predictions {
            Some(predictions) => predictions.find(&record.id)?,
            None => Taxa::default(),
        };
        let taxa = target.as_ref().unwrap_or(&predicted);
        outputs.record(&record, taxa, || records.fault())?;
        count += 1;
        progress.advance(record.rows);
    }
    drop(progress);
    let rows = outputs.rows();
    if rows == 0 {
        tracing::warn!("there is no stretch: no base has a merged mask above the threshold");
    }
    outputs.finish()?;
    tracing::info!("wrote {rows} stretches of {count} records to {}", paths.stretches.display());
    Ok(())
}
