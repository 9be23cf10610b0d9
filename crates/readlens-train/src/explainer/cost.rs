//! What masks cost by the terms of the loss, from predictions alone: no gradient is needed.

use readlens_nn::objective::LossWeights;

/// Smallest probability that a logarithm is taken of: that of an f32.
const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// Cross-entropy of the targets at a rank: the mean over windows that have one; none where none
/// has.
pub(crate) fn classification(
    predictions: &[Vec<Vec<f32>>],
    targets: &[Vec<Option<usize>>],
    rank: usize,
) -> Option<f64> {
    let known = predictions.iter().zip(targets);
    let losses =
        known.filter_map(|(p, target)| Some(-f64::from(p[rank][target[rank]?]).max(LEAST).ln()));
    let (count, sum) = losses.fold((0u32, 0.0), |(count, sum), loss| (count + 1, sum + loss));
    (count > 0).then(|| sum / f64::from(count))
}

/// The weighted terms of an inverse-masked prediction that should say nothing, at a rank: the mean
/// over windows, of which there is at least one.
pub(crate) fn uninformative(
    predictions: &[Vec<Vec<f32>>],
    rank: usize,
    weights: &LossWeights,
) -> f64 {
    let term = |p: &[f32]| {
        if p.len() < 2 {
            return 0.0;
        }
        let most = (p.len() as f64).ln();
        let log = |p: &f32| f64::from(*p).max(LEAST).ln();
        let entropy: f64 = p.iter().map(|p| -f64::from(*p) * log(p)).sum();
        let mean_log = p.iter().map(log).sum::<f64>() / p.len() as f64;
        weights.entropy * (1.0 - entropy / most) + weights.uniform_kl * (-mean_log / most - 1.0)
    };
    predictions.iter().map(|window| term(&window[rank])).sum::<f64>() / predictions.len() as f64
}

/// The weighted area and total variation of hard masks: the mean over windows, of which there is at
/// least one.
pub(crate) fn of_shape(masks: &[Vec<f32>], weights: &LossWeights) -> f64 {
    let of_mask = |mask: &Vec<f32>| {
        let area = f64::from(mask.iter().sum::<f32>()) / mask.len().max(1) as f64;
        weights.area * area + weights.total_variation * total_variation(mask)
    };
    masks.iter().map(of_mask).sum::<f64>() / masks.len() as f64
}

/// Mean absolute difference of neighbouring tokens.
fn total_variation(mask: &[f32]) -> f64 {
    let sum: f64 = mask.windows(2).map(|pair| f64::from((pair[1] - pair[0]).abs())).sum();
    sum / mask.len().saturating_sub(1).max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// Two windows of one rank of two taxa. Shown: p(target) = .9 and .8; hidden: .5 each.
    #[test]
    fn predictions_cost_what_the_terms_of_the_loss_say() {
        let predictions = |first: f32, second: f32| {
            vec![vec![vec![first, 1.0 - first]], vec![vec![1.0 - second, second]]]
        };
        let targets = vec![vec![Some(0)], vec![Some(1)]];
        let shown = classification(&predictions(0.9, 0.8), &targets, 0).unwrap();
        assert!((shown - (-(0.9f64.ln()) - 0.8f64.ln()) / 2.0).abs() < 1e-7, "{shown}");
        assert_eq!(classification(&predictions(0.9, 0.8), &[vec![None], vec![None]], 0), None);
        let weights =
            LossWeights { entropy: 2.0, uniform_kl: 3.0, area: 1.0, total_variation: 0.0 };
        assert!(uninformative(&predictions(0.5, 0.5), 0, &weights).abs() < 1e-6);
        let entropy = |p: f64| -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());
        let term = |p: f64| {
            let kl = -0.5 * (p.ln() + (1.0 - p).ln()) / 2f64.ln() - 1.0;
            2.0 * (1.0 - entropy(p) / 2f64.ln()) + 3.0 * kl
        };
        let found = uninformative(&predictions(0.9, 0.8), 0, &weights);
        assert!((found - (term(0.9) + term(0.8)) / 2.0).abs() < 1e-6, "{found}");
    }

    #[test]
    fn a_shape_costs_its_area_and_its_steps() {
        assert_eq!(total_variation(&[0.0, 1.0, 1.0, 0.0]), 2.0 / 3.0);
        assert_eq!(total_variation(&[1.0]), 0.0);
        assert_eq!(total_variation(&[]), 0.0);
        let weights =
            LossWeights { entropy: 1.0, uniform_kl: 0.0, area: 3.0, total_variation: 0.5 };
        let masks = [vec![0.0, 1.0, 1.0, 0.0], vec![1.0; 4]];
        let expected = (3.0 * 0.5 + 0.5 * 2.0 / 3.0 + 3.0) / 2.0;
        assert!((of_shape(&masks, &weights) - expected).abs() < 1e-12);
    }
}
