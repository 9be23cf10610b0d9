//! How alike two lists of values are; pure.

/// Spearman's rank correlation: Pearson's of the ranks, ties having their mean rank. `None` where
/// either list is constant.
///
/// Both lists have the same length.
pub(crate) fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    // Ranks add up to the same whatever the ties.
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let (mut products, mut a_squares, mut b_squares) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - mean, b - mean);
        products += a * b;
        a_squares += a * a;
        b_squares += b * b;
    }
    (a_squares > 0.0 && b_squares > 0.0).then(|| products / (a_squares * b_squares).sqrt())
}

/// Ranks from 1; tied values have the mean of their ranks.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = below as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&place| ranks[place] = rank);
        below += tied.len();
    }
    ranks
}

/// Jaccard index of the two sets of places that hold the largest `share` of the values; the
/// nearest number of places, but at least one. `None` for no values.
///
/// Places that tie for the rest of a set belong to it in equal parts, so that the order of tied
/// places decides nothing; the index of such sets is Σ min / Σ max.
pub(crate) fn jaccard(a: &[f32], b: &[f32], share: f64) -> Option<f64> {
    let (a, b) = (memberships(a, share), memberships(b, share));
    ratio(a.iter().zip(&b).map(|(a, b)| (a.min(*b), a.max(*b))))
}

/// How much each place belongs to the set of the largest values, 0 to 1.
fn memberships(values: &[f32], share: f64) -> Vec<f64> {
    let count = ((share * values.len() as f64).round() as usize).clamp(1, values.len().max(1));
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let Some(&last) = sorted.get(count - 1) else { return Vec::new() };
    let above = values.iter().filter(|value| **value > last).count();
    let tied = values.iter().filter(|value| **value == last).count();
    let part = (count - above) as f64 / tied as f64;
    let belongs = |value: &f32| match value {
        value if *value > last => 1.0,
        value if *value == last => part,
        _ => 0.0,
    };
    values.iter().map(belongs).collect()
}

/// Jaccard index of the places above 1/2; `None` where neither has one.
pub(crate) fn intersection_over_union(a: &[f32], b: &[f32]) -> Option<f64> {
    let is_read = |value: &f32| if *value > 0.5 { 1.0 } else { 0.0 };
    ratio(
        a.iter()
            .map(is_read)
            .zip(b.iter().map(is_read))
            .map(|(a, b): (f64, f64)| (a.min(b), a.max(b))),
    )
}

/// The sum of the first numbers over that of the second; `None` where that is 0.
fn ratio(pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (above, below) = pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    (below > 0.0).then(|| above / below)
}

/// ‖other − reference‖₂ / ‖reference‖₂; `None` where the reference is zero everywhere.
pub(crate) fn relative_distance(reference: &[f32], other: &[f32]) -> Option<f64> {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let length = norm(&mut reference.iter().map(|&value| f64::from(value)));
    let pairs = reference.iter().zip(other);
    let distance = norm(&mut pairs.map(|(r, o)| f64::from(*o) - f64::from(*r)));
    (length > 0.0).then(|| distance / length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    const A: [f32; 10] = [0.1, 0.9, 0.4, 0.4, 0.2, 0.7, 0.7, 0.7, 0.05, 0.3];
    const B: [f32; 10] = [0.2, 0.8, 0.1, 0.4, 0.4, 0.9, 0.6, 0.6, 0.05, 0.3];

    /// scipy.stats.spearmanr(A, B).statistic and numpy.linalg.norm(B - A) / numpy.linalg.norm(A),
    /// in 64 bits; the inputs here have 32.
    #[test]
    fn correlation_and_distance_are_those_of_scipy_and_numpy() {
        assert!((spearman(&A, &B).unwrap() - 0.845_237_696_629_581_8).abs() < 1e-12);
        assert!((relative_distance(&A, &B).unwrap() - 0.276_717_311_301_166_4).abs() < 1e-7);
    }

    /// The 3 largest of A are .9 and two of the three .7: 2/3 each. Those of B are .9, .8 and one
    /// of the two .6: 1/2 each. Places 1 and 5: 1 and 1, 2/3 and 1; places 6, 7: 2/3 and 1/2.
    #[test]
    fn tied_places_belong_in_equal_parts() {
        let expected = (1.0 + 2.0 / 3.0 + 0.5 + 0.5) / (1.0 + 1.0 + 2.0 / 3.0 + 2.0 / 3.0);
        assert!((jaccard(&A, &B, 0.3).unwrap() - expected).abs() < 1e-12);
        // Without ties: {1} and {5}; {1} and {1, 5} would be two shares.
        assert_eq!(jaccard(&A, &B, 0.1), Some(0.0));
        assert_eq!(jaccard(&A, &B, 1.0), Some(1.0));
        // A share that is less than one place is one place.
        assert_eq!(jaccard(&A, &A, 0.001), Some(1.0));
        // Above 1/2 are 1, 5, 6, 7 in both.
        assert_eq!(intersection_over_union(&A, &B), Some(1.0));
        assert_eq!(intersection_over_union(&A, &[0.6; 10]), Some(0.4));
    }

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!(spearman(&[0.5; 3], &[0.1, 0.2, 0.3]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(jaccard(&[], &[], 0.5), None);
        assert_eq!(intersection_over_union(&[0.5; 3], &[0.0; 3]), None);
        assert_eq!(relative_distance(&[0.0; 3], &[0.1; 3]), None);
        assert_eq!(relative_distance(&[0.1; 3], &[0.0; 3]), Some(1.0));
    }

    proptest! {
        /// Two random sets of the same k of n places share k²/n on average; here only the bounds,
        /// symmetry and that the order of the places does not matter.
        #[test]
        fn figures_are_symmetric_and_know_no_order(
            pairs in prop::collection::vec((0_u8..6, 0_u8..6), 2..40), share in 0.01_f64..1.0,
        ) {
            let values = |pairs: &[(u8, u8)], first: bool| -> Vec<f32> {
                pairs.iter().map(|p| f32::from(if first { p.0 } else { p.1 }) / 5.0).collect()
            };
            let reversed: Vec<_> = pairs.iter().rev().copied().collect();
            let (a, b) = (values(&pairs, true), values(&pairs, false));
            let (c, d) = (values(&reversed, true), values(&reversed, false));
            let close = |x: Option<f64>, y: Option<f64>| match (x, y) {
                (Some(x), Some(y)) => (x - y).abs() < 1e-9,
                (x, y) => x == y,
            };
            prop_assert!(close(spearman(&a, &b), spearman(&b, &a)));
            prop_assert!(close(spearman(&a, &b), spearman(&c, &d)));
            prop_assert!(close(jaccard(&a, &b, share), jaccard(&b, &a, share)));
            prop_assert!(close(jaccard(&a, &b, share), jaccard(&c, &d, share)));
            let index = jaccard(&a, &b, share).unwrap_or(-1.0);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&index));
            prop_assert!(close(jaccard(&a, &a, share), Some(1.0)));
        }
    }
}
