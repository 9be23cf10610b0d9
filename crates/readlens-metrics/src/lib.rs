//! Metrics: means with 95 % bootstrap intervals over records, for rows that stream past once.
//!
//! A [`Bootstrap`] gives every record its weights, a [`Panel`] sums the windows of all records
//! under them, and a [`Figure`] is what comes out. A [`Ledger`] keeps the panels of a whole table,
//! and [`About`] makes the rows of the metrics table. Memory depends on the number of figures.
//!
//! ```
//! use readlens_metrics::{Bootstrap, Formula, Observation, Panel};
//!
//! let bootstrap = Bootstrap::new(1, 1000);
//! let mut panel = Panel::new(1, bootstrap.replicates());
//! for (ordinal, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
//!     let is_right = f64::from(u8::from(id != "d"));
//!     panel.add(&Observation::new(ordinal as u64, 1.0, &[is_right]), &bootstrap.weights(id));
//! }
//! let accuracy = panel.figure(Formula::Mean(0));
//! assert_eq!((accuracy.value, accuracy.windows), (0.75, 4));
//! assert!(accuracy.interval.is_some_and(|(low, high)| low < 0.75 && 0.75 < high));
//! ```

mod about;
mod bootstrap;
mod formula;
mod ledger;
mod names;
mod panel;

pub use about::About;
pub use bootstrap::{Bootstrap, check_replicates};
pub use formula::Formula;
pub use ledger::{Ledger, Subject, TooMany};
pub use names::Names;
pub use panel::{Figure, MAX_VALUES, Observation, Panel};
