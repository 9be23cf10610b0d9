//! Counts naive Bayes experts.
//!
//! Each expert counts the features of one channel in the windows of every taxon, and speaks by the
//! log ratios of the counts. Nothing is trained but a weight for each expert and rank, which
//! maximises the likelihood of the labels of validation windows, half of them seen through random
//! masks.

mod config;
mod options;
mod run;

pub use config::Config;
pub use options::Options;
pub use run::{Paths, run};
