//! Encoder, classifier, Explainer, masking, losses and objectives.
//!
//! Tensors are `(batch, tokens, …)`. Nothing here knows Arrow or FASTA; of the command line, only
//! faults know the names of options, for their remedies.
//!
//! Networks compute in one of two ways, which a [`Pass`] chooses: in f32 on the CPU by the fused
//! kernels of `readlens-kernels`, otherwise by [`ops`], composed of candle's operations. candle's
//! own `LayerNorm`, `softmax_last_dim` and attention stop gradients silently, so [`ops`] composes
//! them from operations that do not.
//!
//! ```
//! use readlens_nn::{Selection, masking::select};
//!
//! // Half of the tokens are read: those with the largest logits.
//! let (mask, hard) = select(&[2.0, -1.0, 0.5, -3.0], Selection::Share { share: 0.5 });
//! assert_eq!(hard, [true, false, true, false]);
//! assert!(mask.iter().zip(&hard).all(|(value, is_read)| (*value >= 0.5) == *is_read));
//! ```

pub mod classifier;
pub mod explainer;
pub mod losses;
pub mod masking;
pub mod objective;
pub mod ops;
pub mod scores;

mod bag;
mod batch;
mod device;
mod dropout;
mod encoder;
mod evidence;
mod explained;
mod fused;
mod fused_counts;
mod fused_linear;
mod fused_ratios;
mod fused_tables;
mod gradients;
mod mask_gradient;
mod model_directory;
mod pass;
mod selection;
mod targets;
mod weights;

pub use bag::BagConfig;
pub use batch::{TokenBatch, WindowTokens};
pub use classifier::{
    BranchConfig, ChannelBagConfig, Classifier, ClassifierConfig, CompositionConfig, ExpertChannel,
    ExpertsConfig, LineageDecoding, NetworkConfig, RankClasses, Transformer, TransformerConfig,
    frequency_biases,
};
pub use device::DeviceKind;
pub use dropout::Dropout;
pub use encoder::{
    Architecture, Encoded, Encoder, EncoderConfig, FeedForward, MAX_TOKENS, Pooling, Positions,
};
pub use evidence::{Evidence, EvidenceShape};
pub use explained::{ALL_RANKS, Explained};
pub use explainer::{
    Explainer, ExplainerConfig, ExplainerNetwork, GradientUse, Hints, QueryConfig, query_start,
};
pub use gradients::{GradientLayout, RowGradient, WeightGradients};
pub use mask_gradient::{mask_gradient, predicted_mask_gradient};
pub use model_directory::{
    CLASSIFIER, CONFIG_FILE, EXPLAINER, FRAME_FILE, MANIFEST_FILE, TRAINING_FILE, WEIGHTS_FILE,
    load_classifier, load_explainer, read_model, read_tensors, save_weights, weights_digest,
};
pub use objective::{Loss, Objective};
pub use pass::Pass;
pub use readlens_kernels::{MaskSite, NormPlace, Precision};
pub use selection::Selection;
pub use targets::Targets;
pub use weights::{Initial, Parameters, WeightSource};
