//! The classifier's predictions under every mask, control and operator.
//!
//! This stage computes predictions and no metric; `readlens-evaluate` computes metrics and needs
//! no network. Any attribution method's masks are perturbed alike.

mod config;
mod donors;
mod graded;
mod join;
mod operators;
mod options;
mod passes;
mod predictor;
mod removal;
mod run;
mod selection;
mod shuffle;

pub use config::{Config, Paths};
pub use graded::{LEVELS, SHARES};
pub use operators::{OF_OWN_MASK, factors, random_segments};
pub use options::Options;
pub use run::run;
