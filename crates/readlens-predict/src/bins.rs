//! How often predictions are right, by how probable they are.

use serde::{Deserialize, Serialize};

/// Bins of probabilities, of equal width.
const BINS: usize = 15;

/// Predictions of about one probability: a point of a reliability diagram.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// Their probabilities are above this.
    pub above: f64,
    /// Their probabilities reach up to this.
    pub up_to: f64,
    /// Number of predictions, 1 or more.
    pub predictions: u64,
    /// Mean probability, 0 to 1.
    pub probability: f64,
    /// Fraction that is right, 0 to 1.
    pub accuracy: f64,
}

/// Sums over predictions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bins {
    /// Of each bin: predictions, right ones, sum of the probabilities.
    sums: [(u64, u64, f64); BINS],
}

impl Bins {
    /// Adds a prediction of probability `p`.
    pub(crate) fn add(&mut self, p: f64, is_right: bool) {
        let bin = ((p * BINS as f64).ceil() as usize).saturating_sub(1).min(BINS - 1);
        let (predictions, right, sum) = &mut self.sums[bin];
        *predictions += 1;
        *right += u64::from(is_right);
        *sum += p;
    }

    /// Expected calibration error, 0 to 1; none without predictions.
    pub(crate) fn error(&self) -> Option<f64> {
        let predictions: u64 = self.sums.iter().map(|(predictions, ..)| predictions).sum();
        let deviation: f64 =
            self.sums.iter().map(|(_, right, sum)| (*right as f64 - sum).abs()).sum();
        (predictions > 0).then(|| deviation / predictions as f64)
    }

    /// The bins that have predictions, from improbable to probable.
    pub(crate) fn filled(&self) -> Vec<Bin> {
        let bound = |bin: usize| bin as f64 / BINS as f64;
        let filled = self.sums.iter().enumerate().filter(|(_, (predictions, ..))| *predictions > 0);
        let of_bin = |(bin, (predictions, right, sum)): (usize, &(u64, u64, f64))| Bin {
            above: bound(bin),
            up_to: bound(bin + 1),
            predictions: *predictions,
            probability: sum / *predictions as f64,
            accuracy: *right as f64 / *predictions as f64,
        };
        filled.map(of_bin).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// Of 8 predictions with probability 0.7 six are right, of 4 with 0.95 one.
    #[test]
    fn bins_and_their_error_have_closed_forms() {
        let mut bins = Bins::default();
        assert_eq!((bins.error(), bins.filled()), (None, Vec::new()));
        for i in 0..8 {
            bins.add(0.7, i < 6);
        }
        for i in 0..4 {
            bins.add(0.95, i < 1);
        }
        let filled = bins.filled();
        // 0.7 is in (10/15, 11/15], 0.95 in (14/15, 1].
        let places: Vec<(f64, f64)> = filled.iter().map(|bin| (bin.above, bin.up_to)).collect();
        assert_eq!(places, [(10.0 / 15.0, 11.0 / 15.0), (14.0 / 15.0, 1.0)]);
        assert_eq!((filled[0].predictions, filled[0].accuracy), (8, 0.75));
        assert_eq!((filled[1].predictions, filled[1].accuracy), (4, 0.25));
        assert!((filled[0].probability - 0.7).abs() < 1e-12);
        let expected = (8.0 * (0.75 - 0.7) + 4.0 * (0.95 - 0.25)) / 12.0;
        assert!((bins.error().unwrap() - expected).abs() < 1e-12);
    }
}
