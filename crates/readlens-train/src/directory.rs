use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_fit::{Checkpoint, Figure, Split as Part};
use readlens_nn::{
    CONFIG_FILE, MANIFEST_FILE, Parameters, TRAINING_FILE, WEIGHTS_FILE, save_weights,
};
use readlens_provenance::{Manifest, NewDirectory, write_json};
use readlens_tables::Writer;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

/// The checkpoint of the training that will write `output`: a directory beside it.
///
/// # Errors
/// `output` has no name, or is one that [`write_model`] would refuse after all the training.
pub(crate) fn checkpoint_for(output: &Path, manifest: &Manifest) -> Result<Checkpoint> {
    let Some(name) = output.file_name() else {
        return Err(Fault::usage(format!(
            "cannot write a model to {}: name a directory",
            output.display()
        )));
    };
    let mut name = name.to_os_string();
    name.push(".checkpoint");
    let directory: PathBuf = output.with_file_name(name);
    // What cannot be written must be said before hours of training, not after.
    for target in [output, &directory] {
        drop(NewDirectory::create(target)?);
    }
    Ok(Checkpoint::new(&directory, manifest.clone()))
}

/// Writes weights, configuration, manifest and curves as one directory, whole or not at all.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write_model(
    output: &Path,
    config: &impl Serialize,
    parameters: &Parameters,
    manifest: &Manifest,
    figures: &[Figure],
) -> Result<()> {
    let new = NewDirectory::create(output)?;
    save_weights(&new.path().join(WEIGHTS_FILE), &parameters.tensors())?;
    write_json(&new.path().join(CONFIG_FILE), config)?;
    let mut curves =
        Writer::create(&new.path().join(TRAINING_FILE), &[], manifest, &BTreeMap::new())?;
    for figure in figures {
        let split = match figure.split {
            Part::Train => Split::Train,
            Part::Valid => Split::Valid,
        };
        curves.push(&TrainingRow {
            epoch: figure.epoch,
            step: figure.step,
            split,
            rank: figure.rank.clone(),
            term: figure.term.clone(),
            value: figure.value,
        })?;
    }
    curves.finish()?;
    write_json(&new.path().join(MANIFEST_FILE), manifest)?;
    new.commit()
}
