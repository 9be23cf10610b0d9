//! Metrics with intervals from predictions and masks.
//!
//! Reads the tables that the networks left behind and computes with no network: how often the
//! classifier is right under every operator, how far it follows the masks, what these look like
//! and, where the truth is known, whether they lie on it. [`readlens_tables::vocabulary::Metric`]
//! defines every metric. Every figure is a mean over windows with a 95 % bootstrap interval over
//! records. Tables are streamed; memory depends on the number of figures, not of rows.

mod check;
mod collapse;
mod config;
mod cursor;
mod document;
mod faithfulness;
mod key;
mod kind;
mod ledger;
mod lineage;
mod localisation;
mod majority;
mod masks;
mod options;
mod paper;
mod predictions;
mod rank_correlation;
mod run;
mod shape;
mod truth;

pub use check::{Check, Checks, Finding, Verdict, check, verdicts};
pub use config::{Config, Inputs, Outputs, TruthNames};
pub use options::Options;
pub use paper::paper_table;
pub use run::{Evaluated, run};
