//! What every stage with a model does first: open it and the windows that it reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use readlens_nn::{Classifier, DeviceKind, Precision, load_classifier};
use readlens_predictor::{Check, Program};
use readlens_provenance::Artefact;
use readlens_tables::KEY_SHARD;
use readlens_tables::tokens::KEY_TOKENIZATION;

use crate::model::{Answering, Model, ModelSource};
use crate::stream::{Shard, WindowStream};

/// A model and a table of the windows that it reads, which fit together.
#[derive(Debug)]
pub struct Bound<M> {
    /// The frozen classifier, or what answers in its place.
    pub model: M,
    /// All windows of the table.
    pub windows: WindowStream,
    /// Both, under the roles `tokens` and `classifier`.
    pub inputs: Vec<Artefact>,
}

impl Bound<Classifier> {
    /// Opens the tokens table and the classifier's directory.
    ///
    /// # Errors
    /// One of them cannot be read, the device cannot be had, or the table has another tokenization
    /// than the classifier.
    pub fn open(
        tokens: &Path,
        classifier: &Path,
        device: DeviceKind,
        precision: Precision,
    ) -> Result<Self> {
        let loaded =
            load_classifier(classifier, &device.open(precision)?)?.with_precision(precision);
        let windows = WindowStream::open(tokens, Shard::WHOLE)?;
        let wanted = &loaded.config().tokenization;
        check_tokenization(tokens, windows.tokenization(), classifier, wanted)?;
        let inputs =
            vec![windows.reader().artefact("tokens")?, Artefact::model("classifier", classifier)?];
        Ok(Self { model: loaded, windows, inputs })
    }
}

impl Bound<Box<dyn Model>> {
    /// Opens the tokens table, and the classifier or the program that answers for its windows.
    ///
    /// A program waits in the name of the stage: `check` says whether the user wants to stop.
    ///
    /// # Errors
    /// As [`Bound::open`]; a program cannot read windows of this tokenization, cannot be started,
    /// or does something wrong; a device or a precision is asked of it.
    pub fn ask(
        tokens: &Path,
        source: &ModelSource,
        device: DeviceKind,
        precision: Precision,
        check: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let command = match source {
            ModelSource::Directory(classifier) => {
                let Bound { model, windows, inputs } =
                    Bound::open(tokens, classifier, device, precision)?;
                return Ok(Self { model: Box::new(model), windows, inputs });
            }
            ModelSource::Program(command) => command,
        };
        for (option, is_default) in [
            ("--device", device == DeviceKind::default()),
            ("--precision", precision == Precision::default()),
        ] {
            if !is_default {
                return Err(Fault::usage(format!(
                    "{option} is about networks of readlens, and a predictor computes in its own \
                     way: leave it out"
                )));
            }
        }
        let windows = WindowStream::open(tokens, Shard::WHOLE)?;
        let check: Check = Arc::new(check);
        let program = Program::start(command, windows.tokenization(), check)?;
        let inputs = vec![windows.reader().artefact("tokens")?, program.artefact()?];
        Ok(Self { model: Box::new(Answering::new(program)), windows, inputs })
    }
}

/// Refuses a tokens table of another tokenization than that of the model at `model`.
///
/// # Errors
/// They differ.
pub fn check_tokenization(
    tokens: &Path,
    found: &Tokenization,
    model: &Path,
    wanted: &Tokenization,
) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Fault::input(tokens)
        .expected(format!("the tokenization of {}: {wanted}", model.display()))
        .found(found.to_string())
        .remedy("tokenize again as for that model, or train a model on this table")
        .into())
}

impl WindowStream {
    /// The metadata of a table that is made of these windows: how they were tokenized, and the
    /// shard.
    pub fn metadata(&self, shard: Shard) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::new();
        if let Some(text) = self.reader().metadata().get(KEY_TOKENIZATION) {
            metadata.insert(KEY_TOKENIZATION.to_owned(), text.clone());
        }
        if shard != Shard::WHOLE {
            metadata.insert(KEY_SHARD.to_owned(), shard.to_string());
        }
        metadata
    }
}
