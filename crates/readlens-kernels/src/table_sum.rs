//! Weighted sums of rows of a table: what a bag of hashed features is, with its gradients.
//!
//! A window has features; each is a row of the table and covers neighbouring tokens. Under a mask
//! m a feature weighs w = min of m over its tokens: b = Σ w E[row] has nothing of hidden tokens.
//! The gradient of b with respect to m is exact where the least mask of a feature is one token's.
//! Where several tokens share it they share the gradient, too.

use crate::vectorized::{fma, lane_sum, vectorized};

/// Features of one window.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    /// Row of each feature in the table.
    pub rows: &'a [u32],
    /// First and last token that each feature covers, among those of the window.
    pub tokens: &'a [[u32; 2]],
}

impl Features<'_> {
    fn covered<'m>(&self, mask: &'m [f32]) -> impl Iterator<Item = &'m [f32]> {
        self.tokens.iter().map(|[first, last]| &mask[*first as usize..=*last as usize])
    }

    /// Weight of each feature: the least of the `mask` over its tokens.
    ///
    /// # Panics
    /// A feature covers a token that the mask does not have.
    pub fn weights(&self, mask: &[f32], weights: &mut [f32]) {
        for (weight, covered) in weights.iter_mut().zip(self.covered(mask)) {
            *weight = covered.iter().copied().fold(f32::INFINITY, f32::min);
        }
    }

    /// Adds to the `gradient` of the mask what the gradients of the weights come to.
    ///
    /// # Panics
    /// As [`Features::weights`].
    pub fn mask_gradient(&self, mask: &[f32], of_weights: &[f32], gradient: &mut [f32]) {
        let features = self.tokens.iter().zip(self.covered(mask)).zip(of_weights);
        for (([first, _], covered), of_weight) in features {
            let least = covered.iter().copied().fold(f32::INFINITY, f32::min);
            let ties = covered.iter().filter(|value| **value == least).count();
            let share = of_weight / ties as f32;
            for (value, gradient) in covered.iter().zip(&mut gradient[*first as usize..]) {
                if *value == least {
                    *gradient += share;
                }
            }
        }
    }
}

/// What one step of [`adagrad_rows`] does.
#[derive(Clone, Copy, Debug)]
pub struct AdagradStep {
    /// Learning rate.
    pub rate: f32,
    /// Added to the root of a row's sum of squares.
    pub epsilon: f32,
}

vectorized! {
    /// Adds Σ w E[row] to `sum`; `table` has rows of its length.
    pub fn sum_rows(table: &[f32], rows: &[u32], weights: &[f32], sum: &mut [f32]) {
        let dim = sum.len();
        for (&row, &weight) in rows.iter().zip(weights) {
            if weight == 0.0 {
                continue;
            }
            let values = &table[row as usize * dim..][..dim];
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum = fma::<FUSED>(weight, *value, *sum);
            }
        }
    }

    /// The product of each row with `gradient`, that of the sum: the gradient of its weight.
    pub fn row_products(table: &[f32], rows: &[u32], gradient: &[f32], products: &mut [f32]) {
        let dim = gradient.len();
        for (&row, product) in rows.iter().zip(products) {
            let values = &table[row as usize * dim..][..dim];
            *product = lane_sum!((value, g) in (values, gradient) => value * g);
        }
    }

    /// Moves the rows against their gradients w g, g that of the sum: rowwise Adagrad (Duchi, Hazan
    /// & Singer 2011, with one sum for a row: the mean of the squares).
    ///
    /// A row that comes several times moves several times, each time by a smaller step.
    pub fn adagrad_rows(
        table: &mut [f32],
        squares: &mut [f32],
        rows: &[u32],
        weights: &[f32],
        gradient: &[f32],
        step: AdagradStep,
    ) {
        let dim = gradient.len();
        let square = lane_sum!((g) in (gradient) => g * g) / dim as f32;
        if square == 0.0 {
            return;
        }
        for (&row, &weight) in rows.iter().zip(weights) {
            if weight == 0.0 {
                continue;
            }
            let sum = &mut squares[row as usize];
            *sum = fma::<FUSED>(weight * weight, square, *sum);
            let factor = -step.rate * weight / (sum.sqrt() + step.epsilon);
            let values = &mut table[row as usize * dim..][..dim];
            for (value, g) in values.iter_mut().zip(gradient) {
                *value = fma::<FUSED>(factor, *g, *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::{Engine, Level, Precision};

    const DIM: usize = 37;
    const ROWS: [u32; 5] = [3, 0, 3, 2, 1];
    const TOKENS: [[u32; 2]; 5] = [[0, 0], [0, 1], [1, 2], [2, 3], [3, 3]];

    fn engines() -> impl Iterator<Item = Engine> {
        Level::available().into_iter().map(|level| Engine::new(level, Precision::F32))
    }

    fn table() -> Vec<f32> {
        (0..4 * DIM).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect()
    }

    fn features() -> Features<'static> {
        Features { rows: &ROWS, tokens: &TOKENS }
    }

    /// b of a mask, in f64.
    fn expected(mask: &[f32]) -> Vec<f64> {
        let table = table();
        let mut sum = vec![0f64; DIM];
        for (row, [first, last]) in ROWS.iter().zip(TOKENS) {
            let covered = &mask[first as usize..=last as usize];
            let least = f64::from(covered.iter().copied().fold(f32::INFINITY, f32::min));
            for (d, sum) in sum.iter_mut().enumerate() {
                *sum += least * f64::from(table[*row as usize * DIM + d]);
            }
        }
        sum
    }

    fn sum(engine: Engine, mask: &[f32]) -> Vec<f32> {
        let (mut weights, mut sum) = ([0f32; 5], vec![0f32; DIM]);
        features().weights(mask, &mut weights);
        sum_rows(engine, &table(), &ROWS, &weights, &mut sum);
        sum
    }

    #[test]
    fn a_feature_weighs_the_least_of_its_tokens() {
        let mask = [0.9, 0.5, 0.7, 0.2];
        let mut weights = [0f32; 5];
        features().weights(&mask, &mut weights);
        assert_eq!(weights, [0.9, 0.5, 0.5, 0.2, 0.2]);
        for engine in engines() {
            for (found, expected) in sum(engine, &mask).iter().zip(expected(&mask)) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }

    #[test]
    fn nothing_of_a_hidden_token_is_in_the_sum() {
        for engine in engines() {
            // Token 1 hides features 1 and 2; the others are 0, 3 and 4.
            let shown = [1.0, 0.0, 1.0, 1.0];
            let mut alone = vec![0f32; DIM];
            sum_rows(engine, &table(), &[3, 2, 1], &[1.0; 3], &mut alone);
            assert_eq!(sum(engine, &shown), alone);
            assert_eq!(sum(engine, &[0.0; 4]), vec![0.0; DIM]);
        }
    }

    #[test]
    fn the_gradient_of_the_mask_is_that_of_finite_differences() {
        let mask = [0.9_f32, 0.5, 0.7, 0.2];
        let g: Vec<f32> = (0..DIM).map(|d| (d as f32 * 0.7).sin()).collect();
        let loss = |mask: &[f32]| -> f64 {
            expected(mask).iter().zip(&g).map(|(b, g)| b * f64::from(*g)).sum()
        };
        for engine in engines() {
            let (mut products, mut gradient) = ([0f32; 5], [0f32; 4]);
            row_products(engine, &table(), &ROWS, &g, &mut products);
            features().mask_gradient(&mask, &products, &mut gradient);
            for token in 0..4 {
                let moved = |by: f32| {
                    let mut mask = mask;
                    mask[token] += by;
                    loss(&mask)
                };
                let difference = (moved(0.01) - moved(-0.01)) / 0.02;
                assert!((f64::from(gradient[token]) - difference).abs() < 1e-3, "{token}");
            }
        }
    }

    #[test]
    fn tokens_that_share_the_least_mask_share_the_gradient() {
        let (mask, mut gradient) = ([1.0f32; 4], [0f32; 4]);
        features().mask_gradient(&mask, &[1.0; 5], &mut gradient);
        assert_eq!(gradient, [1.5, 1.0, 1.0, 1.5]);
    }

    #[test]
    fn rows_move_by_adagrad() {
        let step = AdagradStep { rate: 0.1, epsilon: 1e-6 };
        let g: Vec<f32> = (0..DIM).map(|d| (d as f32 - 18.0) / 10.0).collect();
        let square = g.iter().map(|g| f64::from(g * g)).sum::<f64>() / DIM as f64;
        let weights = [1.0f32, 0.0, 0.5, 0.25, 1.0];
        for engine in engines() {
            let (mut table_now, mut squares) = (table(), [0f32, 0.0, 0.0, 4.0]);
            adagrad_rows(engine, &mut table_now, &mut squares, &ROWS, &weights, &g, step);
            let mut table_then: Vec<f64> = table().into_iter().map(f64::from).collect();
            let mut sums = [0f64, 0.0, 0.0, 4.0];
            for (row, weight) in ROWS.iter().map(|row| *row as usize).zip(weights.map(f64::from)) {
                sums[row] += weight * weight * square;
                for d in 0..DIM {
                    let by = 0.1 * weight * f64::from(g[d]) / (sums[row].sqrt() + 1e-6);
                    // A row without weight stays; 0 over the root of 0 would be no number.
                    table_then[row * DIM + d] -= if weight == 0.0 { 0.0 } else { by };
                }
            }
            for (found, expected) in table_now.iter().zip(&table_then) {
                assert!((f64::from(*found) - expected).abs() < 1e-5);
            }
            assert_eq!(table_now[..DIM], table()[..DIM]);
            assert_eq!(squares[0], 0.0);
        }
    }
}
