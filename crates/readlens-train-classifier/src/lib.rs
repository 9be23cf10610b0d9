//! Trains the token classifier.
//!
//! The classifier is trained on masked input as well as whole: half of each batch is seen through
//! random block masks, by the same masking operation that the Explainer uses later. Without that
//! the Explainer's masks lead it where it never was.

mod config;
mod options;
mod run;
mod task;

pub use config::{Config, ModelConfig, Preset};
pub use options::Options;
pub use run::{Paths, run};
