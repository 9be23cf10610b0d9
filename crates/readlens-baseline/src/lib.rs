//! What k-mers alone tell about the taxon: figures to hold a classifier against.
//!
//! Counts of canonical k-mers (a k-mer and its reverse complement are one feature) in each window
//! go into two linear classifiers per rank: multinomial logistic regression and multinomial naive
//! Bayes. They learn from the split train, the regression stops at its best accuracy on valid, and
//! both are judged on test, where a label that was never learned counts as wrong. A classifier that
//! does not beat them has not been shown to read more than composition.
//!
//! Long k-mers vote beside them, as in Kraken: a classifier that does not beat this has not been
//! shown to know sequences that it has not seen in training. Ranks go from the highest down.

mod config;
mod kmers;
mod labels;
mod options;
mod run;
mod scores;
mod voting;
mod windows;

pub use config::Config;
pub use options::Options;
pub use run::run;
