//! Shapley values by weighted regression (Lundberg & Lee 2017), from coalitions drawn in pairs
//! (Covert & Lee 2021).

use rand::seq::index;
use rand::{Rng, RngExt};
use rayon::prelude::*;
use readlens_fault::{Fault, Result};

use super::{constant, stream_of};
use crate::objective::{Masked, Objective, Scores};
use crate::segments::Segments;
use crate::settings::KernelShap;
use crate::solve::Symmetric;

/// Added to the diagonal, relative to it, where coalitions are drawn: fewer draws than players then
/// have the solution of the smallest norm.
const RELATIVE_RIDGE: f64 = 1e-6;

/// Coalitions of players with their weights in the regression.
#[derive(Clone, Debug, PartialEq)]
pub struct Coalitions {
    /// Who takes part, by coalition and player; neither nobody nor all.
    pub members: Vec<Vec<bool>>,
    /// One weight a coalition.
    pub weights: Vec<f64>,
    /// Whether every coalition is there, so that the Shapley values are exact.
    pub is_complete: bool,
}

/// The Shapley values of segments as players: nobody is the hidden input, all are the whole one.
pub(super) fn scores(objective: &Objective<'_>, seed: u64, of: KernelShap) -> Result<Scores> {
    let mut scores = Vec::with_capacity(objective.windows().len());
    for block in objective.blocks(|_| of.samples + 2) {
        let windows = &objective.windows()[block.clone()];
        let coalitions: Vec<Coalitions> = windows
            .par_iter()
            .map(|window| {
                let players = Segments::new(window.real, of.segment).count();
                let mut rng = stream_of(seed, "kernel_shap", window);
                Coalitions::draw(players, of.samples, &mut rng)
            })
            .collect();
        let mut masks = Vec::new();
        let mut places = Vec::with_capacity(windows.len());
        for (i, (window, coalitions)) in block.zip(windows.iter().zip(&coalitions)) {
            let segments = Segments::new(window.real, of.segment);
            places.push(masks.len());
            masks.extend([constant(i, window, 0.0), constant(i, window, 1.0)]);
            let kept = coalitions.members.iter();
            masks.extend(kept.map(|kept| Masked { window: i, factors: segments.factors(kept) }));
        }
        let values = objective.values(&masks)?;
        let fitted: Vec<Vec<Vec<f64>>> = windows
            .par_iter()
            .zip(&coalitions)
            .zip(places)
            .map(|((window, coalitions), place)| {
                let segments = Segments::new(window.real, of.segment);
                let values = &values[place..][..2 + coalitions.members.len()];
                let of_output = |output: usize| {
                    let of_coalitions: Vec<f64> = values[2..].iter().map(|v| v[output]).collect();
                    let (nobody, all) = (values[0][output], values[1][output]);
                    let shares = coalitions.fit(segments.count(), &of_coalitions, nobody, all)?;
                    Ok(segments.spread(&shares))
                };
                (0..objective.outputs().len()).map(of_output).collect::<Result<_>>()
            })
            .collect::<Result<_>>()?;
        scores.extend(fitted);
    }
    Ok(scores)
}

impl Coalitions {
    /// All coalitions of `players` where there are at most `samples`, with Shapley's weights;
    /// otherwise half as many draws by those weights, each with its complement, and equal weights.
    pub fn draw(players: usize, samples: usize, rng: &mut impl Rng) -> Self {
        let (mut members, mut weights) = (Vec::new(), Vec::new());
        if players < 2 {
            return Self { members, weights, is_complete: true };
        }
        if players < 20 && (1usize << players) - 2 <= samples {
            for bits in 1..(1usize << players) - 1 {
                members.push((0..players).map(|player| bits >> player & 1 == 1).collect());
                let size = bits.count_ones() as usize;
                weights.push(1.0 / (choices(players, size) * (size * (players - size)) as f64));
            }
            return Self { members, weights, is_complete: true };
        }
        // The kernel of all coalitions of a size together: (d − 1) / (s (d − s)).
        let mut cumulative = Vec::with_capacity(players - 1);
        let mut sum = 0.0;
        for size in 1..players {
            sum += 1.0 / (size * (players - size)) as f64;
            cumulative.push(sum);
        }
        for _ in 0..samples.div_ceil(2) {
            let place = rng.random::<f64>() * sum;
            let size = (1 + cumulative.partition_point(|&c| c <= place)).min(players - 1);
            let mut kept = vec![false; players];
            index::sample(rng, players, size).iter().for_each(|player| kept[player] = true);
            members.push(kept.iter().map(|kept| !kept).collect());
            members.push(kept);
        }
        weights.resize(members.len(), 1.0);
        Self { members, weights, is_complete: false }
    }

    /// What each of `players` adds, from the `values` of the coalitions, of nobody and of all: the
    /// weighted least-squares solution of `nobody + Σ kept φ = value` among those that add up to
    /// `all − nobody`.
    ///
    /// # Errors
    /// The system cannot be solved, which a value that is not finite brings about.
    pub fn fit(&self, players: usize, values: &[f64], nobody: f64, all: f64) -> Result<Vec<f64>> {
        if players < 2 {
            return Ok(vec![all - nobody; players]);
        }
        let mut matrix = Symmetric::zeros(players);
        let mut right = vec![0.0; players];
        for ((kept, weight), value) in self.members.iter().zip(&self.weights).zip(values) {
            let ones: Vec<usize> = (0..players).filter(|&player| kept[player]).collect();
            matrix.add_outer(&ones, *weight);
            ones.iter().for_each(|&player| right[player] += weight * (value - nobody));
        }
        if !self.is_complete {
            matrix.add_diagonal(RELATIVE_RIDGE * matrix.mean_diagonal());
        }
        let is_finite = right.iter().all(|x| x.is_finite()) && (all - nobody).is_finite();
        let factor = matrix.factor().filter(|_| is_finite);
        let factor =
            factor.ok_or_else(|| Fault::failed("kernel_shap", "its regression has no solution"))?;
        let (free, along) = (factor.solve(&right), factor.solve(&vec![1.0; players]));
        let excess = free.iter().sum::<f64>() - (all - nobody);
        let step = excess / along.iter().sum::<f64>();
        Ok(free.iter().zip(along).map(|(free, along)| free - step * along).collect())
    }
}

/// Number of ways to choose `size` of `players`.
fn choices(players: usize, size: usize) -> f64 {
    (1..=size).map(|i| (players - size + i) as f64 / i as f64).product()
}
