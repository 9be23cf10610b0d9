//! What a mask looks like.

use readlens_kmer::Coverage;

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
    /// base of the last: (tokens − 1) · stride + k for k-mers.
    pub(crate) mean_nt: f64,
    /// The length of the longest in tokens.
    pub(crate) most_tokens: f64,
    /// And in nucleotides.
    pub(crate) most_nt: f64,
}

/// The runs of `hard`, one value per real token of a window; `coverage` is the window's.
pub(crate) fn segments(hard: &[bool], coverage: &Coverage) -> Segments {
    let (mut count, mut first) = (0_usize, 0);
    let (mut tokens, mut most_tokens, mut nt, mut most_nt) = (0, 0, 0, 0);
    for run in hard.chunk_by(|a, b| a == b) {
        let next = first + run.len();
        if run[0] {
            let length = coverage.of(next - 1).end - coverage.of(first).start;
            count += 1;
            tokens += run.len();
            nt += length;
            most_tokens = most_tokens.max(run.len());
            most_nt = most_nt.max(length);
        }
        first = next;
    }
    let mean = |sum: usize| sum as f64 / count.max(1) as f64;
    Segments {
        count,
        mean_tokens: mean(tokens),
        mean_nt: mean(nt),
        most_tokens: most_tokens as f64,
        most_nt: most_nt as f64,
    }
}

/// How unequal the values are: 0 where all are the same, (n − 1)/n where one has everything; `None`
/// where they sum to 0.
///
/// Source: the Gini coefficient as Σ (2i − n − 1) m₍ᵢ₎ / (n Σ m) over ascending values (Dorfman
/// 1979; Hurley & Rickard 2009, "Comparing measures of sparsity").
pub(crate) fn gini(mask: &[f64]) -> Option<f64> {
    let total = mask.iter().sum::<f64>();
    if total <= 0.0 {
        return None;
    }
    let mut ascending = mask.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let n = mask.len() as f64;
    let weighed: f64 =
        ascending.iter().zip(1..).map(|(m, i)| (2.0 * f64::from(i) - n - 1.0) * m).sum();
    Some(weighed / (n * total))
}

/// exp of the entropy of the values scaled to sum 1, from 1 to their number: over how many tokens
/// the mask is spread (Hill 1973, of order 1); `None` where they sum to 0.
pub(crate) fn effective_tokens(mask: &[f64]) -> Option<f64> {
    let total = mask.iter().sum::<f64>();
    let shares = || mask.iter().map(|m| m / total).filter(|q| *q > 0.0);
    (total > 0.0).then(|| shares().map(|q| -q * q.ln()).sum::<f64>().exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use readlens_kmer::{Alphabet, Tokenization};

    fn segments(hard: &[bool], (k, stride): (u32, u32)) -> Segments {
        let by = Tokenization::new(Alphabet::Dna, k, stride, false).expect("they can work");
        super::segments(hard, &by.coverage(&vec![5; hard.len()]))
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
    fn spread_has_its_closed_forms() {
        let close = |found: Option<f64>, wanted: f64| {
            assert!((found.unwrap_or(f64::NAN) - wanted).abs() < 1e-12, "{found:?} {wanted}");
        };
        close(gini(&[0.3; 7]), 0.0);
        close(effective_tokens(&[0.3; 7]), 7.0);
        let mut one_hot = vec![0.0; 8];
        one_hot[5] = 0.4;
        close(gini(&one_hot), 7.0 / 8.0);
        close(effective_tokens(&one_hot), 1.0);
        // 0, 1, …, n − 1 has (n + 1) / 3n.
        let ramp: Vec<f64> = (0..11).rev().map(f64::from).collect();
        close(gini(&ramp), 12.0 / 33.0);
        // Entropy of ½, ¼, ¼ is 1.5 ln 2.
        close(effective_tokens(&[0.25, 0.5, 0.25, 0.0]), 2.0_f64.powf(1.5));
        assert_eq!((gini(&[0.0; 3]), effective_tokens(&[0.0; 3])), (None, None));
        assert_eq!((gini(&[]), effective_tokens(&[])), (None, None));
    }

    #[test]
    fn runs_are_counted_and_measured() {
        let hard = [true, false, true, true, true, false, false, true, true];
        let found = segments(&hard, (6, 6));
        // Runs of 1, 3 and 2 tokens: 6, 18 and 12 nt.
        let wanted =
            Segments { count: 3, mean_tokens: 2.0, mean_nt: 12.0, most_tokens: 3.0, most_nt: 18.0 };
        assert_eq!(found, wanted);
        // Overlapping 6-mers at stride 1: 6, 8 and 7 nt.
        assert_eq!(segments(&hard, (6, 1)).mean_nt, 7.0);
        assert_eq!(segments(&hard, (6, 1)).most_nt, 8.0);
        // 3-mers at stride 5: 3, 13 and 8 nt with the bases between.
        assert_eq!(segments(&hard, (3, 5)).mean_nt, 8.0);
        let none =
            Segments { count: 0, mean_tokens: 0.0, mean_nt: 0.0, most_tokens: 0.0, most_nt: 0.0 };
        assert_eq!(segments(&[false; 4], (6, 6)), none);
        assert_eq!(segments(&[], (6, 6)), none);
        assert_eq!(segments(&[true; 4], (6, 6)).mean_nt, 24.0);
    }

    proptest! {
        /// A hard mask changes twice per run, less one at each end that a run touches.
        #[test]
        fn hard_total_variation_follows_from_the_runs(hard in prop::collection::vec(any::<bool>(), 2..50)) {
            let values: Vec<f64> = hard.iter().map(|&h| f64::from(u8::from(h))).collect();
            let runs = segments(&hard, (6, 6)).count;
            let ends = usize::from(hard[0]) + usize::from(hard[hard.len() - 1]);
            let wanted = (2 * runs - ends) as f64 / (hard.len() - 1) as f64;
            let found = total_variation(&values).unwrap_or_default();
            prop_assert!((found - wanted).abs() < 1e-12);
        }
    }
}
