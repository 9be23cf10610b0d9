//! The methods: each gives scores for the windows of an [`Objective`].

mod attention_rollout;
mod gradient;
pub mod kernel_shap;
pub mod lime;
mod occlusion;
mod optimized_mask;
mod random;

use rand_chacha::ChaCha8Rng;
use readlens_fault::Result;
use readlens_nn::Explained;
use readlens_random::stream;

use crate::config::Config;
use crate::method::Method;
use crate::objective::{Masked, Objective, Scores, Window};
use crate::settings::Occlusion;

/// The scores of `method` for the windows of `objective`, before smoothing and averaging.
///
/// # Errors
/// The computation fails, or the user interrupts.
pub fn scores_of(method: Method, objective: &Objective<'_>, config: &Config) -> Result<Scores> {
    match method {
        Method::RandomTokens => Ok(random::tokens(objective, config.seed)),
        Method::RandomBlocks => Ok(random::blocks(objective, config.seed, config.area)),
        Method::GradientInput => gradient::input(objective),
        Method::IntegratedGradients(of) => gradient::integrated(objective, of.steps),
        Method::Occlusion(of) => occlusion::scores(objective, of),
        Method::LeaveOneOut => occlusion::scores(objective, Occlusion { width: 1, stride: 1 }),
        Method::AttentionRollout => attention_rollout::scores(objective),
        Method::Lime(of) => lime::scores(objective, config.seed, of),
        Method::KernelShap(of) => kernel_shap::scores(objective, config.seed, of),
        Method::OptimizedMask(of) => optimized_mask::scores(objective, of),
    }
}

/// The stream of a window's draws for a purpose.
fn stream_of(seed: u64, purpose: &str, window: &Window<'_>) -> ChaCha8Rng {
    stream(seed, &format!("{purpose}/{}", window.key))
}

/// Every token of a window under the same factor.
pub(crate) fn constant(window: usize, of: &Window<'_>, factor: f32) -> Masked {
    Masked { window, factors: vec![factor; of.real] }
}

/// Names an output in streams whose draws are to differ between ranks.
fn output_name(output: Explained) -> String {
    match output {
        Explained::AllRanks => "all".to_owned(),
        Explained::Rank(rank) => rank.to_string(),
    }
}
