//! Explainers that say the same for every input.

use std::fmt;

use readlens_nn::Selection;

/// Above this mean correlation between the masks of different inputs, they are the same mask.
const SAME_MASK: f64 = 0.95;
/// Windows whose masks are compared pairwise.
const COMPARED: usize = 40;

/// A way of explaining nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Collapse {
    /// Nearly everything is kept.
    AllOnes,
    /// Nearly nothing is kept.
    AllZeros,
    /// Every input gets the same mask; the mean pairwise correlation.
    SameForEveryInput(f64),
}

impl fmt::Display for Collapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllOnes => f.write_str("the masks keep nearly everything"),
            Self::AllZeros => f.write_str("the masks keep nearly nothing"),
            Self::SameForEveryInput(correlation) => write!(
                f,
                "every input gets nearly the same mask (mean correlation {correlation:.2}): the \
                 Explainer explains positions, not sequences"
            ),
        }
    }
}

impl Collapse {
    /// What to change, where that is known; `selection` is the Explainer's.
    pub fn remedy(self, selection: Selection) -> Option<&'static str> {
        match (self, selection) {
            (Self::AllOnes, Selection::Threshold) => {
                Some("raise the price of a token, or train the classifier with mask augmentation")
            }
            (Self::AllZeros, Selection::Threshold) => {
                Some("lower the price of a token or the learning rate")
            }
            // The area is what was asked for.
            (Self::AllOnes, Selection::Share { .. }) => Some("choose a smaller area"),
            (Self::AllZeros, Selection::Share { .. }) => Some("choose a larger area"),
            (Self::SameForEveryInput(_), Selection::Threshold | Selection::Share { .. }) => None,
        }
    }
}

/// The collapse that `area` (mean over windows) and `correlation` of the masks show, if any.
pub fn find_collapse(area: f64, correlation: f64) -> Option<Collapse> {
    match area {
        _ if area > 0.98 => Some(Collapse::AllOnes),
        _ if area < 0.005 => Some(Collapse::AllZeros),
        _ if correlation > SAME_MASK => Some(Collapse::SameForEveryInput(correlation)),
        _ => None,
    }
}

/// Mean Pearson correlation between the masks of different windows, over the tokens that both have;
/// `masks`: `[window][mask][token]`, of which `output` is compared. 0 for fewer than two windows; 1
/// where both masks are constant.
pub(crate) fn mean_correlation(masks: &[Vec<Vec<f32>>], output: usize) -> f64 {
    let stride = masks.len().div_ceil(COMPARED).max(1);
    let chosen: Vec<&Vec<f32>> =
        masks.iter().step_by(stride).filter_map(|m| m.get(output)).collect();
    let (mut sum, mut pairs) = (0.0, 0);
    for (i, a) in chosen.iter().enumerate() {
        for b in &chosen[i + 1..] {
            sum += correlation(a, b);
            pairs += 1;
        }
    }
    if pairs == 0 { 0.0 } else { sum / f64::from(pairs) }
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len().min(b.len());
    if n == 0 {
        return 0.0;
    }
    let mean = |x: &[f32]| x[..n].iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&x, &y) in a[..n].iter().zip(&b[..n]) {
        let (x, y) = (f64::from(x) - mean_a, f64::from(y) - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa < 1e-12 && bb < 1e-12 {
        return 1.0;
    }
    if aa < 1e-12 || bb < 1e-12 { 0.0 } else { ab / (aa * bb).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mask_for_every_input_is_found_and_honest_masks_pass() {
        let same: Vec<Vec<Vec<f32>>> = (0..10)
            .map(|i| vec![(0..50).map(|t| (t % 7) as f32 + 0.01 * (i * t % 3) as f32).collect()])
            .collect();
        let correlation = mean_correlation(&same, 0);
        assert!(matches!(find_collapse(0.2, correlation), Some(Collapse::SameForEveryInput(_))));
        let moving: Vec<Vec<Vec<f32>>> = (0..10)
            .map(|i| vec![(0..50).map(|t| if t / 5 == i { 1.0 } else { 0.0 }).collect()])
            .collect();
        assert_eq!(find_collapse(0.1, mean_correlation(&moving, 0)), None);
        assert_eq!(find_collapse(0.999, 0.0), Some(Collapse::AllOnes));
        assert_eq!(find_collapse(0.001, 0.0), Some(Collapse::AllZeros));
    }
}
