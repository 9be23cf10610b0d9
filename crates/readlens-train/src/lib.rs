//! The stages that make networks: the [`classifier`], the [`explainer`] through the frozen
//! classifier, the [`experts`] that are counted, and the [`combination`] of classifiers.
//!
//! The first two run the loop of `readlens-fit` and share its command-line options and the progress
//! display. All write a model directory.

pub mod classifier;
pub mod combination;
pub mod experts;
pub mod explainer;

mod directory;
mod options;
mod watcher;

use directory::{ModelOutput, frame_model_of};
use watcher::Watcher;
