//! Scores that know nothing.

use rand::RngExt;
use readlens_batch::block_mask;
use readlens_nn::masking::count_of;

use super::{output_name, stream_of};
use crate::objective::{Objective, Scores};

/// Independent draws, uniform in [0, 1).
pub(super) fn tokens(objective: &Objective<'_>, seed: u64) -> Scores {
    let outputs = objective.outputs().iter();
    let of_window = |window| {
        let scores = outputs.clone().map(|&output| {
            let mut rng =
                stream_of(seed, &format!("random_tokens/{}", output_name(output)), window);
            (0..window.real).map(|_| rng.random::<f64>()).collect()
        });
        scores.collect()
    };
    objective.windows().iter().map(of_window).collect()
}

/// Minus the distance from the middle of a block that holds `area` of the tokens and lies anywhere
/// with equal chance: at that area the block is read, and at every other one a block around the
/// same middle, as far as the ends allow.
pub(super) fn blocks(objective: &Objective<'_>, seed: u64, area: f64) -> Scores {
    let outputs = objective.outputs().iter();
    let of_window = |window| {
        let scores = outputs.clone().map(|&output| {
            let mut rng =
                stream_of(seed, &format!("random_blocks/{}", output_name(output)), window);
            let block = block_mask(window.real, count_of(area, window.real), &mut rng);
            let kept: Vec<usize> = (0..window.real).filter(|&t| block[t] > 0.5).collect();
            let ends = kept.first().zip(kept.last());
            let middle = ends.map_or(0.0, |(first, last)| (first + last) as f64 / 2.0);
            (0..window.real).map(|t| -(t as f64 - middle).abs()).collect()
        });
        scores.collect()
    };
    objective.windows().iter().map(of_window).collect()
}
