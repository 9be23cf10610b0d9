use std::num::NonZeroUsize;
use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use serde::Deserialize;

/// What the driver asks for: the first line of standard input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// Worker threads.
    pub(crate) threads: NonZeroUsize,
    /// Precision of the passes that train nothing.
    pub(crate) precision: Precision,
    /// Repetitions before `ready`.
    pub(crate) warm_up: NonZeroUsize,
    /// What one repetition does.
    pub(crate) work: Work,
}

/// What one repetition does.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Work {
    /// Not measured: writes the networks that every contender loads.
    Models { directory: PathBuf, seed: u64, shape: Shape },
    /// One optimiser step of the classifier: forward, backward, clipping, AdamW.
    ClassifierStep { examples: Examples, shards: NonZeroUsize },
    /// Loss of the frozen classifier and its gradient to the mask alone.
    FrozenStep { examples: Examples, shards: NonZeroUsize },
    /// One optimiser step of an Explainer: masked and inverse-masked pass of the frozen classifier.
    ExplainerStep { examples: Examples, shards: NonZeroUsize, explainer: ExplainerKind },
    /// Predictions of the classifier.
    Forward { examples: Examples },
    /// Mask logits of an Explainer.
    MaskInference { examples: Examples, explainer: ExplainerKind },
    /// Reading the sequences of a FASTA file: what tokenization cannot be faster than.
    Parse { sequences: PathBuf },
}

/// Which of the two Explainers of a models directory.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExplainerKind {
    /// The paper's: of the classifier's own shape.
    Transformer,
    /// The default of `train-explainer`.
    Convolutional,
}

/// The tokens a repetition works on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Examples {
    /// Directory that [`Work::Models`] wrote.
    pub(crate) models: PathBuf,
    /// Token ids, u32 little-endian, rows of the classifier's `max_tokens` one after the other.
    pub(crate) ids: PathBuf,
    /// Classes, u32 little-endian, one per rank and row.
    pub(crate) labels: PathBuf,
    /// Rows of a repetition: the first ones of both files.
    pub(crate) rows: NonZeroUsize,
}

/// Shape of the classifier and of the transformer Explainer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    pub(crate) k: u32,
    pub(crate) tokens: usize,
    pub(crate) dim: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) feed_forward: usize,
    /// Number of taxa per rank.
    pub(crate) taxa: Vec<usize>,
}

impl Job {
    /// The job on standard input.
    pub(crate) fn read() -> Result<Self> {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(|e| Fault::io("read", "-", e))?;
        serde_json::from_str(&line).map_err(|e| Fault::usage(format!("not a job: {e}")))
    }
}
