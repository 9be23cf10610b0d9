//! From scores to masks, alike for every method.

use readlens_nn::Selection;
use readlens_nn::masking::select;

/// The soft and the hard mask: `share` of the tokens with the largest scores are read.
pub(crate) fn mask_of(scores: &[f64], share: f64) -> (Vec<f32>, Vec<bool>) {
    // Scores of log-probabilities may be far below 1, where f32 and the floor of `select` would tie
    // them.
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
