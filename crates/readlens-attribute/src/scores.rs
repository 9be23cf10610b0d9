//! From scores to masks, alike for every method.

use readlens_nn::Selection;
use readlens_nn::masking::select;

/// Moving mean over `width` tokens, an odd number; at the ends over those that there are.
pub(crate) fn smooth(scores: &[f64], width: usize) -> Vec<f64> {
    let reach = width / 2;
    let mean = |t: usize| {
        let near = &scores[t.saturating_sub(reach)..(t + reach + 1).min(scores.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..scores.len()).map(mean).collect()
}

/// Means over blocks of `length` tokens from the first on; the last block may be shorter.
pub(crate) fn average_in_blocks(scores: &[f64], length: usize) -> Vec<f64> {
    let block = |block: &[f64]| {
        let mean = block.iter().sum::<f64>() / block.len() as f64;
        std::iter::repeat_n(mean, block.len())
    };
    scores.chunks(length).flat_map(block).collect()
}

/// The soft and the hard mask: `share` of the tokens with the largest scores are read.
pub(crate) fn mask_of(scores: &[f64], share: f64) -> (Vec<f32>, Vec<bool>) {
    // Scores of log-probabilities may be far below 1, where f32 and the floor of `select` would tie them.
    let n = scores.len().max(1) as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let deviation = (scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { deviation } else { 1.0 };
    let scores: Vec<f32> = scores.iter().map(|x| ((x - mean) / scale) as f32).collect();
    select(&scores, Selection::Share { share })
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

    #[test]
    fn the_largest_signed_scores_are_read_however_small() {
        let (mask, hard) = mask_of(&[1e-12, -9e-12, 3e-12, 2e-12], 0.5);
        assert_eq!(hard, [false, false, true, true]);
        assert!(mask[2] > mask[3] && mask[3] > 0.5 && 0.5 > mask[0] && mask[0] > mask[1]);
        // Constant scores: ties go to the earlier token.
        assert_eq!(mask_of(&[7.0; 4], 0.5).1, [true, true, false, false]);
        assert_eq!(mask_of(&[], 0.5), (vec![], vec![]));
        assert_eq!(mask_of(&[-3.0], 0.1).1, [true]);
    }
}
