//! Variants of tokenized windows on the same coordinates, to see whether masks are stable.
//!
//! A window is read back from its tokens, changed, and tokenized again: on the other strand, in
//! another frame, or with a share of its bases replaced. The variant has the identifier and the
//! ordinal of its window, and its coordinates say truly which bases of the source sequence its
//! tokens cover. Masks of both, on bases, can then be compared base by base.

mod config;
mod options;
mod run;
mod variant;

pub use config::{Config, Kind};
pub use options::Options;
pub use run::run;
pub use variant::vary;
