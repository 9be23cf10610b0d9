//! What the two training stages share: progress, curves and the model directory.

mod directory;
mod watcher;

pub use directory::{checkpoint_for, write_model};
pub use watcher::Watcher;
