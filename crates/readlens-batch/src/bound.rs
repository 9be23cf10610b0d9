//! What every stage with a network does first: open a classifier and the windows that it reads.

use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use readlens_nn::{Classifier, DeviceKind, Precision, load_classifier};
use readlens_provenance::Artefact;
use readlens_tables::KEY_SHARD;
use readlens_tables::tokens::KEY_TOKENIZATION;

use crate::stream::{Shard, WindowStream};

/// A classifier and a table of the windows that it reads, which fit together.
#[derive(Debug)]
pub struct Bound {
    /// The frozen classifier.
    pub classifier: Classifier,
    /// All windows of the table.
    pub windows: WindowStream,
    /// Both, under the roles `tokens` and `classifier`.
    pub inputs: Vec<Artefact>,
}

impl Bound {
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
        Ok(Self { classifier: loaded, windows, inputs })
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
