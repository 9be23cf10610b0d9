//! Tiny token tables and models for tests; the tests of the whole live in `tests/tests`.
//!
//! Everything here panics at the first surprise, as a test does, and is the same each time.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod genes;
mod models;
mod tables;

pub use genes::write_genes;
pub use models::{
    classifier_shape, convolutional, explainer_shape, transformer, write_classifier,
    write_explainer, write_model_with,
};
pub use tables::{
    RANKS, TAXA, read_rows, rows, tokenization, tokenization_metadata, write_masks, write_rows,
    write_tokens,
};
