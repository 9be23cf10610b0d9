//! Means with 95 % bootstrap intervals over records, for rows that stream past once.
//!
//! A [`Bootstrap`] gives every record its weights, a [`Panel`] sums the windows of all records
//! under them, and a [`Figure`] is what comes out. Memory depends on the number of figures.

mod bootstrap;
mod formula;
mod names;
mod panel;
mod split;

pub use bootstrap::Bootstrap;
pub use formula::Formula;
pub use names::Names;
pub use panel::{Figure, MAX_VALUES, Observation, Panel};
pub use split::Split;
