//! Planted-motif sequences and chimeras with known answers.
//!
//! Taxa form a hierarchy: every taxon of a rank has one parent in the rank above. Every taxon has
//! a random motif of its own. A record of a genus carries, on random bases, one copy of the motif
//! of each of its taxa, one per rank, at random places that do not overlap. A motif of a rank
//! names the taxon of that rank and, through the hierarchy, those above it; it says nothing about
//! the ranks below. So the genus motif is all the evidence there is for the genus, while the
//! phylum may be read from the phylum motif or from the genus motif. The truth lists all of them.
//!
//! A chimera joins two halves from taxa that differ at every rank (where the hierarchy allows);
//! it is labelled as its first taxon, and the truth says which half comes from which.

mod background;
mod config;
mod hierarchy;
mod motifs;
mod options;
mod output;
mod record;

pub use config::{Config, RankSize};
pub use options::Options;
pub use output::run;
