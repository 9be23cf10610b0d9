//! One offline HTML file a person looks at: the result, its controls, and the sequences with
//! their mask as colour on the bases.
//!
//! [`run`] reads every table as a stream, at most twice: once for the figures and the choice of
//! sequences, once for the rows of the chosen ones. What stays in memory is 16 bytes per window,
//! the counts and the chosen sequences. The page loads nothing from anywhere and works without
//! its script. Every string that came from an input passes the templates' escaping.
//!
//! With [`Pages::browse`] a second page is written, whose script looks up any window in the tables
//! that lie beside it.
//!
//! Every operator has words on the page:
//!
//! ```
//! use readlens_report::{Family, words};
//! use readlens_tables::vocabulary::Operator;
//!
//! let hard = words(Operator::HardMasked);
//! assert_eq!((hard.title, hard.family), ("Hard masked", Some(Family::Keep)));
//! assert!(hard.reading.starts_with("Each base is either fully shown or fully hidden."));
//! ```

mod answers;
mod assemble;
mod assessment;
mod browse;
mod checks;
mod choice;
mod classifier;
mod config;
mod confusion;
mod content_policy;
mod costs;
mod enrichment;
mod evidence;
mod gallery;
mod headline;
mod judgement;
mod methods;
mod metrics_table;
mod operators;
mod options;
mod page;
mod predictions;
mod provenance;
mod run;
mod sequence;
mod shape;
mod survey;
mod tally;
mod text;
mod training_curves;
mod treatment;
mod view;
mod windows;

pub use config::{Config, Inputs, Pages};
pub use operators::{Family, Words, removal_words, words};
pub use options::Options;
pub use run::run;
