//! What windows are seen through.

use rand::seq::SliceRandom;
use readlens_batch::block_mask;
use readlens_random::stream;
use readlens_tables::vocabulary::Operator;

use crate::config::Config;

/// A way to see a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Input {
    pub(crate) operator: Operator,
    /// Fraction of the tokens that is kept, or the level of a constant mask.
    pub(crate) share: Option<f32>,
}

/// The whole window.
pub(crate) const WHOLE: Input = Input { operator: Operator::Unmasked, share: None };

impl Input {
    /// All ways but the whole window.
    pub(crate) fn masked(config: &Config) -> Vec<Self> {
        let operators = [Operator::Constant, Operator::KeepBlock, Operator::RandomSubset];
        let graded = operators.into_iter().flat_map(|operator| {
            config.shares.iter().map(move |share| Self { operator, share: Some(*share) })
        });
        std::iter::once(Self { operator: Operator::AllZero, share: None }).chain(graded).collect()
    }

    /// Factors of the `tokens` real tokens of the window that `key` names.
    pub(crate) fn factors(self, tokens: usize, seed: u64, key: &str) -> Vec<f32> {
        let share = self.share.unwrap_or_default();
        let kept = (share * tokens as f32).round() as usize;
        let mut rng = stream(seed, &format!("{}/{share}/{key}", self.operator.name()));
        match self.operator {
            Operator::Constant => vec![share; tokens],
            Operator::KeepBlock => block_mask(tokens, kept, &mut rng),
            Operator::RandomSubset => {
                let mut mask: Vec<f32> =
                    (0..tokens).map(|token| f32::from(u8::from(token < kept))).collect();
                mask.shuffle(&mut rng);
                mask
            }
            _ => vec![0.0; tokens],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_share_that_they_say() {
        let of = |operator, share| Input { operator, share: Some(share) }.factors(40, 1, "0/a");
        for operator in [Operator::KeepBlock, Operator::RandomSubset] {
            let mask = of(operator, 0.3);
            assert_eq!(mask.iter().sum::<f32>(), 12.0);
            assert!(mask.iter().all(|m| *m == 0.0 || *m == 1.0));
            assert_eq!(of(operator, 0.3), mask, "the seed and the window decide");
        }
        let block = of(Operator::KeepBlock, 0.3);
        assert_eq!(block.chunk_by(|a, b| a == b).filter(|run| run[0] == 1.0).count(), 1);
        assert_eq!(of(Operator::Constant, 0.25), [0.25; 40]);
        let nothing = Input { operator: Operator::AllZero, share: None };
        assert_eq!(nothing.factors(3, 1, "0/a"), [0.0; 3]);
    }
}
