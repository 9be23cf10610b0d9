//! Weights of several scores of the same classes, by likelihood.

use rayon::prelude::*;

/// Examples whose sums are made together, on any thread.
const EXAMPLES_AT_ONCE: usize = 256;
/// Most turns of Newton's method, which needs fewer than ten.
const MOST_TURNS: usize = 100;
/// The likelihood's rise, in nats per example, below which the weights are found.
const LEAST_GAIN: f64 = 1e-10;
/// Added to the diagonal of the curvature, relative to its mean.
const RIDGE: f64 = 1e-9;

/// Scores of labelled examples: `[example][component][class]`.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'a> {
    /// All scores.
    pub values: &'a [f32],
    /// Number of components.
    pub components: usize,
    /// Number of classes.
    pub classes: usize,
    /// Class of each example.
    pub labels: &'a [u32],
}

/// Mean log-likelihood, its gradient and its curvature, as sums over examples.
struct Sums {
    likelihood: f64,
    gradient: Vec<f64>,
    curvature: Vec<f64>,
}

impl Scores<'_> {
    /// Weights w ≥ 0 of the components, by the mean of ln softmax(Σ w_c s_c)[label].
    ///
    /// The likelihood is concave, so Newton's method with halved steps finds its maximum. A
    /// component whose weight would be negative is left out, the worst one first, and does not come
    /// back.
    ///
    /// # Panics
    /// Numbers do not fit each other, or a label is no class.
    pub fn weights(&self) -> Vec<f64> {
        let mut used: Vec<usize> = (0..self.components).collect();
        loop {
            let found = self.newton(&used);
            let worst = (0..used.len()).min_by(|a, b| found[*a].total_cmp(&found[*b]));
            match worst {
                Some(worst) if found[worst] < 0.0 && used.len() > 1 => used.remove(worst),
                _ => {
                    let mut weights = vec![0.0; self.components];
                    used.iter().zip(&found).for_each(|(c, weight)| weights[*c] = weight.max(0.0));
                    return weights;
                }
            };
        }
    }

    /// Temperature, 0.001 to 1000, that makes the probabilities of the only component those of
    /// being right (Guo et al. 2017); 1 without examples, and the largest where nothing can be
    /// said.
    ///
    /// # Panics
    /// As [`Scores::weights`].
    pub fn temperature(&self) -> f64 {
        let weight = self.weights().first().copied().unwrap_or(1.0);
        (1.0 / weight.max(1e-3)).clamp(1e-3, 1e3)
    }

    /// Mean log-likelihood under `weights`.
    pub fn likelihood(&self, weights: &[f64]) -> f64 {
        let used: Vec<usize> = (0..self.components).collect();
        self.sums(&used, weights).likelihood
    }

    fn newton(&self, used: &[usize]) -> Vec<f64> {
        let mut weights = vec![0.0; used.len()];
        if self.labels.is_empty() {
            return vec![1.0; used.len()];
        }
        let mut sums = self.sums(used, &weights);
        for _ in 0..MOST_TURNS {
            let Some(step) = solve(&sums.curvature, &sums.gradient) else { break };
            let mut share = 1.0;
            let moved = loop {
                let moved: Vec<f64> =
                    weights.iter().zip(&step).map(|(weight, step)| weight + share * step).collect();
                let after = self.sums(used, &moved);
                if after.likelihood > sums.likelihood {
                    break Some((moved, after));
                }
                share /= 2.0;
                if share < 1e-9 {
                    break None;
                }
            };
            let Some((moved, after)) = moved else { break };
            let gain = after.likelihood - sums.likelihood;
            (weights, sums) = (moved, after);
            if gain < LEAST_GAIN {
                break;
            }
        }
        weights
    }

    fn sums(&self, used: &[usize], weights: &[f64]) -> Sums {
        let (count, width) = (used.len(), self.components * self.classes);
        assert_eq!(self.values.len(), self.labels.len() * width, "a score of every class");
        let chunks = self.values.par_chunks(EXAMPLES_AT_ONCE * width.max(1));
        let chunks = chunks.zip(self.labels.par_chunks(EXAMPLES_AT_ONCE));
        let parts = chunks.map(|(values, labels)| {
            let mut sums = Sums {
                likelihood: 0.0,
                gradient: vec![0.0; count],
                curvature: vec![0.0; count * count],
            };
            let mut p = vec![0f64; self.classes];
            for (scores, label) in values.chunks_exact(width).zip(labels) {
                let of = |c: usize| &scores[used[c] * self.classes..][..self.classes];
                p.fill(0.0);
                for (c, weight) in weights.iter().enumerate() {
                    p.iter_mut().zip(of(c)).for_each(|(p, s)| *p += weight * f64::from(*s));
                }
                let largest = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = p[*label as usize];
                p.iter_mut().for_each(|p| *p = (*p - largest).exp());
                let total: f64 = p.iter().sum();
                p.iter_mut().for_each(|p| *p /= total);
                sums.likelihood += own - largest - total.ln();
                let mean =
                    |c: usize| -> f64 { p.iter().zip(of(c)).map(|(p, s)| p * f64::from(*s)).sum() };
                let means: Vec<f64> = (0..count).map(mean).collect();
                for a in 0..count {
                    sums.gradient[a] += f64::from(of(a)[*label as usize]) - means[a];
                    for b in 0..=a {
                        let both = p.iter().zip(of(a)).zip(of(b));
                        let both: f64 =
                            both.map(|((p, a), b)| p * f64::from(*a) * f64::from(*b)).sum();
                        sums.curvature[a * count + b] += both - means[a] * means[b];
                    }
                }
            }
            sums
        });
        let parts: Vec<Sums> = parts.collect();
        let mut sums = Sums {
            likelihood: 0.0,
            gradient: vec![0.0; count],
            curvature: vec![0.0; count * count],
        };
        let n = self.labels.len().max(1) as f64;
        for part in parts {
            sums.likelihood += part.likelihood / n;
            sums.gradient.iter_mut().zip(part.gradient).for_each(|(sum, x)| *sum += x / n);
            sums.curvature.iter_mut().zip(part.curvature).for_each(|(sum, x)| *sum += x / n);
        }
        for a in 0..count {
            for b in 0..a {
                sums.curvature[b * count + a] = sums.curvature[a * count + b];
            }
        }
        sums
    }
}

/// x of A x = b, A symmetric and not negative, by Cholesky's method; none where A is singular.
fn solve(matrix: &[f64], right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let trace: f64 = (0..n).map(|i| matrix[i * n + i]).sum();
    let mut lower = vec![0f64; n * n];
    for a in 0..n {
        for b in 0..=a {
            let ridge = if a == b { RIDGE * trace / n as f64 } else { 0.0 };
            let done: f64 = (0..b).map(|k| lower[a * n + k] * lower[b * n + k]).sum();
            let rest = matrix[a * n + b] + ridge - done;
            lower[a * n + b] = match a == b {
                true if rest > 0.0 => rest.sqrt(),
                true => return None,
                false => rest / lower[b * n + b],
            };
        }
    }
    let mut x = right.to_vec();
    for a in 0..n {
        let done: f64 = (0..a).map(|k| lower[a * n + k] * x[k]).sum();
        x[a] = (x[a] - done) / lower[a * n + a];
    }
    for a in (0..n).rev() {
        let done: f64 = (a + 1..n).map(|k| lower[k * n + a] * x[k]).sum();
        x[a] = (x[a] - done) / lower[a * n + a];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A simple sequence of numbers in [0, 1).
    struct Draw(u64);

    impl Draw {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// Labels drawn from the softmax of 0.8 s_0 + 2 s_1; s_2 is noise, and s_3 = −s_0 is worse than
    /// nothing beside it.
    fn drawn(examples: usize) -> (Vec<f32>, Vec<u32>) {
        let (mut draw, classes) = (Draw(7), 5);
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..examples {
            let scores: Vec<f64> = (0..3 * classes).map(|_| 4.0 * draw.next() - 2.0).collect();
            let logit = |k: usize| 0.8 * scores[k] + 2.0 * scores[classes + k];
            let total: f64 = (0..classes).map(|k| logit(k).exp()).sum();
            let mut rest = draw.next() * total;
            let label = (0..classes).find(|k| {
                rest -= logit(*k).exp();
                rest <= 0.0
            });
            labels.push(label.unwrap_or(classes - 1) as u32);
            values.extend(scores.iter().map(|s| *s as f32));
            values.extend(scores[..classes].iter().map(|s| -*s as f32));
        }
        (values, labels)
    }

    #[test]
    fn weights_that_labels_were_drawn_by_are_found() {
        let (values, labels) = drawn(40_000);
        let scores = Scores { values: &values, components: 4, classes: 5, labels: &labels };
        let weights = scores.weights();
        // Standard errors are near .01.
        assert!((weights[0] - 0.8).abs() < 0.05 && (weights[1] - 2.0).abs() < 0.08, "{weights:?}");
        assert!(weights[2] < 0.04 && weights[3] == 0.0, "{weights:?}");
        // A maximum: moving any weight that is not 0 lowers the likelihood.
        let best = scores.likelihood(&weights);
        for c in 0..2 {
            for by in [-1e-3, 1e-3] {
                let mut moved = weights.clone();
                moved[c] += by;
                assert!(scores.likelihood(&moved) < best);
            }
        }
    }

    #[test]
    fn one_component_gets_a_temperature() {
        // Right in three of four examples, whatever the score's scale: odds of 3 to 1.
        let values = [5f32, 0.0, 5.0, 0.0, 5.0, 0.0, 5.0, 0.0];
        let labels = [0, 0, 0, 1];
        let scores = Scores { values: &values, components: 1, classes: 2, labels: &labels };
        assert!((scores.weights()[0] - 3f64.ln() / 5.0).abs() < 1e-9);
        assert!((scores.temperature() - 5.0 / 3f64.ln()).abs() < 1e-6);
        let nothing = Scores { values: &[], labels: &[], ..scores };
        assert_eq!((nothing.weights(), nothing.temperature()), (vec![1.0], 1.0));
    }
}
