//! Layer norm over the last dimension with biased variance (Ba et al. 2016).

use crate::Affine;
use crate::vectorized::{lane_sum, vectorized};

/// Added under the square root of the variance.
pub const EPSILON: f32 = 1e-5;

vectorized! {
    /// `out = (x − mean) / √(variance + ε) · weight + bias`, row by row; `statistics` receives mean and
    /// 1 / √(variance + ε) of each row.
    pub fn layer_norm(x: &[f32], norm: Affine<&[f32]>, out: &mut [f32], statistics: &mut [[f32; 2]]) {
        let (weight, bias) = (norm.weight, &norm.bias[..norm.weight.len()]);
        let width = weight.len();
        for ((x, out), statistics) in
            x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(statistics)
        {
            let mean = lane_sum!(width, |i| x[i]) / width as f32;
            let variance = lane_sum!(width, |i| {
                let centred = x[i] - mean;
                centred * centred
            }) / width as f32;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            *statistics = [mean, scale];
            for i in 0..width {
                out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
            }
        }
    }

    /// Adds to `gradient` (of the norm's input) what `upstream` (of its output) brings.
    pub fn layer_norm_gradient(
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
            let sum = lane_sum!(width, |i| upstream[i] * weight[i]) / width as f32;
            let product =
                lane_sum!(width, |i| upstream[i] * weight[i] * (x[i] - mean)) * scale / width as f32;
            for i in 0..width {
                let normal = (x[i] - mean) * scale;
                gradient[i] += scale * (upstream[i] * weight[i] - sum - normal * product);
            }
        }
    }

    /// Adds to the gradients of the norm's weight and bias what `upstream` brings.
    pub fn layer_norm_weight_gradient(
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
            for i in 0..width {
                weight[i] += upstream[i] * (x[i] - mean) * scale;
                bias[i] += upstream[i];
            }
        }
    }
}
