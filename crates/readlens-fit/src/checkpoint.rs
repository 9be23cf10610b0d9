use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use readlens_fault::{Fault, Place, Result};
use readlens_nn::{Parameters, read_tensors, save_weights};
use readlens_provenance::{
    DirectoryKind, Manifest, NewDirectory, NewFile, read_json, remove_directory, write_json,
};
use serde::{Deserialize, Serialize};

use crate::adagrad::Adagrad;
use crate::adamw::AdamW;
use crate::task::Figure;

const MANIFEST: &str = "manifest.json";
const STATE: &str = "state.json";
const TENSORS: &str = "state.safetensors";
const FIGURES: &str = "figures.json";

/// The directory of a checkpoint.
pub const CHECKPOINT: DirectoryKind = DirectoryKind {
    name: "checkpoint",
    stages: &["train-classifier", "train-explainer"],
    files: &[STATE, TENSORS, FIGURES],
    is_temporary: true,
};

/// Where a training keeps what it needs to go on, and what identifies the training.
///
/// The directory is written whole after every epoch and on an interrupt; it is removed by
/// [`Checkpoint::remove`] when the result is safe.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    directory: PathBuf,
    identity: Manifest,
}

/// How far a training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Passes that the training was planned with.
    pub(crate) epochs: u32,
    /// Steps done.
    pub(crate) step: u32,
    /// Best score and its epoch.
    pub(crate) best: Option<(f64, u32)>,
    /// Sums of the current epoch's loss terms and the batches they are over.
    pub(crate) running: Vec<(String, f64)>,
    pub(crate) batches: u32,
    /// All figures so far; in a file of their own, which grows with the steps.
    #[serde(skip)]
    pub(crate) figures: Vec<Figure>,
}

/// Passes that the training of the checkpoint in `directory` was planned with, if there is one.
pub(crate) fn planned_epochs(directory: &Path) -> Result<Option<u32>> {
    if !directory.join(MANIFEST).is_file() {
        return Ok(None);
    }
    Ok(Some(read_json::<State>(&directory.join(STATE))?.epochs))
}

impl Checkpoint {
    /// A checkpoint in `directory` for the training that `identity` describes.
    pub fn new(directory: &Path, identity: Manifest) -> Self {
        Self { directory: directory.to_path_buf(), identity }
    }

    /// The checkpoint's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Removes the checkpoint, if there is one.
    ///
    /// # Errors
    /// The directory cannot be removed, or something else lies in it.
    pub fn remove(&self) -> Result<()> {
        remove_directory(&self.directory, &CHECKPOINT)
    }

    pub(crate) fn save(
        &self,
        state: &State,
        parameters: &Parameters,
        best: &HashMap<String, Tensor>,
        adamw: &AdamW,
        adagrad: &Adagrad,
    ) -> Result<()> {
        let new = NewDirectory::create(&self.directory, CHECKPOINT)?;
        let failed = |e| Fault::failed("writing a checkpoint", e);
        let mut tensors = adamw.tensors(parameters).map_err(failed)?;
        tensors.extend(adagrad.tensors(parameters).map_err(failed)?);
        tensors.extend(parameters.tensors().into_iter().map(|(n, t)| (format!("current/{n}"), t)));
        tensors.extend(best.iter().map(|(n, t)| (format!("best/{n}"), t.clone())));
        save_weights(&new.path().join(TENSORS), &tensors)?;
        write_json(&new.path().join(STATE), state)?;
        let mut figures = NewFile::create(&new.path().join(FIGURES))?;
        // Without the indentation of other JSON: it grows with every step.
        serde_json::to_writer(&mut figures, &state.figures)
            .map_err(|e| Fault::io("write", figures.target(), e.into()))?;
        figures.commit()?;
        write_json(&new.path().join(MANIFEST), &self.identity)?;
        new.commit()
    }

    /// Restores the training, if there is one to go on with.
    pub(crate) fn restore(
        &self,
        parameters: &Parameters,
        adamw: &mut AdamW,
        adagrad: &mut Adagrad,
    ) -> Result<Option<(State, HashMap<String, Tensor>)>> {
        let manifest_file = self.directory.join(MANIFEST);
        if !manifest_file.is_file() {
            return Ok(None);
        }
        let found: Manifest = read_json(&manifest_file)?;
        let remove = || format!("remove {} to start afresh", self.directory.display());
        if !found.is_same_work(&self.identity) {
            return Err(Fault::input(&manifest_file)
                .expected("a checkpoint of this training")
                .found("another configuration, seed, version or input")
                .remedy(format!("repeat the options of the stopped training, or {}", remove()))
                .into());
        }
        let mut state: State = read_json(&self.directory.join(STATE))?;
        let file = self.directory.join(FIGURES);
        let text = std::fs::read(&file).map_err(|e| Fault::io("read", &file, e))?;
        state.figures = serde_json::from_slice(&text).map_err(|e| {
            Fault::input(&file).expected("the figures of the checkpoint").found(e).remedy(remove())
        })?;
        let file = self.directory.join(TENSORS);
        let mut current = HashMap::new();
        let mut best = HashMap::new();
        let mut rest = HashMap::new();
        for (name, tensor) in read_tensors(&file)? {
            match name.split_once('/') {
                Some(("current", name)) => current.insert(name.to_owned(), tensor),
                Some(("best", name)) => best.insert(name.to_owned(), tensor),
                _ => rest.insert(name, tensor),
            };
        }
        let is_restored = parameters.set(&current).is_ok()
            && adamw.restore(parameters, &rest)
            && adagrad.restore(parameters, &rest);
        if !is_restored {
            return Err(Fault::input(&file)
                .at(Place::Part("tensors".to_owned()))
                .expected("the tensors of this network and its optimiser")
                .found("some missing or of another shape")
                .remedy(remove())
                .into());
        }
        Ok(Some((state, best)))
    }
}
