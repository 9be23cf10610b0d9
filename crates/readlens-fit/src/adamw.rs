use std::collections::HashMap;

use candle_core::{Device, Tensor};
use readlens_nn::Parameters;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.98;
const EPSILON: f64 = 1e-8;

/// AdamW (Loshchilov & Hutter 2019) with clipping by the global norm.
#[derive(Debug)]
pub(crate) struct AdamW {
    weight_decay: f64,
    clip: f64,
    /// First and second moments per parameter, in name order.
    moments: Vec<(Vec<f32>, Vec<f32>)>,
}

/// Embeddings are rows that are mostly not in the batch: decay would forget the rare ones.
fn decays(name: &str, dims: &[usize]) -> bool {
    dims.len() > 1 && !name.ends_with("tok.weight") && !name.ends_with("pos")
}

impl AdamW {
    pub(crate) fn new(parameters: &Parameters, weight_decay: f64, clip: f64) -> Self {
        let zeros = |var: &candle_core::Var| vec![0.0; var.elem_count()];
        let moments = parameters.iter().map(|(_, var)| (zeros(var), zeros(var))).collect();
        Self { weight_decay, clip, moments }
    }

    /// Moves `parameters` against `gradients`; `step` counts from 0. Returns the gradient's norm
    /// before clipping.
    pub(crate) fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &[Vec<f32>],
        learning_rate: f64,
        step: u32,
    ) -> candle_core::Result<f64> {
        let squares = gradients.iter().flatten().map(|&g| f64::from(g) * f64::from(g));
        let norm = squares.sum::<f64>().sqrt();
        let scale = if norm > self.clip { (self.clip / norm) as f32 } else { 1.0 };
        let exponent = step as i32 + 1;
        let correction_1 = 1.0 - BETA_1.powi(exponent);
        let correction_2 = 1.0 - BETA_2.powi(exponent);
        let rate = (learning_rate / correction_1) as f32;
        let root = (1.0 / correction_2.sqrt()) as f32;
        let (beta_1, beta_2, epsilon) = (BETA_1 as f32, BETA_2 as f32, EPSILON as f32);
        for (((name, var), gradient), (first, second)) in
            parameters.iter().zip(gradients).zip(&mut self.moments)
        {
            let keep = if decays(name, var.dims()) {
                1.0 - learning_rate * self.weight_decay
            } else {
                1.0
            };
            let keep = keep as f32;
            let mut values: Vec<f32> = var.flatten_all()?.to_vec1()?;
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((value, &gradient), (first, second)) in
                values.iter_mut().zip(gradient).zip(moments)
            {
                let g = gradient * scale;
                *first = beta_1 * *first + (1.0 - beta_1) * g;
                *second = beta_2 * *second + (1.0 - beta_2) * g * g;
                *value = *value * keep - rate * *first / (second.sqrt() * root + epsilon);
            }
            var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
        }
        Ok(norm)
    }

    /// The moments as tensors, for a checkpoint.
    pub(crate) fn tensors(
        &self,
        parameters: &Parameters,
    ) -> candle_core::Result<HashMap<String, Tensor>> {
        let mut tensors = HashMap::new();
        for ((name, _), (first, second)) in parameters.iter().zip(&self.moments) {
            for (moment, values) in [("first", first), ("second", second)] {
                let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
                tensors.insert(format!("{moment}/{name}"), tensor);
            }
        }
        Ok(tensors)
    }

    /// Restores what [`AdamW::tensors`] gave; false if a moment is missing or of another size.
    pub(crate) fn restore(
        &mut self,
        parameters: &Parameters,
        tensors: &HashMap<String, Tensor>,
    ) -> bool {
        parameters.iter().zip(&mut self.moments).all(|((name, _), (first, second))| {
            [("first", first), ("second", second)].into_iter().all(|(moment, values)| {
                let found =
                    tensors.get(&format!("{moment}/{name}")).and_then(|t| t.to_vec1::<f32>().ok());
                let Some(found) = found.filter(|found| found.len() == values.len()) else {
                    return false;
                };
                *values = found;
                true
            })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use candle_core::DType;
    use readlens_nn::WeightSource;

    #[test]
    fn the_first_step_moves_by_the_learning_rate_and_decays_matrices_only() {
        let mut source = WeightSource::fresh(1, DType::F32, &Device::Cpu);
        let ones = readlens_nn::Initial::Ones;
        source.tensor("a.bias", &[2], ones).unwrap();
        source.tensor("a.weight", &[1, 2], ones).unwrap();
        let parameters = source.finish().unwrap();
        let mut adamw = AdamW::new(&parameters, 0.5, 1e9);
        let norm = adamw.step(&parameters, &[vec![3.0, -4.0], vec![0.0, 12.0]], 0.1, 0).unwrap();
        assert!((norm - 13.0).abs() < 1e-6);
        let values: Vec<Vec<f32>> =
            parameters.iter().map(|(_, v)| v.flatten_all().unwrap().to_vec1().unwrap()).collect();
        // Adam's first step is the sign of the gradient times the learning rate.
        let expected = [[0.9, 1.1], [0.95, 0.85]];
        for (values, expected) in values.iter().zip(expected) {
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-5, "{values:?} is not {expected:?}");
            }
        }
    }
}
