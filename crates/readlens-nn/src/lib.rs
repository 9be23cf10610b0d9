//! Encoder, classifier, Explainer, masking and losses.
//!
//! Tensors are `(batch, tokens, …)`. Nothing here knows Arrow, FASTA or the command line, and
//! every operation has a gradient: candle's own `LayerNorm`, `softmax_last_dim` and attention
//! stop gradients silently, so [`ops`] composes them from operations that do not.

pub mod classifier;
pub mod explainer;
pub mod losses;
pub mod masking;
pub mod ops;
pub mod random;

mod batch;
mod encoder;
mod model_directory;
mod weights;

pub use batch::TokenBatch;
pub use classifier::{Classifier, ClassifierConfig, Pooling, RankClasses};
pub use encoder::{Encoder, EncoderConfig, NormPlace};
pub use explainer::{Explainer, ExplainerConfig, ExplainerNetwork};
pub use masking::MaskSite;
pub use model_directory::{
    CONFIG_FILE, MANIFEST_FILE, TRAINING_FILE, WEIGHTS_FILE, read_model, read_tensors,
    save_weights, weights_digest,
};
pub use weights::{Initial, Parameters, WeightSource};

/// Token id of padding.
pub const PAD: u32 = 0;
/// Token id of a k-mer with an ambiguous letter.
pub const UNK: u32 = 1;
/// Token id that opens a row and is never masked.
pub const CLS: u32 = 2;
/// First token id that stands for a k-mer; the ones below are special.
pub const FIRST_KMER: u32 = 5;
