//! A linear model of the classifier around the window (Ribeiro et al. 2016), with the draws, the
//! kernel and the ridge regression of their `LimeTextExplainer`; features are segments of tokens,
//! and hidden ones are masked.

use rand::seq::index;
use rand::{Rng, RngExt};
use rayon::prelude::*;
use readlens_fault::{Fault, Result};

use super::stream_of;
use crate::objective::{Masked, Objective, Scores};
use crate::segments::Segments;
use crate::settings::Lime;
use crate::solve::Symmetric;

/// The coefficients of each window's linear model.
pub(super) fn scores(objective: &Objective<'_>, seed: u64, lime: Lime) -> Result<Scores> {
    let mut scores = Vec::with_capacity(objective.windows().len());
    for block in objective.blocks(|_| lime.samples) {
        let windows = &objective.windows()[block.clone()];
        let samples: Vec<Vec<Vec<bool>>> = windows
            .par_iter()
            .map(|window| {
                let features = Segments::new(window.real, lime.segment).count();
                draw(features, lime.samples, &mut stream_of(seed, "lime", window))
            })
            .collect();
        let masks: Vec<Masked> = block
            .zip(windows.iter().zip(&samples))
            .flat_map(|(i, (window, samples))| {
                let segments = Segments::new(window.real, lime.segment);
                samples
                    .iter()
                    .map(move |kept| Masked { window: i, factors: segments.factors(kept) })
            })
            .collect();
        let values = objective.values(&masks)?;
        let fitted: Vec<Vec<Vec<f64>>> = windows
            .par_iter()
            .zip(&samples)
            .zip(values.par_chunks(lime.samples))
            .map(|((window, samples), values)| {
                let of_output = |output: usize| {
                    let values: Vec<f64> = values.iter().map(|value| value[output]).collect();
                    let coefficients = fit(samples, &values, lime)?;
                    Ok(Segments::new(window.real, lime.segment).spread(&coefficients))
                };
                (0..objective.outputs().len()).map(of_output).collect::<Result<_>>()
            })
            .collect::<Result<_>>()?;
        scores.extend(fitted);
    }
    Ok(scores)
}

/// `samples` draws of which of the `features` are kept; the first keeps all. In the others the
/// number of hidden features is uniform in 1 to all of them, and which ones is uniform too.
pub fn draw(features: usize, samples: usize, rng: &mut impl Rng) -> Vec<Vec<bool>> {
    let mut drawn = Vec::with_capacity(samples);
    for sample in 0..samples {
        let mut kept = vec![true; features];
        if sample > 0 && features > 0 {
            let hidden = rng.random_range(1..=features);
            index::sample(rng, features, hidden).iter().for_each(|feature| kept[feature] = false);
        }
        drawn.push(kept);
    }
    drawn
}

/// Coefficients of the ridge regression of `values` on `samples`, with an intercept that is not
/// penalised.
///
/// A sample weighs `sqrt(exp(−d² / w²))`, with `d` the cosine distance of its kept features from
/// all of them, `1 − sqrt(kept share)`, and `w` the kernel's width.
///
/// # Errors
/// The system cannot be solved, which a value that is not finite brings about.
pub fn fit(samples: &[Vec<bool>], values: &[f64], lime: Lime) -> Result<Vec<f64>> {
    let features = samples.first().map_or(0, Vec::len);
    if features == 0 {
        return Ok(Vec::new());
    }
    let ones: Vec<Vec<usize>> =
        samples.iter().map(|kept| (0..features).filter(|&f| kept[f]).collect()).collect();
    let weight = |ones: &Vec<usize>| {
        let distance = 1.0 - (ones.len() as f64 / features as f64).sqrt();
        (-distance * distance / (lime.kernel_width * lime.kernel_width)).exp().sqrt()
    };
    let weights: Vec<f64> = ones.iter().map(weight).collect();
    let total: f64 = weights.iter().sum();
    let mean_value = weights.iter().zip(values).map(|(w, y)| w * y).sum::<f64>() / total;
    let mut mean = vec![0.0; features];
    for (ones, weight) in ones.iter().zip(&weights) {
        ones.iter().for_each(|&feature| mean[feature] += weight / total);
    }
    // Σ w (z − z̄)(z − z̄)ᵀ + λ I, and Σ w (z − z̄)(y − ȳ) = Σ w z (y − ȳ).
    let mut matrix = Symmetric::zeros(features);
    let mut right = vec![0.0; features];
    for ((ones, weight), value) in ones.iter().zip(&weights).zip(values) {
        matrix.add_outer(ones, *weight);
        ones.iter().for_each(|&feature| right[feature] += weight * (value - mean_value));
    }
    matrix.add_product(&mean, &mean, -total);
    matrix.add_diagonal(lime.ridge);
    let factor = matrix.factor().filter(|_| right.iter().all(|x| x.is_finite()));
    let factor = factor.ok_or_else(|| Fault::failed("lime", "its linear model has no solution"))?;
    Ok(factor.solve(&right))
}
