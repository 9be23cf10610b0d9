//! How far masks of the same windows agree, base by base.
//!
//! A reference is compared with other tables of masks on bases: of other seeds, of windows that
//! were read otherwise, of a classifier that was randomised or trained on permuted labels. Masks
//! are joined by record and window and compared on the bases of the source sequence that both
//! cover, so strand and frame do not matter. Masks on tokens are laid on the bases of their tokens.
//! Every figure is a mean over windows with a 95 % bootstrap interval over records. Tables are
//! streamed.

mod bases;
mod config;
mod counts;
mod join;
mod key;
mod on_bases;
mod options;
mod run;
mod similarity;
mod window;

pub use config::{Config, Inputs, Other};
pub use options::Options;
pub use run::run;
