//! The exact GELU, `x Φ(x)` with `Φ` the normal distribution function (Hendrycks & Gimpel 2016).

use std::f32::consts::FRAC_1_SQRT_2;

use crate::exponential::{erf, exp};
use crate::vectorized::{fma, vectorized};

vectorized! {
    /// `out = gelu(x)`, elementwise.
    pub fn gelu(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            let half = 0.5 * x;
            *out = fma::<FUSED>(half, erf::<FUSED>(x * FRAC_1_SQRT_2), half);
        }
    }

    /// `x += bias` row by row, and `out = gelu(x)`.
    pub(crate) fn bias_gelu(x: &mut [f32], bias: &[f32], out: &mut [f32]) {
        let width = bias.len();
        for (x, out) in x.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
            for ((x, out), bias) in x.iter_mut().zip(out).zip(bias) {
                *x += bias;
                let half = 0.5 * *x;
                *out = fma::<FUSED>(half, erf::<FUSED>(*x * FRAC_1_SQRT_2), half);
            }
        }
    }

    /// `gradient ← gradient · gelu′(x)`, elementwise, and `value = gelu(x)`.
    pub(crate) fn gelu_gradient(x: &[f32], value: &mut [f32], gradient: &mut [f32]) {
        const DENSITY: f32 = 0.398_942_3;
        for ((gradient, value), &x) in gradient.iter_mut().zip(value).zip(x) {
            let phi = fma::<FUSED>(0.5, erf::<FUSED>(x * FRAC_1_SQRT_2), 0.5);
            *value = x * phi;
            *gradient *= fma::<FUSED>(DENSITY * x, exp::<FUSED>(-0.5 * x * x), phi);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Level, Precision};

    /// erf by its Taylor series, in f64; enough terms for |x| ≤ 4.
    fn reference(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn values_and_slopes_are_those_of_the_series() {
        let xs: Vec<f32> = (-5000..=5000).map(|step| step as f32 / 1000.0).collect();
        for level in Level::available() {
            let (mut values, mut again) = (vec![0.0; xs.len()], vec![0.0; xs.len()]);
            let mut slopes = vec![1.0; xs.len()];
            let engine = Engine::new(level, Precision::F32);
            gelu(engine, &xs, &mut values);
            gelu_gradient(engine, &xs, &mut again, &mut slopes);
            for (i, &x) in xs.iter().enumerate() {
                let x = f64::from(x);
                let phi = 0.5 * (1.0 + reference(x * std::f64::consts::FRAC_1_SQRT_2));
                let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
                let pairs =
                    [(values[i], x * phi), (again[i], x * phi), (slopes[i], phi + x * density)];
                for (found, expected) in pairs {
                    assert!((f64::from(found) - expected).abs() < 2e-6, "{level}: {found} at {x}");
                }
            }
        }
    }

    #[test]
    fn far_from_zero_nothing_or_everything_is_left() {
        for level in Level::available() {
            let engine = Engine::new(level, Precision::F32);
            let mut values = [0.0; 4];
            gelu(engine, &[-1e4, -10.0, 10.0, 1e4], &mut values);
            assert_eq!(values, [0.0, 0.0, 10.0, 1e4], "{level}");
            gelu(engine, &[f32::NAN; 4], &mut values);
            assert!(values.iter().all(|value| value.is_nan()), "{level}");
        }
    }
}
