//! What linear models learn from masks: from the mask alone, and from what it leaves of the
//! window.
//!
//! An attribution method may write the class into the place or the shape of its mask instead of
//! showing what was read (Jethani et al. 2021, "Have we learned to explain?"). The probe looks for
//! that: multinomial logistic regression from the mask, without the sequence, to the label. Half
//! of the records teach it and the other half judge it, both ways. Its input is the mask resampled
//! to a fixed number of bins and [`SHAPE_FEATURES`]; the figure to hold it against is the share of
//! the most frequent taxon among the same windows. A hit is suggestive and no proof: evidence that
//! always lies at one place of a gene makes honest masks tell the class too.
//!
//! Where it is asked for ([`Config::retrain`]), such models also learn from windows of which only
//! what the masks mark is kept, or all but that: see the operators `retrained_kept`,
//! `retrained_removed` and `surrogate` of the metrics table.

mod alone;
mod case;
mod config;
mod features;
mod gather;
mod masks;
mod options;
mod retrained;
mod run;
mod seen;

pub use config::{Config, Inputs};
pub use features::SHAPE_FEATURES;
pub use options::Options;
pub use run::run;
