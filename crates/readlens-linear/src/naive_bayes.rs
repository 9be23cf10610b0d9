use crate::affine::Affine;
use crate::dense::{BATCH, gather};
use crate::examples::Examples;

/// Multinomial naive Bayes with additive (Laplace) smoothing.
///
/// An example of class c draws its counts from the class's distribution over features:
/// ln P(c | x) = ln n_c / n + Σ_f x_f ln θ_cf + const, with
/// θ_cf = (N_cf + α) / (N_c + α F), where N_cf is the sum of feature f over the examples of c.
///
/// Source: Manning, Raghavan & Schütze 2008, "Introduction to Information Retrieval", section 13.2;
/// as scikit-learn's `MultinomialNB`.
#[derive(Clone, Debug, PartialEq)]
pub struct NaiveBayes {
    priors: Vec<f64>,
    logarithms: Vec<f64>,
    scores: Affine,
}

impl NaiveBayes {
    /// Counts the features of `classes` classes; `smoothing` is α, above 0.
    ///
    /// # Panics
    /// An example's class is `classes` or more.
    pub fn fit(examples: &impl Examples, classes: usize, smoothing: f64) -> Self {
        let features = examples.features();
        let mut counts = vec![0u64; classes];
        let mut sums = vec![0f64; classes * features];
        let mut rows = Vec::new();
        let all: Vec<u32> = (0..examples.count() as u32).collect();
        for chosen in all.chunks(BATCH) {
            gather(examples, chosen, &mut rows);
            for (&example, row) in chosen.iter().zip(rows.chunks(features.max(1))) {
                let class = examples.class(example as usize) as usize;
                counts[class] += 1;
                let sums = &mut sums[class * features..(class + 1) * features];
                sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        }
        let total: u64 = counts.iter().sum();
        let priors: Vec<f64> = counts.iter().map(|&n| (n as f64 / total as f64).ln()).collect();
        let mut logarithms = Vec::with_capacity(sums.len());
        for sums in sums.chunks(features.max(1)) {
            let total = sums.iter().sum::<f64>() + smoothing * features as f64;
            logarithms.extend(sums.iter().map(|sum| ((sum + smoothing) / total).ln()));
        }
        let scores = Affine {
            features,
            offsets: priors.iter().map(|&prior| prior as f32).collect(),
            weights: centred(&logarithms, classes, features),
        };
        Self { priors, logarithms, scores }
    }

    /// ln n_c / n of every class; minus infinity without examples.
    pub fn log_priors(&self) -> &[f64] {
        &self.priors
    }

    /// ln θ of every feature, class by class.
    pub fn log_likelihoods(&self) -> &[f64] {
        &self.logarithms
    }

    /// The most probable class of every example, the first of equally probable ones.
    ///
    /// # Panics
    /// The examples have another number of features than those it was fitted on.
    pub fn predict(&self, examples: &impl Examples) -> Vec<u32> {
        self.scores.predict(examples)
    }
}

/// The logarithms less their mean over the classes, which says nothing about the class: sums of
/// small numbers keep the digits that decide.
fn centred(logarithms: &[f64], classes: usize, features: usize) -> Vec<f32> {
    let mut means = vec![0f64; features];
    for row in logarithms.chunks(features.max(1)) {
        means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / classes as f64);
    }
    let rows = logarithms.chunks(features.max(1));
    rows.flat_map(|row| row.iter().zip(&means).map(|(x, mean)| (x - mean) as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counts<'a>(&'a [([f32; 3], u32)]);

    impl Examples for Counts<'_> {
        fn count(&self) -> usize {
            self.0.len()
        }
        fn features(&self) -> usize {
            3
        }
        fn write(&self, example: usize, features: &mut [f32]) {
            features.copy_from_slice(&self.0[example].0);
        }
        fn class(&self, example: usize) -> u32 {
            self.0[example].1
        }
    }

    const EXAMPLES: [([f32; 3], u32); 4] =
        [([2.0, 1.0, 0.0], 0), ([1.0, 0.0, 0.0], 0), ([0.0, 1.0, 3.0], 1), ([4.0, 0.0, 1.0], 0)];

    /// Class 0 has the sums 7, 1, 1 of 9 and class 1 has 0, 1, 3 of 4; α is 1 and there are 3
    /// features, so θ is 8/12, 2/12, 2/12 and 1/7, 2/7, 4/7.
    #[test]
    fn the_estimates_are_the_smoothed_shares() {
        let model = NaiveBayes::fit(&Counts(&EXAMPLES), 2, 1.0);
        let expected = [8.0 / 12.0, 2.0 / 12.0, 2.0 / 12.0, 1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0];
        for (found, expected) in model.log_likelihoods().iter().zip(expected) {
            assert!((found - f64::ln(expected)).abs() < 1e-12, "{found} {expected}");
        }
        let expected = [0.75_f64.ln(), 0.25_f64.ln()];
        for (found, expected) in model.log_priors().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    /// Log odds of class 0 by hand: ln 3 for the prior, and per count ln(14/3), ln(7/12), ln(7/24).
    #[test]
    fn the_larger_posterior_wins() {
        let model = NaiveBayes::fit(&Counts(&EXAMPLES), 2, 1.0);
        let asked = [
            // The prior alone.
            ([0.0, 0.0, 0.0], 0),
            // 3 · 7/24 = .875 < 1.
            ([0.0, 0.0, 1.0], 1),
            // 3 · 7/12 = 1.75, and with two .5 · … = 1.02, with three .595.
            ([0.0, 2.0, 0.0], 0),
            ([0.0, 3.0, 0.0], 1),
            // 3 · 14/3 · 7/24 = 4.08, with another third feature 1.19, then .347.
            ([1.0, 0.0, 2.0], 0),
            ([1.0, 0.0, 3.0], 1),
        ];
        let expected: Vec<u32> = asked.iter().map(|(_, class)| *class).collect();
        assert_eq!(model.predict(&Counts(&asked)), expected);
    }

    #[test]
    fn a_class_without_examples_is_never_predicted() {
        let model = NaiveBayes::fit(&Counts(&EXAMPLES), 3, 1.0);
        assert_eq!(model.log_priors()[2], f64::NEG_INFINITY);
        assert_eq!(model.predict(&Counts(&EXAMPLES)), [0, 0, 1, 0]);
    }
}
