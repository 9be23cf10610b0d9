//! What the two training stages share: options, progress, curves and the model directory.

mod directory;
mod options;
mod watcher;

pub use directory::{checkpoint_for, write_model};
pub use options::{AugmentationOptions, FitOptions};
pub use watcher::Watcher;
