//! What a probe sees of a mask.

/// Shape features of a mask behind its bins.
///
/// `area` and `hard_area`: mean of the mask and of the hard mask. `total_variation` and
/// `hard_total_variation`: mean absolute difference between neighbours, 0 for a single token.
/// `segments`: runs of the hard mask over tokens. `longest_segment`: tokens of the longest run
/// over all tokens. `largest`: largest value of the mask.
pub const SHAPE_FEATURES: [&str; 7] = [
    "area",
    "hard_area",
    "total_variation",
    "hard_total_variation",
    "segments",
    "longest_segment",
    "largest",
];

/// Appends the features of a mask of one token or more: `bins` bins, then [`SHAPE_FEATURES`].
pub(crate) fn append(mask: &[f32], hard: &[bool], bins: usize, features: &mut Vec<f32>) {
    let tokens = mask.len() as f64;
    resample(mask, bins, features);
    let hard_values: Vec<f32> = hard.iter().map(|&read| f32::from(u8::from(read))).collect();
    let runs = hard.chunk_by(|a, b| a == b).filter(|run| run[0]);
    let (count, longest) =
        runs.fold((0, 0), |(count, longest), run| (count + 1, run.len().max(longest)));
    let mean = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>() / tokens;
    let shape = [
        mean(mask),
        mean(&hard_values),
        total_variation(mask),
        total_variation(&hard_values),
        f64::from(count) / tokens,
        longest as f64 / tokens,
        mask.iter().copied().map(f64::from).fold(0.0, f64::max),
    ];
    features.extend(shape.map(|value| value as f32));
}

/// The mean of the mask over each of `bins` equal stretches of [0, 1], where token i of n covers
/// [i / n, (i + 1) / n].
fn resample(mask: &[f32], bins: usize, features: &mut Vec<f32>) {
    let scale = mask.len() as f64 / bins as f64;
    for bin in 0..bins {
        let (start, end) = (bin as f64 * scale, (bin + 1) as f64 * scale);
        let last = (end.ceil() as usize).min(mask.len());
        let covered = (start as usize..last).map(|token| {
            let overlap = end.min((token + 1) as f64) - start.max(token as f64);
            overlap.max(0.0) * f64::from(mask[token])
        });
        features.push((covered.sum::<f64>() / scale) as f32);
    }
}

/// Mean absolute difference between neighbours; 0 for a single token.
fn total_variation(values: &[f32]) -> f64 {
    let sum: f64 = values.windows(2).map(|pair| f64::from((pair[1] - pair[0]).abs())).sum();
    sum / values.len().saturating_sub(1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(mask: &[f32], bins: usize) -> Vec<f32> {
        let hard: Vec<bool> = mask.iter().map(|&m| m > 0.5).collect();
        let mut features = Vec::new();
        append(mask, &hard, bins, &mut features);
        features
    }

    #[test]
    fn bins_are_means_over_equal_stretches() {
        // Two tokens a bin, and half a bin a token.
        assert_eq!(of(&[0.0, 1.0, 0.5, 0.5], 2)[..2], [0.5, 0.5]);
        assert_eq!(of(&[0.25, 0.75], 4)[..4], [0.25, 0.25, 0.75, 0.75]);
        // Three tokens in two bins share the one in the middle: (0 + ½ · 1) / 1.5.
        let found = of(&[0.0, 1.0, 0.0], 2);
        assert!(found[..2].iter().all(|bin| (bin - 1.0 / 3.0).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn shapes_have_their_closed_forms() {
        // Hard 1 1 0 1 0: two runs, the longest of two tokens, three changes.
        let found = of(&[1.0, 0.75, 0.25, 1.0, 0.0], 1);
        let expected = [0.6, 0.6, 0.625, 0.75, 0.4, 0.4, 1.0];
        for (found, expected) in found[1..].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(of(&[0.25], 1), [0.25, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25]);
    }

    proptest! {
        /// Resampling keeps the mean, so the bins say nothing that the mask does not.
        #[test]
        fn bins_keep_the_mean(mask in prop::collection::vec(0f32..1.0, 1..80), bins in 1usize..40) {
            let found = of(&mask, bins);
            let mean = found[..bins].iter().sum::<f32>() / bins as f32;
            prop_assert!((mean - found[bins]).abs() < 1e-5);
        }
    }
}
