//! The methods: each gives scores for the windows of an [`Objective`].

mod attention_rollout;
mod class_query;
mod gradient;
pub mod kernel_shap;
pub mod lime;
mod occlusion;
mod optimized_mask;
mod random;

use std::ops::Range;

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
        Method::PathContribution => gradient::path_contributions(objective),
        Method::ClassQuery => class_query::scores(objective),
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

/// z-scores; zeros where all values are alike.
fn standardized(values: &[f64]) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
    values.iter().map(|value| (value - mean) * scale).collect()
}

/// The mean of the z-scores of the ranks that an output is about; `by_rank`: `[rank][token]`.
fn joined(by_rank: &[Vec<f64>], ranks: Range<usize>) -> Vec<f64> {
    let mut sum = vec![0.0; by_rank.first().map_or(0, Vec::len)];
    for rank in ranks.clone() {
        for (sum, score) in sum.iter_mut().zip(standardized(&by_rank[rank])) {
            *sum += score / ranks.len() as f64;
        }
    }
    sum
}

/// Names an output in streams whose draws are to differ between ranks.
fn output_name(output: Explained) -> String {
    match output {
        Explained::AllRanks => "all".to_owned(),
        Explained::Rank(rank) => rank.to_string(),
    }
}
