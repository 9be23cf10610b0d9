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
}
