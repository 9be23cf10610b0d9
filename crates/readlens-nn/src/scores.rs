//! Means of token scores over neighbours and blocks, alike for every method.

use readlens_fault::{Fault, Result};
use serde::Serialize;

/// Maximum number of tokens of a mean.
const MAXIMUM_TOKENS: usize = 1 << 20;

/// How the scores of a window are averaged before a mask is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Averaging {
    /// Tokens of the moving mean, odd; 1 leaves the scores.
    pub smoothing: usize,
    /// Tokens of a block over which scores are averaged, after the smoothing; 1 leaves them.
    pub patch: usize,
}

impl Averaging {
    /// Scores as they are.
    pub const NONE: Self = Self { smoothing: 1, patch: 1 };

    /// Refuses numbers that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the option to change.
    pub fn validate(self) -> Result<()> {
        for (name, value) in [("smoothing", self.smoothing), ("patch", self.patch)] {
            if !(1..=MAXIMUM_TOKENS).contains(&value) {
                return Err(Fault::usage(format!(
                    "--{name} must be 1 to {MAXIMUM_TOKENS}, not {value}"
                )));
            }
        }
        if self.smoothing.is_multiple_of(2) {
            return Err(Fault::usage(format!("--smoothing must be odd, not {}", self.smoothing)));
        }
        Ok(())
    }

    /// The averaged scores.
    pub fn apply(self, scores: &[f64]) -> Vec<f64> {
        average_in_blocks(&smooth(scores, self.smoothing), self.patch)
    }

    /// The averaged scores, moved by a constant so that as many tokens are above zero as before: a
    /// mean pulls scores towards each other, and would leave few or many of them there. Tokens of
    /// one mean stay together, so the number is the nearest that they allow.
    pub fn apply_around_zero(self, scores: &[f64]) -> Vec<f64> {
        let mut means = self.apply(scores);
        let above = scores.iter().filter(|&&score| score > 0.0).count();
        let cut = cut_of(&means, above);
        means.iter_mut().for_each(|mean| *mean -= cut);
        means
    }
}

/// A value that about `above` of the scores are larger than, halfway between two of them.
fn cut_of(scores: &[f64], above: usize) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (Some(largest), Some(smallest)) = (sorted.first(), sorted.last()) else { return 0.0 };
    // Numbers of tokens that a cut can leave above it, each with its cut.
    let between = sorted.windows(2).enumerate().filter(|(_, pair)| pair[0] > pair[1]);
    let cuts = between.map(|(place, pair)| (place + 1, f64::midpoint(pair[0], pair[1])));
    let ends = [(0, largest + 1.0), (sorted.len(), smallest - 1.0)];
    let nearest = ends.into_iter().chain(cuts).min_by_key(|(count, _)| count.abs_diff(above));
    nearest.map_or(0.0, |(_, cut)| cut)
}

/// Moving mean over `width` tokens, an odd number; at the ends over those that there are.
fn smooth(scores: &[f64], width: usize) -> Vec<f64> {
    let reach = width / 2;
    let mean = |t: usize| {
        let near = &scores[t.saturating_sub(reach)..(t + reach + 1).min(scores.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..scores.len()).map(mean).collect()
}

/// Means over blocks of `length` tokens from the first on; the last block may be shorter.
fn average_in_blocks(scores: &[f64], length: usize) -> Vec<f64> {
    let block = |block: &[f64]| {
        let mean = block.iter().sum::<f64>() / block.len() as f64;
        std::iter::repeat_n(mean, block.len())
    };
    scores.chunks(length).flat_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_the_tokens_that_there_are() {
        let scores = [1.0, 2.0, 6.0, 3.0, 8.0];
        assert_eq!(smooth(&scores, 1), scores);
        assert_eq!(smooth(&scores, 3), [1.5, 3.0, 11.0 / 3.0, 17.0 / 3.0, 5.5]);
        assert_eq!(average_in_blocks(&scores, 2), [1.5, 1.5, 4.5, 4.5, 8.0]);
        assert!(smooth(&[], 3).is_empty());
        let both = Averaging { smoothing: 3, patch: 2 };
        assert_eq!(both.apply(&scores), average_in_blocks(&smooth(&scores, 3), 2));
        assert_eq!(Averaging::NONE.apply(&scores), scores);
    }

    #[test]
    fn as_many_tokens_stay_above_zero() {
        let above = |scores: &[f64]| scores.iter().filter(|&&score| score > 0.0).count();
        // One high token in each block of two: no mean is above zero.
        let scores = [1.0, -3.0, 2.0, -3.0, 0.5, -3.0, -2.0, -3.0];
        let patches = Averaging { smoothing: 1, patch: 2 };
        assert_eq!(above(&patches.apply(&scores)), 0);
        let moved = patches.apply_around_zero(&scores);
        // Three are above zero; two or four can be, as near, and the first found is kept.
        assert_eq!(
            moved.iter().map(|&x| x > 0.0).collect::<Vec<_>>(),
            [false, false, true, true, false, false, false, false]
        );
        let smooth = Averaging { smoothing: 3, patch: 1 };
        assert_eq!(above(&smooth.apply_around_zero(&scores)), 3);
        for scores in [[-1.0; 4], [1.0; 4]] {
            assert_eq!(above(&patches.apply_around_zero(&scores)), above(&scores));
        }
        assert!(patches.apply_around_zero(&[]).is_empty());
    }
}
