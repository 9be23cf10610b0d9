//! The classifier's predictions under every mask, control and operator.
//!
//! This stage computes predictions and no metric; `readlens-evaluate` computes metrics and needs
//! no network. Any attribution method's masks are perturbed alike.

mod join;
mod operators;
mod options;
mod run;

pub use operators::{Operator, random_segments};
pub use options::Options;
pub use run::{Config, Paths, run};
