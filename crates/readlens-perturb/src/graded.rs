//! Operators that come in degrees.

use rand::Rng;
use rand::seq::SliceRandom;
use readlens_batch::block_mask;
use readlens_nn::masking::count_of;

/// Shares of the real tokens that the graded operators keep or remove; the ends of the curves,
/// nothing and everything, are the operators `all_zero` and `unmasked`.
pub const SHARES: [f32; 12] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Levels of the constant mask.
pub const LEVELS: [f32; 11] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Tokens from the largest mask value to the smallest, ties in token order.
pub(crate) fn order(mask: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..mask.len()).collect();
    order.sort_by(|&a, &b| mask[b].total_cmp(&mask[a]));
    order
}

/// 1 on the first `share` of the tokens in `order`, 0 on the others: the nearest number, but at
/// least one.
pub(crate) fn first_of(order: &[usize], share: f32) -> Vec<f32> {
    with_first(order, count_of(f64::from(share), order.len()))
}

/// 1 on the first `count` tokens in `order`, 0 on the others.
pub(crate) fn with_first(order: &[usize], count: usize) -> Vec<f32> {
    let mut factors = vec![0.0; order.len()];
    order[..count].iter().for_each(|&token| factors[token] = 1.0);
    factors
}

/// A block of `share` of the tokens at a random place.
pub(crate) fn block_of(tokens: usize, share: f32, rng: &mut impl Rng) -> Vec<f32> {
    block_mask(tokens, count_of(f64::from(share), tokens), rng)
}

/// 1 on a random subset of `share` of the tokens.
pub(crate) fn subset_of(tokens: usize, share: f32, rng: &mut impl Rng) -> Vec<f32> {
    let mut order: Vec<usize> = (0..tokens).collect();
    order.shuffle(rng);
    first_of(&order, share)
}

/// What is left when `factors` hide.
pub(crate) fn inverse(factors: &[f32]) -> Vec<f32> {
    factors.iter().map(|factor| 1.0 - factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_and_ties_go_to_the_earlier_token() {
        let order = order(&[0.5, 0.9, 0.5, 0.1, 0.5]);
        assert_eq!(order, [1, 0, 2, 4, 3]);
        assert_eq!(first_of(&order, 0.4), [1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(first_of(&order, 0.01), [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(inverse(&first_of(&order, 0.8)), [0.0, 0.0, 0.0, 1.0, 0.0]);
        assert!(first_of(&[], 0.5).is_empty());
    }
}
