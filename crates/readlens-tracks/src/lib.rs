//! Stretches that masks mark, and masks as tracks of genome browsers.
//!
//! The windows of a record are merged base by base, each mask for itself. A stretch is a longest
//! run of bases whose merged mask is above a threshold. Stretches become a table, BED and GFF3;
//! merged masks become bedGraph and bigWig; sequences are written with unread bases in lower case.
//! One record is in memory at a time.

mod bigwig;
mod config;
mod escaped;
mod merged;
mod options;
mod outputs;
mod records;
mod run;
mod sequences;
mod stretch;
mod taxa;
mod text;

pub use config::{Choice, Config, Merge, Paths};
pub use options::Options;
pub use run::run;
