//! The two training stages: the [`classifier`], and the [`explainer`] through the frozen
//! classifier.
//!
//! Both run the loop of `readlens-fit` and share its command-line options, the progress display and
//! the model directory that they write.

pub mod classifier;
pub mod explainer;

mod directory;
mod options;
mod watcher;

use directory::ModelOutput;
use watcher::Watcher;
