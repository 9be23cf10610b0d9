//! Layer norm over the last dimension with biased variance (Ba et al. 2016).

use crate::Affine;
use crate::vectorized::{fma, lane_sum, vectorized};

/// Added under the square root of the variance.
const EPSILON: f32 = 1e-5;

vectorized! {
    /// `out = (x − mean) / √(variance + ε) · weight + bias`, row by row; `statistics` receives mean
    /// and 1 / √(variance + ε) of each row.
    pub fn layer_norm(x: &[f32], norm: Affine<&[f32]>, out: &mut [f32], statistics: &mut [[f32; 2]]) {
        let (weight, bias) = (norm.weight, &norm.bias[..norm.weight.len()]);
        let width = weight.len();
        for ((x, out), statistics) in
            x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(statistics)
        {
            let mean = lane_sum!((x) in (x) => x) / width as f32;
            let variance = lane_sum!((x) in (x) => (x - mean) * (x - mean)) / width as f32;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            *statistics = [mean, scale];
            let tensors = weight.iter().zip(bias);
            for ((out, &x), (&weight, &bias)) in out.iter_mut().zip(x).zip(tensors) {
                *out = fma::<FUSED>((x - mean) * scale, weight, bias);
            }
        }
    }

    /// Adds to `gradient` (of the norm's input) what `upstream` (of its output) brings.
    pub(crate) fn layer_norm_gradient(
        x: &[f32],
        statistics: &[[f32; 2]],
        weight: &[f32],
        upstream: &[f32],
        gradient: &mut [f32],
    ) {
        let width = weight.len();
        let rows = x.chunks_exact(width).zip(upstream.chunks_exact(width));
        for (((x, upstream), gradient), &[mean, scale]) in
            rows.zip(gradient.chunks_exact_mut(width)).zip(statistics)
        {
            let sum = lane_sum!((g, w) in (upstream, weight) => g * w) / width as f32;
            let product = lane_sum!((g, w, x) in (upstream, weight, x) => g * w * (x - mean));
            let product = product * scale / width as f32;
            let terms = upstream.iter().zip(weight).zip(x);
            for (gradient, ((&g, &w), &x)) in gradient.iter_mut().zip(terms) {
                let normal = (x - mean) * scale;
                *gradient = fma::<FUSED>(scale, g * w - sum - normal * product, *gradient);
            }
        }
    }

    /// Adds to the gradients of the norm's weight and bias what `upstream` brings.
    pub(crate) fn layer_norm_weight_gradient(
        x: &[f32],
        statistics: &[[f32; 2]],
        upstream: &[f32],
        weight: &mut [f32],
        bias: &mut [f32],
    ) {
        let width = weight.len();
        let bias = &mut bias[..width];
        let rows = x.chunks_exact(width).zip(upstream.chunks_exact(width));
        for ((x, upstream), &[mean, scale]) in rows.zip(statistics) {
            let sums = weight.iter_mut().zip(bias.iter_mut());
            for ((weight, bias), (&g, &x)) in sums.zip(upstream.iter().zip(x)) {
                *weight = fma::<FUSED>(g, (x - mean) * scale, *weight);
                *bias += g;
            }
        }
    }
}
