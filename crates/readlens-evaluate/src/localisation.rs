//! Whether a mask lies on the tokens that it should.

/// Figures of one mask against the positive tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Localisation {
    pub(crate) average_precision: f64,
    pub(crate) intersection_over_union: f64,
    pub(crate) pointing: f64,
    pub(crate) mass: f64,
    pub(crate) prevalence: f64,
}

/// Compares a mask with the truth; `None` where no token is positive.
///
/// All three have one value per real token.
pub(crate) fn localise(mask: &[f64], hard: &[bool], positive: &[bool]) -> Option<Localisation> {
    let positives = positive.iter().filter(|p| **p).count();
    if positives == 0 {
        return None;
    }
    Some(Localisation {
        average_precision: average_precision(mask, positive, positives),
        intersection_over_union: intersection_over_union(hard, positive),
        pointing: pointing(mask, positive),
        mass: mass(mask, positive),
        prevalence: positives as f64 / positive.len() as f64,
    })
}

/// Area under the precision-recall curve as average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over the
/// thresholds. Tokens with equal values pass a threshold together, so the order of tied tokens
/// does not matter and a constant mask scores the prevalence.
///
/// Source: Zhu 2004, "Recall, precision and average precision"; as scikit-learn's
/// `average_precision_score`.
fn average_precision(mask: &[f64], positive: &[bool], positives: usize) -> f64 {
    let mut order: Vec<usize> = (0..mask.len()).collect();
    order.sort_unstable_by(|&a, &b| mask[b].total_cmp(&mask[a]));
    let (mut passed, mut found, mut area) = (0_usize, 0_usize, 0.0);
    for tied in order.chunk_by(|&a, &b| mask[a] == mask[b]) {
        let hits = tied.iter().filter(|&&token| positive[token]).count();
        passed += tied.len();
        found += hits;
        area += hits as f64 / positives as f64 * (found as f64 / passed as f64);
    }
    area
}

/// |read ∩ positive| / |read ∪ positive|.
fn intersection_over_union(hard: &[bool], positive: &[bool]) -> f64 {
    let both = hard.iter().zip(positive).filter(|(h, p)| **h && **p).count();
    let either = hard.iter().zip(positive).filter(|(h, p)| **h || **p).count();
    both as f64 / either as f64
}

/// The pointing game: 1 if the largest value is on a positive token, else 0; among several
/// largest values, the share that is.
///
/// Source: Zhang et al. 2018, "Top-down neural attention by excitation backprop", section 4.1.
fn pointing(mask: &[f64], positive: &[bool]) -> f64 {
    let largest = mask.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let peaks = mask.iter().zip(positive).filter(|(m, _)| **m == largest);
    let (hits, all) = peaks.fold((0, 0), |(hits, all), (_, p)| (hits + u32::from(*p), all + 1));
    f64::from(hits) / f64::from(all)
}

/// Share of the mask's sum on positive tokens; 0 for a mask that is zero everywhere.
fn mass(mask: &[f64], positive: &[bool]) -> f64 {
    let total: f64 = mask.iter().sum();
    let inside: f64 = mask.iter().zip(positive).filter(|(_, p)| **p).map(|(m, _)| m).sum();
    if total > 0.0 { inside / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(mask: &[f64], positive: &[u8]) -> Localisation {
        let hard: Vec<bool> = mask.iter().map(|&m| m > 0.5).collect();
        let positive: Vec<bool> = positive.iter().map(|&p| p == 1).collect();
        localise(mask, &hard, &positive).expect("a token is positive")
    }

    /// By hand: thresholds .8 (1 of 1 found), .4 (1 of 2), .35 (2 of 3), .1 (2 of 4), so
    /// ½ · 1 + ½ · ⅔ = .8333; sklearn's example of average_precision_score has the same answer.
    #[test]
    fn average_precision_agrees_with_the_hand_and_with_sklearn() {
        let found = of(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]);
        assert!((found.average_precision - 5.0 / 6.0).abs() < 1e-12);
        // Hard reads the last token only: 1 of 2.
        assert_eq!(found.intersection_over_union, 0.5);
        assert_eq!(found.pointing, 1.0);
        assert!((found.mass - 1.15 / 1.65).abs() < 1e-12);
        assert_eq!(found.prevalence, 0.5);
    }

    /// Two tied tokens, one positive, pass together: ½ · ½ + ½ · ⅔ = .5833, whatever their order.
    /// sklearn: average_precision_score([1, 0, 1], [.9, .9, .5]) == 0.5833….
    #[test]
    fn ties_pass_a_threshold_together() {
        for positive in [[1, 0, 1], [0, 1, 1]] {
            let found = of(&[0.9, 0.9, 0.5], &positive);
            assert!((found.average_precision - 7.0 / 12.0).abs() < 1e-12);
            assert_eq!(found.pointing, 0.5);
        }
    }

    #[test]
    fn a_perfect_mask_scores_one_and_its_opposite_little() {
        let perfect = of(&[0.0, 1.0, 1.0, 0.0], &[0, 1, 1, 0]);
        let scores = [
            perfect.average_precision,
            perfect.intersection_over_union,
            perfect.pointing,
            perfect.mass,
        ];
        assert_eq!(scores, [1.0; 4]);
        let opposite = of(&[1.0, 0.0, 0.0, 1.0], &[0, 1, 1, 0]);
        // Both positives come last, together: precision 2 of 4.
        assert_eq!(opposite.average_precision, 0.5);
        assert_eq!(
            (opposite.intersection_over_union, opposite.pointing, opposite.mass),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn an_empty_mask_has_no_mass_and_no_truth_has_no_figures() {
        assert_eq!(of(&[0.0, 0.0], &[1, 0]).mass, 0.0);
        assert_eq!(localise(&[0.5], &[true], &[false]), None);
        assert_eq!(localise(&[], &[], &[]), None);
    }

    proptest! {
        /// A blind mask scores the prevalence on every metric but IoU.
        #[test]
        fn a_constant_mask_scores_the_prevalence(
            positive in prop::collection::vec(0u8..2, 1..60), level in 0.01f64..1.0,
        ) {
            prop_assume!(positive.contains(&1));
            let found = of(&vec![level; positive.len()], &positive);
            for score in [found.average_precision, found.pointing, found.mass] {
                prop_assert!((score - found.prevalence).abs() < 1e-9);
            }
        }

        #[test]
        fn average_precision_depends_on_the_order_of_the_values_alone(
            tokens in prop::collection::vec((0u8..6, 0u8..2), 1..40),
        ) {
            let positive: Vec<u8> = tokens.iter().map(|t| t.1).collect();
            prop_assume!(positive.contains(&1));
            let mask: Vec<f64> = tokens.iter().map(|t| f64::from(t.0) / 5.0).collect();
            let squared: Vec<f64> = mask.iter().map(|m| m * m).collect();
            let (a, b) = (of(&mask, &positive), of(&squared, &positive));
            prop_assert_eq!(a.average_precision, b.average_precision);
            prop_assert!(a.average_precision <= 1.0 + 1e-12);
        }
    }
}
