//! Means of token scores over neighbours and blocks, alike for every method.

/// Moving mean over `width` tokens, an odd number; at the ends over those that there are.
pub fn smooth(scores: &[f64], width: usize) -> Vec<f64> {
    let reach = width / 2;
    let mean = |t: usize| {
        let near = &scores[t.saturating_sub(reach)..(t + reach + 1).min(scores.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..scores.len()).map(mean).collect()
}

/// Means over blocks of `length` tokens from the first on; the last block may be shorter.
pub fn average_in_blocks(scores: &[f64], length: usize) -> Vec<f64> {
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
    }
}
