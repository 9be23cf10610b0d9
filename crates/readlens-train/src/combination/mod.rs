//! Combines classifiers of the same windows into one.
//!
//! The logits of all their branches are added with a weight for each branch and rank. The weights
//! maximise the likelihood of the labels of validation windows, half of which are seen through
//! random masks, because the combination will be read through masks. Then the ranks are decoded
//! together along the tree of taxa, so that a prediction is a lineage, and a temperature for each
//! rank makes the probabilities those of being right.

mod config;
mod fitting;
mod options;
mod run;
mod tree;

pub use config::Config;
pub(crate) use fitting::{Labelled, accuracies};
pub use options::Options;
pub(crate) use run::set_weights;
pub use run::{Paths, run};
