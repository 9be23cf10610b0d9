//! Gradients to the mask.
//!
//! Under the mask `m` a token's embedding is `m E`, or `m E + (1 - m) Ē`, so the gradient to `m` at
//! the whole input is gradient × (input − baseline), summed over the embedding.

use readlens_fault::Result;
use readlens_nn::Explained;

use super::{constant, joined};
use crate::objective::{Masked, Objective, Scores};

/// The gradient at the whole input (Shrikumar et al. 2016).
pub(super) fn input(objective: &Objective<'_>) -> Result<Scores> {
    path(objective, &[1.0])
}

/// The mean of the gradient at `steps` midpoints of the path from the hidden to the whole input
/// (Sundararajan et al. 2017, eq. 1): the scores add up to `F(1) − F(0)`, as far as the points
/// tell.
pub(super) fn integrated(objective: &Objective<'_>, steps: usize) -> Result<Scores> {
    let alphas: Vec<f32> = (0..steps).map(|k| ((k as f64 + 0.5) / steps as f64) as f32).collect();
    path(objective, &alphas)
}

/// Uniform masks of the path contributions: where little is seen, and where all is.
const CONTRIBUTED: [f32; 2] = [0.15, 1.0];

/// z-scores of the gradients at two uniform masks, of every rank for itself, added up.
///
/// A bag is linear in the mask before its heads, so the gradient at a uniform mask is what each
/// token contributes along that path. Redundant tokens have none of it where all is seen, and
/// saturated heads have none; where little is seen both speak.
pub(super) fn path_contributions(objective: &Objective<'_>) -> Result<Scores> {
    let mut scores = Vec::with_capacity(objective.windows().len());
    for block in objective.blocks(|_| CONTRIBUTED.len()) {
        let windows = &objective.windows()[block.clone()];
        let masks: Vec<Masked> = block
            .zip(windows)
            .flat_map(|(i, window)| CONTRIBUTED.map(|alpha| constant(i, window, alpha)))
            .collect();
        // [mask][rank][token]
        let gradients = objective.rank_gradients(&masks)?;
        for levels in gradients.chunks(CONTRIBUTED.len()) {
            let by_level = |output: &Explained| {
                let ranks = objective.ranks(*output);
                let levels = levels.iter().map(|level| joined(level, ranks.clone()));
                levels.reduce(|sum, level| sum.iter().zip(&level).map(|(a, b)| a + b).collect())
            };
            let outputs = objective.outputs().iter();
            scores.push(outputs.map(|output| by_level(output).unwrap_or_default()).collect());
        }
    }
    Ok(scores)
}

/// The mean of the gradients where every factor is one of `alphas`.
fn path(objective: &Objective<'_>, alphas: &[f32]) -> Result<Scores> {
    let mut scores = Vec::with_capacity(objective.windows().len());
    for block in objective.blocks(|_| alphas.len()) {
        let windows = &objective.windows()[block.clone()];
        let masks: Vec<Masked> = block
            .zip(windows)
            .flat_map(|(i, window)| alphas.iter().map(move |&alpha| constant(i, window, alpha)))
            .collect();
        let gradients = objective.gradients(&masks)?;
        for (gradients, window) in gradients.chunks(alphas.len()).zip(windows) {
            let mut mean = vec![vec![0.0; window.real]; objective.outputs().len()];
            for gradient in gradients {
                for (sum, values) in mean.iter_mut().flatten().zip(gradient.iter().flatten()) {
                    *sum += values / alphas.len() as f64;
                }
            }
            scores.push(mean);
        }
    }
    Ok(scores)
}
