/// Share of the largest learning rate that is left at the end.
const LAST_SHARE: f64 = 0.01;

/// Learning rate of `step` (from 0) of `steps`: linear warm-up, then a cosine down to 1 % of
/// `largest` (Loshchilov & Hutter 2017).
pub(crate) fn learning_rate(largest: f64, warm_up: f64, step: usize, steps: usize) -> f64 {
    let rising = (warm_up * steps as f64).ceil();
    let step = step as f64;
    if step < rising {
        return largest * (step + 1.0) / rising;
    }
    let progress = (step - rising) / (steps as f64 - rising).max(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
    largest * (LAST_SHARE + (1.0 - LAST_SHARE) * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_largest_and_falls_to_a_hundredth() {
        let rates: Vec<f64> = (0..101).map(|s| learning_rate(2.0, 0.1, s, 101)).collect();
        assert!((rates[10] - 2.0).abs() < 1e-12 && (rates[11] - 2.0).abs() < 1e-12);
        assert!(rates[..11].windows(2).all(|w| w[0] < w[1]));
        assert!(rates[11..].windows(2).all(|w| w[0] > w[1]));
        assert!(rates[100] < 0.022 && rates[100] >= 0.02);
    }
}
