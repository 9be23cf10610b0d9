//! Replaces the top of a classifier by fresh weights.
//!
//! The model randomisation test of Adebayo et al. 2018, "Sanity checks for saliency maps", section
//! 3.1: weights are randomised in a cascade from the top of the network to its bottom, and an
//! explanation that stays the same did not come from what the classifier has learned. Each step is
//! a classifier directory like any other, so every stage can read it.

mod options;
mod parts;
mod run;

pub use options::Options;
pub use parts::{Part, parts_of};
pub use run::{Amount, Paths, run};
