//! Linear classifiers of non-negative features: [`LogisticRegression`] and [`NaiveBayes`].
//!
//! Pure: no files, no tables. Features are written anew whenever an example is looked at
//! ([`Examples`]), so a set of examples takes the memory of what they are computed from, and a
//! mini-batch is dense for the matrix products however sparse its rows are. Work is cut by class
//! and by example, never summed across threads: the number of threads changes no bit.
//!
//! ```
//! use readlens_linear::{Examples, NaiveBayes};
//!
//! struct Counts([([f32; 2], u32); 3]);
//!
//! impl Examples for Counts {
//!     fn count(&self) -> usize {
//!         self.0.len()
//!     }
//!     fn features(&self) -> usize {
//!         2
//!     }
//!     fn write(&self, example: usize, features: &mut [f32]) {
//!         features.copy_from_slice(&self.0[example].0);
//!     }
//!     fn class(&self, example: usize) -> u32 {
//!         self.0[example].1
//!     }
//! }
//!
//! let counts = Counts([([3.0, 0.0], 0), ([2.0, 1.0], 0), ([0.0, 4.0], 1)]);
//! let model = NaiveBayes::fit(&counts, 2, 1.0);
//! assert_eq!(model.predict(&counts), [0, 0, 1]);
//! ```

mod affine;
mod blocks;
mod dense;
mod examples;
mod fitting;
mod logistic;
mod mixture;
mod naive_bayes;
mod ratios;

pub use examples::Examples;
pub use fitting::{Fitted, Fitting};
pub use logistic::LogisticRegression;
pub use mixture::Scores;
pub use naive_bayes::NaiveBayes;
pub use ratios::{FeatureWindows, LogRatios, TooManyEntries};

/// Name of the instruction set that the kernels compute with.
pub fn kernels() -> String {
    readlens_kernels::Level::current().to_string()
}
