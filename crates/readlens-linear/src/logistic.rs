use rand::seq::SliceRandom;
use readlens_kernels::AdamWStep;
use readlens_random::stream;

use crate::affine::Affine;
use crate::blocks::{BLOCK, Blocks};
use crate::dense::{BATCH, gather};
use crate::examples::Examples;
use crate::fitting::{Fitted, Fitting};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Multinomial logistic regression: P(c | x) = softmax(W x + b)_c.
///
/// The objective is the mean of −ln P(class | x) over the examples and λ/2 · Σ w². Source: Bishop
/// 2006, "Pattern Recognition and Machine Learning", section 4.3.4; scikit-learn's
/// `LogisticRegression` has the same with C = 1 / (n λ).
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression(Affine);

impl LogisticRegression {
    /// Fits a model of `classes` classes to `train`, and keeps the epoch that is best on `valid`.
    ///
    /// `watch` is told the share of the work that is done before every step, and may end the work
    /// with an error. The result depends on the instruction set but not on the number of threads.
    ///
    /// # Errors
    /// That of `watch`.
    ///
    /// # Panics
    /// An example's class is `classes` or more, or the two sets have different features.
    pub fn fit<E>(
        train: &impl Examples,
        valid: &impl Examples,
        classes: usize,
        fitting: &Fitting,
        mut watch: impl FnMut(f64) -> Result<(), E>,
    ) -> Result<Fitted, E> {
        let count = train.count();
        let mut blocks = Blocks::new(train.features(), classes, BLOCK);
        let mut order: Vec<u32> = (0..count as u32).collect();
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        let steps = fitting.epochs as usize * count.div_ceil(BATCH);
        let mut step = 0_usize;
        let known: Vec<u32> = (0..valid.count()).map(|i| valid.class(i)).collect();
        let mut fitted = Fitted { model: Self(blocks.affine()), accuracies: Vec::new(), best: 0 };
        for epoch in 0..fitting.epochs {
            order.shuffle(&mut stream(fitting.seed, &format!("order/epoch {epoch}")));
            for chosen in order.chunks(BATCH) {
                watch(step as f64 / steps as f64)?;
                gather(train, chosen, &mut rows);
                labels.clear();
                labels.extend(chosen.iter().map(|&example| train.class(example as usize)));
                blocks.differentiate(&rows, &labels, fitting.penalty);
                blocks.step(adam(fitting.rate, step, steps));
                step += 1;
            }
            let model = blocks.affine();
            if known.is_empty() {
                fitted.model = Self(model);
                fitted.best = epoch as usize;
                continue;
            }
            let accuracy = accuracy(&model.predict(valid), &known);
            fitted.accuracies.push(accuracy);
            if epoch == 0 || accuracy > fitted.accuracies[fitted.best] {
                fitted.best = epoch as usize;
                fitted.model = Self(model);
            } else if epoch as usize - fitted.best >= fitting.patience as usize {
                break;
            }
        }
        Ok(fitted)
    }

    /// b, one per class.
    pub fn offsets(&self) -> &[f32] {
        &self.0.offsets
    }

    /// W, one per feature, class by class.
    pub fn weights(&self) -> &[f32] {
        &self.0.weights
    }

    /// The most probable class of every example, the first of equally probable ones.
    ///
    /// # Panics
    /// The examples have another number of features than those it was fitted on.
    pub fn predict(&self, examples: &impl Examples) -> Vec<u32> {
        self.0.predict(examples)
    }

    /// ln P(class | x) of every example's own class, in nats, at most 0.
    ///
    /// # Panics
    /// The examples have another number of features, or a class that the model does not know.
    pub fn log_likelihoods(&self, examples: &impl Examples) -> Vec<f64> {
        self.0.log_likelihoods(examples)
    }
}

fn accuracy(predicted: &[u32], known: &[u32]) -> f64 {
    let right = predicted.iter().zip(known).filter(|(a, b)| a == b).count();
    right as f64 / known.len() as f64
}

/// What Adam does in step `step`, from 0, of `steps`.
fn adam(rate: f32, step: usize, steps: usize) -> AdamWStep {
    let time = step as f64 / steps as f64;
    let rate = f64::from(rate) * (1.0 + (std::f64::consts::PI * time).cos()) / 2.0;
    let power = |beta: f32| f64::from(beta).powi(i32::try_from(step + 1).unwrap_or(i32::MAX));
    AdamWStep {
        beta_1: BETA_1,
        beta_2: BETA_2,
        rate: (rate / (1.0 - power(BETA_1))) as f32,
        root: (1.0 / (1.0 - power(BETA_2)).sqrt()) as f32,
        epsilon: EPSILON,
        keep: 1.0,
        scale: 1.0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::convert::Infallible;

    use super::*;

    struct Points<'a>(&'a [[f32; 2]], &'a [u32]);

    impl Examples for Points<'_> {
        fn count(&self) -> usize {
            self.0.len()
        }
        fn features(&self) -> usize {
            2
        }
        fn write(&self, example: usize, features: &mut [f32]) {
            features.copy_from_slice(&self.0[example]);
        }
        fn class(&self, example: usize) -> u32 {
            self.1[example]
        }
    }

    const POINTS: [[f32; 2]; 8] = [
        [1.0, 0.0],
        [2.0, 1.0],
        [0.0, 1.0],
        [0.0, 3.0],
        [1.0, 1.0],
        [3.0, 0.0],
        [1.0, 2.0],
        [2.0, 2.0],
    ];
    const CLASSES: [u32; 8] = [0, 0, 1, 1, 2, 0, 1, 2];
    const NOTHING: Points<'static> = Points(&[], &[]);

    fn fit(valid: &Points, fitting: &Fitting) -> Fitted {
        let train = Points(&POINTS, &CLASSES);
        let watch = |_| Ok::<(), Infallible>(());
        LogisticRegression::fit(&train, valid, 3, fitting, watch).unwrap()
    }

    const LONG: Fitting =
        Fitting { epochs: 4000, patience: 4000, rate: 0.02, penalty: 0.05, seed: 1 };

    /// scikit-learn 1.x: LogisticRegression(C=1/(8 * penalty), tol=1e-12, max_iter=10000).
    #[test]
    fn the_optimum_is_that_of_scikit_learn() {
        let expected = [
            (
                0.05,
                [0.963_465, -1.335_228, -1.335_228, 0.963_465, 0.371_763, 0.371_763],
                [0.370_373, 0.370_373, -0.740_745],
            ),
            (
                0.5,
                [0.285_387, -0.388_142, -0.388_142, 0.285_387, 0.102_754, 0.102_754],
                [0.221_001, 0.221_001, -0.442_003],
            ),
        ];
        for (penalty, weights, offsets) in expected {
            let model = fit(&NOTHING, &Fitting { penalty, ..LONG }).model;
            for (found, expected) in model.weights().iter().zip(weights) {
                assert!((found - expected).abs() < 1e-3, "{penalty}: {:?}", model.weights());
            }
            // Offsets that differ by a constant are the same model.
            let mean = model.offsets().iter().sum::<f32>() / 3.0;
            for (found, expected) in model.offsets().iter().zip(offsets) {
                assert!((found - mean - expected).abs() < 1e-3, "{:?}", model.offsets());
            }
        }
    }

    #[test]
    fn the_first_of_the_best_epochs_is_kept() {
        // Of two classes, which are never both right, one is learned first.
        let valid = Points(&POINTS[..2], &CLASSES[..2]);
        let fitted = fit(&valid, &Fitting { patience: 2, ..LONG });
        let best = fitted.accuracies.iter().copied().fold(0.0, f64::max);
        let first = fitted.accuracies.iter().position(|&a| a == best).unwrap();
        assert_eq!((fitted.best, fitted.accuracies.len()), (first, first + 3));
        let predicted = fitted.model.predict(&valid);
        assert_eq!(accuracy(&predicted, &CLASSES[..2]), best);
        // Without validation examples the last epoch is kept.
        let last = fit(&NOTHING, &Fitting { epochs: 3, ..LONG });
        assert_eq!((last.best, last.accuracies.len()), (2, 0));
    }

    #[test]
    fn the_watcher_ends_the_work() {
        let train = Points(&POINTS, &CLASSES);
        let watch = |done| if done > 0.5 { Err(done) } else { Ok(()) };
        let outcome = LogisticRegression::fit(&train, &NOTHING, 3, &LONG, watch);
        assert_eq!(outcome.unwrap_err(), 2001.0 / 4000.0);
    }
}
