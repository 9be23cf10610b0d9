//! Masks by the attribution methods that the Explainer is compared with.
//!
//! Every method gives each real token a signed score, the evidence for what the classifier
//! predicts; the mask and the hard mask are made from the scores alike for all. What is explained
//! is `F(m)`, the log-probability of the predicted taxon under the mask `m` (see
//! [`Classifier::forward`](readlens_nn::Classifier::forward)), summed over the ranks or for each
//! rank: hidden tokens look as they look everywhere else in readlens.

mod chosen;
mod config;
mod method;
mod methods;
mod objective;
mod options;
mod run;
mod scores;
mod segments;
mod settings;
mod solve;

pub use config::Config;
pub use method::Method;
pub use methods::{kernel_shap, lime, scores_of};
pub use objective::{Masked, Objective, Scores, Window};
pub use options::Options;
pub use run::{Paths, run};
pub use segments::Segments;
pub use settings::{IntegratedGradients, KernelShap, Lime, Occlusion, OptimizedMask};
