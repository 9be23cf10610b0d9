//! Masks for any token table, and the same on nucleotides.
//!
//! Windows are handled in chunks of the table, in its order, so memory does not grow with it and
//! shards give, merged, the very table of an unsharded run. The Explainer sees tokens and, where it
//! was trained so or asked to, the classifier's gradient.

mod asked;
mod bases;
mod config;
mod ensemble;
mod options;
mod run;

pub use asked::Target;
pub use bases::{Frames, base_values};
pub use config::{AddedGradient, Config};
pub use options::Options;
pub use run::{Paths, run};
