//! Whether two masks put the tokens in the same order.

/// Kendall's tau-b: (concordant − discordant pairs) / √((pairs − pairs tied in a) (pairs − pairs
/// tied in b)); none where either has no two different values, as nothing is ordered then.
///
/// In O(n log n): Knight 1966, "A computer method for calculating Kendall's tau with ungrouped
/// data".
pub(crate) fn kendall_tau_b(a: &[f32], b: &[f32]) -> Option<f64> {
    let mut order: Vec<usize> = (0..a.len().min(b.len())).collect();
    order.sort_unstable_by(|&i, &j| a[i].total_cmp(&a[j]).then(b[i].total_cmp(&b[j])));
    let pairs = |count: usize| (count as u64) * (count as u64).saturating_sub(1) / 2;
    let all = pairs(order.len());
    let tied_in_a: u64 = order.chunk_by(|&i, &j| a[i] == a[j]).map(|run| pairs(run.len())).sum();
    let tied_in_both: u64 =
        order.chunk_by(|&i, &j| a[i] == a[j] && b[i] == b[j]).map(|run| pairs(run.len())).sum();
    let mut values: Vec<f32> = order.iter().map(|&i| b[i]).collect();
    let exchanges = exchanges(&mut values);
    let tied_in_b: u64 = values.chunk_by(|x, y| x == y).map(|run| pairs(run.len())).sum();
    let ordered = ((all - tied_in_a) as f64) * ((all - tied_in_b) as f64);
    if ordered == 0.0 {
        return None;
    }
    let difference =
        (all + tied_in_both) as f64 - (tied_in_a + tied_in_b) as f64 - 2.0 * exchanges as f64;
    Some(difference / ordered.sqrt())
}

/// Sorts `values` and counts the pairs that were in the wrong order.
fn exchanges(values: &mut [f32]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut count = exchanges(left) + exchanges(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        if j == right.len() || i < left.len() && left[i] <= right[j] {
            merged.push(left[i]);
            i += 1;
        } else {
            merged.push(right[j]);
            count += (left.len() - i) as u64;
            j += 1;
        }
    }
    values.copy_from_slice(&merged);
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition, pair by pair.
    fn by_pairs(a: &[f32], b: &[f32]) -> Option<f64> {
        let sign = |x: f32, y: f32| f64::from(i8::from(x > y) - i8::from(x < y));
        let (mut both, mut in_a, mut in_b) = (0.0, 0.0, 0.0);
        for i in 0..a.len() {
            for j in 0..i {
                let (s, t) = (sign(a[i], a[j]), sign(b[i], b[j]));
                both += s * t;
                in_a += s * s;
                in_b += t * t;
            }
        }
        (in_a * in_b > 0.0).then(|| both / f64::sqrt(in_a * in_b))
    }

    /// scipy 1.x: kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]).statistic == -0.47140452079103173
    #[test]
    fn tau_agrees_with_scipy() {
        let tau = kendall_tau_b(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]);
        assert!((tau.unwrap_or_default() + 0.471_404_520_791_031_73).abs() < 1e-12);
        assert_eq!(kendall_tau_b(&[0.1, 0.2, 0.3], &[0.5, 0.6, 0.9]), Some(1.0));
        assert_eq!(kendall_tau_b(&[0.1, 0.2, 0.3], &[0.9, 0.6, 0.5]), Some(-1.0));
        assert_eq!(kendall_tau_b(&[0.5; 3], &[0.1, 0.2, 0.3]), None);
        assert_eq!(kendall_tau_b(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn tau_is_that_of_the_pairs(values in prop::collection::vec((0u8..6, 0u8..6), 0..40)) {
            let a: Vec<f32> = values.iter().map(|v| f32::from(v.0)).collect();
            let b: Vec<f32> = values.iter().map(|v| f32::from(v.1)).collect();
            match (kendall_tau_b(&a, &b), by_pairs(&a, &b)) {
                (Some(found), Some(wanted)) => prop_assert!((found - wanted).abs() < 1e-12),
                (found, wanted) => prop_assert_eq!(found, wanted),
            }
        }
    }
}
