//! How right a classifier is: by length, under random masks, branch by branch.
//!
//! A classifier that is to be explained must answer masked input as well as whole input, so the
//! labelled windows of a split are predicted whole, and a sample of them through masks that know
//! nothing: one level for all tokens, a block at a random place, random tokens, and nothing at all.
//! Each branch also answers alone, without joint decoding. A table of confusions says what the
//! windows of each taxon are taken for.

mod config;
mod confusion;
mod figures;
mod inputs;
mod options;
mod run;

pub use config::Config;
pub use options::Options;
pub use run::{Paths, run};
