//! What a classifier says of sequences: of each window, and of each record by all its windows.
//!
//! Every window is predicted once, whole, in chunks of the table and in its order, so memory does
//! not grow with it and shards give, merged, the very tables of an unsharded run. The windows of a
//! record are merged by the mean of their log-probabilities. Labels and splits are not needed.

mod answer;
mod bins;
mod calibration;
mod chunks;
mod config;
mod escaped;
mod kraken;
mod options;
mod outputs;
mod predictor;
mod records;
mod run;
mod saved;
mod tally;
mod text;

pub use bins::Bin;
pub use calibration::{Calibration, Figures};
pub use config::{Config, Paths};
pub use options::Options;
pub use run::run;
pub use saved::CalibrationSource;
