use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::blocks::BlockMasks;

/// Random masks for training a classifier that must read masked input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomMasks {
    /// Share of examples that are masked, 0 to 1.
    pub probability: f64,
    /// What a mask looks like.
    pub kind: MaskKind,
}

/// How a random mask is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "draw")]
pub enum MaskKind {
    /// Contiguous blocks, kept or hidden.
    Blocks(BlockMasks),
    /// Every unit of tokens is kept with probability 1/2, independently: all subsets are equally
    /// likely (Jethani et al. 2021, "Have we learned to explain?", the evaluator of EVAL-X).
    Tokens {
        /// Neighbouring tokens that are kept or hidden together, 1 or more.
        unit: usize,
    },
    /// As [`MaskKind::Tokens`], with a probability that is drawn uniformly from 0 to 1 for each
    /// window: all numbers of kept units are then equally likely, as in Shapley's value (Shapley
    /// 1953), and not those near one half alone.
    Uniform {
        /// Neighbouring tokens that are kept or hidden together, 1 or more.
        unit: usize,
    },
}

impl RandomMasks {
    /// Factors for `tokens` real tokens: 1 kept, 0 hidden; all 1 for an example left whole.
    pub fn draw(&self, tokens: usize, rng: &mut impl Rng) -> Vec<f32> {
        if !rng.random_bool(self.probability) {
            return vec![1.0; tokens];
        }
        match self.kind {
            MaskKind::Blocks(blocks) => blocks.draw(tokens, rng),
            MaskKind::Tokens { unit } => units(tokens, unit, 0.5, rng),
            MaskKind::Uniform { unit } => {
                let share = rng.random::<f64>();
                units(tokens, unit, share, rng)
            }
        }
    }
}

/// Keeps each run of `unit` tokens, counted from the first, with probability `share`.
fn units(tokens: usize, unit: usize, share: f64, rng: &mut impl Rng) -> Vec<f32> {
    let mut mask = vec![0f32; tokens];
    for run in mask.chunks_mut(unit.max(1)) {
        if rng.random_bool(share) {
            run.fill(1.0);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const DRAWS: usize = 4000;

    fn draws(probability: f64, kind: MaskKind, tokens: usize) -> Vec<Vec<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let masks = RandomMasks { probability, kind };
        (0..DRAWS).map(|_| masks.draw(tokens, &mut rng)).collect()
    }

    fn share(of: &[Vec<f32>], is_so: impl Fn(&[f32]) -> bool) -> f64 {
        of.iter().filter(|mask| is_so(mask)).count() as f64 / of.len() as f64
    }

    #[test]
    fn the_stated_share_of_examples_is_masked() {
        let blocks = BlockMasks { smallest: 0.1, largest: 0.6, most_blocks: 3 };
        let whole = |mask: &[f32]| mask.iter().all(|&m| m > 0.5);
        for kind in [MaskKind::Blocks(blocks), MaskKind::Tokens { unit: 1 }] {
            assert_eq!(share(&draws(0.0, kind, 100), whole), 1.0);
            assert_eq!(share(&draws(1.0, kind, 100), whole), 0.0);
            // Four standard errors of a share of 1/2 are .032.
            assert!((share(&draws(0.5, kind, 100), whole) - 0.5).abs() < 0.032);
        }
    }

    /// Of two tokens each of the four subsets has probability 1/4; its four standard errors are
    /// .028.
    #[test]
    fn all_subsets_of_tokens_are_equally_likely() {
        let masks = draws(1.0, MaskKind::Tokens { unit: 1 }, 2);
        for subset in [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] {
            assert!((share(&masks, |mask| mask == subset) - 0.25).abs() < 0.028, "{subset:?}");
        }
    }

    /// With a uniform probability every number of kept tokens, 0 to n, has probability 1 / (n + 1)
    /// (Bayes 1763); four standard errors of 1/5 are .026.
    #[test]
    fn all_sizes_of_subsets_are_equally_likely() {
        let masks = draws(1.0, MaskKind::Uniform { unit: 1 }, 4);
        for size in 0..=4 {
            let has_it = |mask: &[f32]| mask.iter().sum::<f32>() == size as f32;
            assert!((share(&masks, has_it) - 0.2).abs() < 0.026, "{size}");
        }
    }

    #[test]
    fn units_are_kept_or_hidden_whole() {
        let masks = draws(1.0, MaskKind::Tokens { unit: 3 }, 8);
        let is_whole = |mask: &[f32]| mask.chunks(3).all(|unit| unit.iter().all(|&m| m == unit[0]));
        assert_eq!(share(&masks, is_whole), 1.0);
        assert!((share(&masks, |mask| mask[7] > 0.5) - 0.5).abs() < 0.032);
        assert!(
            RandomMasks { probability: 1.0, kind: MaskKind::Uniform { unit: 2 } }
                .draw(0, &mut ChaCha8Rng::seed_from_u64(1))
                .is_empty()
        );
    }
}
