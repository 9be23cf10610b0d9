use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Random masks of contiguous blocks.
///
/// A mask keeps a share of the tokens, drawn log-uniformly from `[smallest, largest]`, in 1 to
/// `most_blocks` contiguous blocks; half of the masks are inverted, so that hidden blocks are
/// seen as often as kept ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockMasks {
    /// Smallest share of tokens in blocks.
    pub smallest: f64,
    /// Largest share of tokens in blocks.
    pub largest: f64,
    /// Most blocks of a mask.
    pub most_blocks: usize,
}

impl Default for BlockMasks {
    /// Up to 6 blocks that cover 5 to 60 % of the tokens.
    fn default() -> Self {
        Self { smallest: 0.05, largest: 0.6, most_blocks: 6 }
    }
}

impl BlockMasks {
    /// Factors for `tokens` real tokens: 1 kept, 0 hidden.
    pub fn draw(&self, tokens: usize, rng: &mut impl Rng) -> Vec<f32> {
        let (low, high) = (self.smallest.ln(), self.largest.ln());
        let share = if low < high { rng.random_range(low..high).exp() } else { self.smallest };
        let blocks = rng.random_range(1..=self.most_blocks.max(1));
        let inverted = rng.random_bool(0.5);
        let total = ((share * tokens as f64).round() as usize).clamp(1.min(tokens), tokens);
        let mut mask = vec![0f32; tokens];
        for block in 0..blocks.min(total) {
            // The blocks' lengths add up to the total; they may overlap.
            let length =
                total * (block + 1) / blocks.min(total) - total * block / blocks.min(total);
            let start = rng.random_range(0..=tokens - length);
            mask[start..start + length].fill(1.0);
        }
        if inverted {
            mask.iter_mut().for_each(|m| *m = 1.0 - *m);
        }
        mask
    }
}

/// One contiguous block of `kept` of `tokens` tokens at a random place.
pub fn block_mask(tokens: usize, kept: usize, rng: &mut impl Rng) -> Vec<f32> {
    let mut mask = vec![0f32; tokens];
    let kept = kept.min(tokens);
    let start = rng.random_range(0..=tokens - kept);
    mask[start..start + kept].fill(1.0);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_block_is_contiguous_and_of_the_stated_size() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (tokens, kept) in [(1, 1), (10, 3), (10, 10), (10, 0), (5, 9)] {
            let mask = block_mask(tokens, kept, &mut rng);
            let ones = mask.iter().filter(|&&m| m > 0.5).count();
            assert_eq!(ones, kept.min(tokens));
            let runs = mask.windows(2).filter(|w| w[0] < w[1]).count() + usize::from(mask[0] > 0.5);
            assert!(runs <= 1);
        }
    }

    #[test]
    fn blocks_are_kept_and_hidden_equally_often() {
        let masks = BlockMasks { smallest: 0.1, largest: 0.1, most_blocks: 1 };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let areas: Vec<f32> =
            (0..2000).map(|_| masks.draw(100, &mut rng).iter().sum::<f32>() / 100.0).collect();
        let share =
            |area: f32| areas.iter().filter(|&&a| (a - area).abs() < 1e-3).count() as f64 / 2000.0;
        assert!((share(0.1) - 0.5).abs() < 0.05);
        assert!((share(0.9) - 0.5).abs() < 0.05);
    }
}
