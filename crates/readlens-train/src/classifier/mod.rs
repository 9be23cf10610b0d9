//! Trains the token classifier.
//!
//! The classifier is trained on masked input as well as whole: half of each batch is seen through
//! random block masks, by the same masking operation that the Explainer uses later. Without that
//! the Explainer's masks lead it where it never was.
//!
//! Two further classifiers serve as sanity checks. The **independent judge** in the style of EVAL-X
//! (Jethani et al. 2021, "Have we learned to explain?: How interpretability methods can learn to
//! encode predictions in their interpretations") sees every window through a mask of independent
//! tokens and never one of the Explainer's, so masks that encode the class mislead it. The
//! published judge draws each token with probability 1/2; on long windows its masks then all keep
//! about half, and a patch of several tokens is hardly ever hidden as a whole, so that an
//! Explainer's small masks are strange to it. A probability drawn uniformly for each window covers
//! all areas. The **label-permuted** classifier is trained on labels dealt out at random among
//! records (Adebayo et al. 2018): what explains it cannot be about the taxa.

mod config;
mod curve;
mod options;
mod run;
mod task;

pub(crate) use config::mask_unit;
pub use config::{Config, ModelConfig, Preset, Training, TransformerModel};
pub use options::Options;
pub use run::{Paths, run};
