use rand::Rng;
use readlens_fault::{Fault, Result};
use readlens_random::stream;

/// Largest weight: more has a probability of 6e-11.
const MAX_WEIGHT: usize = 12;
/// Maximum number of replicates: far beyond what a percentile needs, and memory grows with it.
const MAX_REPLICATES: u32 = 100_000;
/// Share of the replicates outside the interval on each side.
const TAIL: f64 = 0.025;

/// The Poisson bootstrap: in every replicate a record counts Poisson(1) times.
///
/// Drawing independent Poisson weights instead of a multinomial sample lets rows stream past
/// once, in any number (Hanley & MacGibbon 2006, "Creating non-parametric bootstrap samples using
/// Poisson frequencies"; Chamandy, Muralidharan, Najmi & Naidu 2012, "Estimating uncertainty for
/// massive data streams"). A record's weights depend on the seed and its id alone, so all its
/// windows are resampled together and all figures share the replicates.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    seed: u64,
    replicates: usize,
    /// `thresholds[w]`: a uniform 32-bit number at or above it has a weight above `w`.
    thresholds: [u32; MAX_WEIGHT],
}

/// Refuses a number of bootstrap replicates that is too large.
///
/// # Errors
/// A usage fault that names the option `--replicates`.
pub fn check_replicates(replicates: u32) -> Result<()> {
    if replicates > MAX_REPLICATES {
        return Err(Fault::usage(format!(
            "--replicates is {replicates}; give a maximum of {MAX_REPLICATES}"
        )));
    }
    Ok(())
}

impl Bootstrap {
    /// Weights in `replicates` replicates, drawn by `seed`.
    pub fn new(seed: u64, replicates: usize) -> Self {
        let mut thresholds = [0; MAX_WEIGHT];
        let mut probability = (-1.0_f64).exp();
        let mut cumulative = 0.0;
        for (weight, threshold) in thresholds.iter_mut().enumerate() {
            cumulative += probability;
            probability /= (weight + 1) as f64;
            // A cast from float to integer saturates.
            *threshold = (cumulative * 2.0_f64.powi(32)).round() as u32;
        }
        Self { seed, replicates, thresholds }
    }

    /// Number of replicates.
    pub fn replicates(&self) -> usize {
        self.replicates
    }

    /// The weight of the record `id` in every replicate.
    pub fn weights(&self, id: &str) -> Vec<f64> {
        let mut random = stream(self.seed, &format!("bootstrap/{id}"));
        (0..self.replicates).map(|_| f64::from(self.weight(random.next_u32()))).collect()
    }

    fn weight(&self, uniform: u32) -> u32 {
        self.thresholds.iter().map(|&threshold| u32::from(uniform >= threshold)).sum()
    }
}

/// The 95 % percentile interval of replicate figures; none without figures.
pub(crate) fn interval(mut figures: Vec<f64>) -> Option<(f64, f64)> {
    if figures.is_empty() {
        return None;
    }
    figures.sort_unstable_by(f64::total_cmp);
    Some((quantile(&figures, TAIL), quantile(&figures, 1.0 - TAIL)))
}

/// Linear interpolation between order statistics (Hyndman & Fan 1996, type 7).
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * p;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_poisson_with_mean_one() {
        let bootstrap = Bootstrap::new(1, 400_000);
        let weights = bootstrap.weights("record");
        // e^-1 / w!
        for (weight, probability) in
            [(0.0, 0.367_879), (1.0, 0.367_879), (2.0, 0.183_940), (3.0, 0.061_313)]
        {
            let share =
                weights.iter().filter(|w| **w == weight).count() as f64 / weights.len() as f64;
            // Four standard errors are at most .0031.
            assert!((share - probability).abs() < 0.0031, "{weight}: {share}");
        }
        assert_eq!(bootstrap.weight(0), 0);
        assert_eq!(bootstrap.weight(u32::MAX), 12);
    }

    #[test]
    fn weights_depend_on_seed_and_id_alone() {
        let weights = |seed, id| Bootstrap::new(seed, 50).weights(id);
        assert_eq!(weights(1, "a"), weights(1, "a"));
        assert_ne!(weights(1, "a"), weights(2, "a"));
        assert_ne!(weights(1, "a"), weights(1, "b"));
        // Fewer replicates are the first of more.
        assert_eq!(Bootstrap::new(1, 9).weights("a"), weights(1, "a")[..9]);
    }

    #[test]
    fn percentiles_interpolate_between_order_statistics() {
        // numpy.percentile(range(1, 102), [2.5, 97.5]) is [3.5, 98.5].
        let figures: Vec<f64> = (1..102).rev().map(f64::from).collect();
        assert_eq!(interval(figures), Some((3.5, 98.5)));
        assert_eq!(interval(vec![2.0]), Some((2.0, 2.0)));
        assert_eq!(interval(vec![]), None);
    }
}
