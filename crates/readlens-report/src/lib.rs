//! One offline HTML file a person looks at: the result, its controls, and the sequences with
//! their mask as colour on the bases.
//!
//! [`run`] reads every table as a stream, twice at most: once for the figures and the choice of
//! sequences, once for the rows of the chosen ones. What stays in memory is 16 bytes per window,
//! the counts and the chosen sequences. The page loads nothing from anywhere and works without
//! its script. Every string that came from an input passes the templates' escaping.

mod assemble;
mod checks;
mod choice;
mod config;
mod costs;
mod curves;
mod enrichment;
mod evidence;
mod figures;
mod gallery;
mod headline;
mod methods;
mod operators;
mod options;
mod page;
mod provenance;
mod run;
mod sequence;
mod shape;
mod survey;
mod tally;
mod text;
mod view;
mod windows;

pub use config::{Config, Inputs};
pub use options::Options;
pub use run::run;
