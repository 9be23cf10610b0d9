//! Trains the Explainer through the frozen classifier.
//!
//! The Explainer reads token ids and gives mask logits; the mask is multiplied into the frozen
//! classifier's embeddings, and the loss asks that the masked input keeps the prediction, that the
//! inverse-masked input says nothing, and that the mask is small and smooth. The label is never
//! an input, only (by choice) a target.

mod collapse;
mod config;
mod objective;
mod options;
mod run;
mod task;
mod validation;

pub use collapse::{Collapse, find_collapse};
pub use config::{Config, HardMask, LossWeights, NetworkConfig, Preset, Target};
pub use options::Options;
pub use run::{Paths, run};
