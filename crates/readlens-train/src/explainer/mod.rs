//! Trains the Explainer through the frozen classifier.
//!
//! The Explainer reads token ids and gives mask logits; the mask is multiplied into the frozen
//! classifier's embeddings. What it learns from is an [`Objective`](readlens_nn::Objective): that
//! the masked input keeps the prediction, the inverse-masked input says nothing and the mask is
//! small and smooth; or the classifier's own gradient. The label is never an input, only (by
//! choice) a target.

mod collapse;
mod config;
mod cost;
mod options;
mod price;
mod run;
mod start;
mod targets;
mod task;
mod validation;

pub use collapse::{Collapse, find_collapse};
pub use config::{Config, LearnFrom, NetworkConfig, Preset, Target};
pub use options::Options;
pub use price::{Price, Worth};
pub use run::{Paths, run};
