use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use readlens_fault::{Fault, Result};
use readlens_fit::{CHECKPOINT, Checkpoint, Figure, Split as Part};
use readlens_kmer::Tokenization;
use readlens_nn::{
    CONFIG_FILE, FRAME_FILE, MANIFEST_FILE, TRAINING_FILE, WEIGHTS_FILE, save_weights,
};
use readlens_provenance::{
    DirectoryKind, Manifest, NewDirectory, OutputLock, check_directory, write_json,
};
use readlens_tables::tokens::{KEY_FRAME_MODEL, TokenRow};
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::Split;
use readlens_tables::{Reader, Writer};
use serde::Serialize;

/// The directory that a training writes and its checkpoint beside it, which no other training
/// writes meanwhile.
#[derive(Debug)]
pub(crate) struct ModelOutput<'a> {
    directory: &'a Path,
    /// Where a training keeps what it needs to go on; none where nothing is trained.
    checkpoint: Option<PathBuf>,
    kind: DirectoryKind,
    _lock: OutputLock,
}

impl<'a> ModelOutput<'a> {
    /// Makes sure that `directory` can be written in the end: what cannot be written must be said
    /// before hours of training, not after.
    ///
    /// # Errors
    /// `directory` or its checkpoint cannot be an output, overwrites one of `inputs`, or is written
    /// by another training.
    pub(crate) fn claim(
        directory: &'a Path,
        kind: DirectoryKind,
        inputs: &[&PathBuf],
    ) -> Result<Self> {
        let mut claimed = Self::claim_at_once(directory, kind, inputs)?;
        let mut name = directory.file_name().unwrap_or_default().to_os_string();
        name.push(".checkpoint");
        let checkpoint = directory.with_file_name(name);
        check_directory(&checkpoint, &CHECKPOINT, inputs)?;
        drop(NewDirectory::create(&checkpoint, CHECKPOINT)?);
        claimed.checkpoint = Some(checkpoint);
        Ok(claimed)
    }

    /// [`ModelOutput::claim`] of a stage that makes its model at once and has no checkpoint: that
    /// of another training stays where it is.
    ///
    /// # Errors
    /// As [`ModelOutput::claim`].
    pub(crate) fn claim_at_once(
        directory: &'a Path,
        kind: DirectoryKind,
        inputs: &[&PathBuf],
    ) -> Result<Self> {
        check_directory(directory, &kind, inputs)?;
        let lock = OutputLock::take(directory)?;
        // Whether the disk takes it, too.
        drop(NewDirectory::create(directory, kind)?);
        Ok(Self { directory, checkpoint: None, kind, _lock: lock })
    }

    /// The checkpoint of the training that `identity` describes.
    ///
    /// # Errors
    /// The stage has none.
    pub(crate) fn checkpoint(&self, identity: &Manifest) -> Result<Checkpoint> {
        Ok(Checkpoint::new(self.checkpoint_directory()?, identity.clone()))
    }

    /// Where the checkpoint is, or would be.
    ///
    /// # Errors
    /// The stage has none.
    pub(crate) fn checkpoint_directory(&self) -> Result<&Path> {
        let checkpoint = self.checkpoint.as_deref();
        checkpoint.ok_or_else(|| Fault::usage("this stage has no checkpoint"))
    }

    /// Writes weights, configuration, manifest, curves and the model of reading frames, if there is
    /// one, as one directory, whole or not at all. Then the checkpoint is removed.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn write(
        &self,
        config: &impl Serialize,
        tensors: &HashMap<String, Tensor>,
        manifest: &Manifest,
        figures: &[Figure],
        frame_model: Option<&str>,
    ) -> Result<()> {
        let new = NewDirectory::create(self.directory, self.kind)?;
        save_weights(&new.path().join(WEIGHTS_FILE), tensors)?;
        write_json(&new.path().join(CONFIG_FILE), config)?;
        write_curves(&new.path().join(TRAINING_FILE), manifest, figures)?;
        if let Some(model) = frame_model {
            let path = new.path().join(FRAME_FILE);
            std::fs::write(&path, model).map_err(|e| Fault::io("write", &path, e))?;
        }
        write_json(&new.path().join(MANIFEST_FILE), manifest)?;
        new.commit()?;
        if self.checkpoint.is_some()
            && let Err(fault) = self.checkpoint(manifest)?.remove()
        {
            // The model is safe, and the next training looks at what is left.
            tracing::warn!("{fault}");
        }
        Ok(())
    }
}

/// The model of reading frames that a table of oriented windows keeps; a table that has lost it is
/// warned of.
pub(crate) fn frame_model_of(
    tokens: &Reader<TokenRow>,
    tokenization: &Tokenization,
    path: &Path,
) -> Option<String> {
    let model = tokens.metadata().get(KEY_FRAME_MODEL).cloned();
    if tokenization.orientation.is_some() && model.is_none() {
        tracing::warn!(
            "{} has lost the model of its reading frames, so the classifier gets none; new reads \
             need the file of --save-orient-model",
            path.display()
        );
    }
    model
}

fn write_curves(target: &Path, manifest: &Manifest, figures: &[Figure]) -> Result<()> {
    let mut curves = Writer::create(target, &[], manifest, &BTreeMap::new())?;
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
    curves.finish()
}
