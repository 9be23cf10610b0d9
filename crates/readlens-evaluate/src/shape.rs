//! What a mask looks like.

use readlens_kmer::Tokenization;

/// Mean of the values; the share of true values for a hard mask given as 0 and 1.
///
/// `mask`: one value per real token, at least one.
pub(crate) fn area(mask: &[f64]) -> f64 {
    mask.iter().sum::<f64>() / mask.len() as f64
}

/// Mean absolute difference between neighbouring tokens (total variation), in `[0, 1]` for
/// values in `[0, 1]`; `None` for fewer than two tokens.
///
/// Source: Rudin, Osher & Fatemi 1992, eq. 2.1, in one dimension, over n − 1 pairs.
pub(crate) fn total_variation(mask: &[f64]) -> Option<f64> {
    let pairs = mask.len().checked_sub(1).filter(|pairs| *pairs > 0)?;
    Some(mask.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f64>() / pairs as f64)
}

/// Runs of a hard mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segments {
    /// How many.
    pub(crate) count: usize,
    /// Their mean length in tokens; 0 where there is none.
    pub(crate) mean_tokens: f64,
    /// Their mean length in nucleotides, from the first base of the first token to the last
    /// base of the last: (tokens − 1) · stride + k.
    pub(crate) mean_nt: f64,
}

/// The runs of `hard`.
pub(crate) fn segments(hard: &[bool], tokenization: &Tokenization) -> Segments {
    let (mut count, mut tokens) = (0_usize, 0_usize);
    let mut before = false;
    for &read in hard {
        count += usize::from(read && !before);
        tokens += usize::from(read);
        before = read;
    }
    if count == 0 {
        return Segments { count, mean_tokens: 0.0, mean_nt: 0.0 };
    }
    let mean_tokens = tokens as f64 / count as f64;
    let (k, stride) = (f64::from(tokenization.k), f64::from(tokenization.stride));
    Segments { count, mean_tokens, mean_nt: (mean_tokens - 1.0) * stride + k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use readlens_kmer::Alphabet;

    fn tokenization(k: u32, stride: u32) -> Tokenization {
        Tokenization::new(Alphabet::Dna, k, stride, true).expect("k and stride can work")
    }

    #[test]
    fn uniform_one_hot_and_ramp_have_their_closed_forms() {
        let n = 11;
        let uniform = vec![0.3; n];
        assert!((area(&uniform) - 0.3).abs() < 1e-12);
        assert_eq!(total_variation(&uniform), Some(0.0));
        let mut one_hot = vec![0.0; n];
        one_hot[4] = 1.0;
        assert_eq!(area(&one_hot), 1.0 / 11.0);
        // Up and down again: 2 / (n − 1).
        assert_eq!(total_variation(&one_hot), Some(0.2));
        let ramp: Vec<f64> = (0..n).map(|i| i as f64 / 10.0).collect();
        assert!((area(&ramp) - 0.5).abs() < 1e-12);
        assert!((total_variation(&ramp).unwrap_or_default() - 0.1).abs() < 1e-12);
        let checkerboard: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
        assert_eq!(total_variation(&checkerboard), Some(1.0));
        assert_eq!(total_variation(&[0.5]), None);
        assert_eq!(total_variation(&[]), None);
    }

    #[test]
    fn runs_are_counted_and_measured() {
        let hard = [true, false, true, true, true, false, false, true, true];
        let found = segments(&hard, &tokenization(6, 6));
        // Runs of 1, 3 and 2 tokens: 6, 18 and 12 nt.
        assert_eq!(found, Segments { count: 3, mean_tokens: 2.0, mean_nt: 12.0 });
        // Overlapping 6-mers at stride 1: 6, 8 and 7 nt.
        assert_eq!(segments(&hard, &tokenization(6, 1)).mean_nt, 7.0);
        // 3-mers at stride 5: 3, 13 and 8 nt with the bases between.
        assert_eq!(segments(&hard, &tokenization(3, 5)).mean_nt, 8.0);
        let none = Segments { count: 0, mean_tokens: 0.0, mean_nt: 0.0 };
        assert_eq!(segments(&[false; 4], &tokenization(6, 6)), none);
        assert_eq!(segments(&[], &tokenization(6, 6)), none);
        assert_eq!(segments(&[true; 4], &tokenization(6, 6)).mean_nt, 24.0);
    }

    proptest! {
        /// A hard mask changes twice per run, less one at each end that a run touches.
        #[test]
        fn hard_total_variation_follows_from_the_runs(hard in prop::collection::vec(any::<bool>(), 2..50)) {
            let values: Vec<f64> = hard.iter().map(|&h| f64::from(u8::from(h))).collect();
            let runs = segments(&hard, &tokenization(6, 6)).count;
            let ends = usize::from(hard[0]) + usize::from(hard[hard.len() - 1]);
            let wanted = (2 * runs - ends) as f64 / (hard.len() - 1) as f64;
            let found = total_variation(&values).unwrap_or_default();
            prop_assert!((found - wanted).abs() < 1e-12);
        }
    }
}
