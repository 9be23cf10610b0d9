use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Tensor};
use readlens_kernels::{AdamWStep, Engine, Precision, adamw};
use readlens_nn::Parameters;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.98;
const EPSILON: f64 = 1e-8;

/// AdamW (Loshchilov & Hutter 2019) with clipping by the global norm.
#[derive(Debug)]
pub(crate) struct AdamW {
    weight_decay: f64,
    clip: f64,
    /// First and second moments of all parameters in name order, one after the other.
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Embeddings are rows that are mostly not in the batch: decay would forget the rare ones.
fn decays(name: &str, dims: &[usize]) -> bool {
    dims.len() > 1 && !name.ends_with("tok.weight") && !name.ends_with("pos")
}

impl AdamW {
    pub(crate) fn new(parameters: &Parameters, weight_decay: f64, clip: f64) -> Self {
        let count = parameters.count();
        Self { weight_decay, clip, first: vec![0.0; count], second: vec![0.0; count] }
    }

    /// Moves `parameters` against `gradients`, which lie one after the other in name order; `step`
    /// counts from 0. Returns the gradient's norm before clipping.
    pub(crate) fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &[f32],
        learning_rate: f64,
        step: u32,
    ) -> candle_core::Result<f64> {
        let norm = norm(gradients);
        let exponent = step as i32 + 1;
        let correction_1 = 1.0 - BETA_1.powi(exponent);
        let correction_2 = 1.0 - BETA_2.powi(exponent);
        let mut rest = (gradients, self.first.as_mut_slice(), self.second.as_mut_slice());
        for (name, var) in parameters.iter() {
            let keep = if decays(name, var.dims()) {
                1.0 - learning_rate * self.weight_decay
            } else {
                1.0
            };
            let step = AdamWStep {
                beta_1: BETA_1 as f32,
                beta_2: BETA_2 as f32,
                rate: (learning_rate / correction_1) as f32,
                root: (1.0 / correction_2.sqrt()) as f32,
                epsilon: EPSILON as f32,
                keep: keep as f32,
                scale: if norm > self.clip { (self.clip / norm) as f32 } else { 1.0 },
            };
            let count = var.elem_count();
            let (gradient, gradients) = rest.0.split_at(count);
            let (first, firsts) = rest.1.split_at_mut(count);
            let (second, seconds) = rest.2.split_at_mut(count);
            let moments = Mutex::new((first, second));
            let update = Update { gradient, moments, step };
            if var.device().is_cpu() {
                var.inplace_op1(&update)?;
            } else {
                // The kernel is for the CPU: the values go there and back.
                let values = var.as_tensor().to_device(&Device::Cpu)?.copy()?;
                values.inplace_op1(&update)?;
                var.set(&values.to_device(var.device())?)?;
            }
            rest = (gradients, firsts, seconds);
        }
        Ok(norm)
    }

    /// The moments as tensors, for a checkpoint.
    pub(crate) fn tensors(
        &self,
        parameters: &Parameters,
    ) -> candle_core::Result<HashMap<String, Tensor>> {
        let mut tensors = HashMap::new();
        let mut start = 0;
        for (name, var) in parameters.iter() {
            let range = start..start + var.elem_count();
            start = range.end;
            for (moment, values) in [("first", &self.first), ("second", &self.second)] {
                let tensor = Tensor::from_slice(&values[range.clone()], range.len(), &Device::Cpu)?;
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
        let mut start = 0;
        parameters.iter().all(|(name, var)| {
            let range = start..start + var.elem_count();
            start = range.end;
            [("first", &mut self.first), ("second", &mut self.second)].into_iter().all(
                |(moment, values)| {
                    let found = tensors.get(&format!("{moment}/{name}"));
                    let found = found.and_then(|t| t.to_vec1::<f32>().ok());
                    let Some(found) = found.filter(|found| found.len() == range.len()) else {
                        return false;
                    };
                    values[range.clone()].copy_from_slice(&found);
                    true
                },
            )
        })
    }
}

/// Euclidean norm, summed in f64.
fn norm(values: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0f64; LANES];
    for chunk in values.chunks(LANES) {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    sums.iter().sum::<f64>().sqrt()
}

/// Moves a parameter where it lies.
struct Update<'a> {
    gradient: &'a [f32],
    /// First and second moments; locked because candle lends the operation read-only.
    moments: Mutex<(&'a mut [f32], &'a mut [f32])>,
    step: AdamWStep,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            candle_core::bail!("parameters are contiguous f32 values");
        };
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, second) = &mut *moments;
        let engine = Engine::current(Precision::F32);
        adamw(engine, &mut values[start..end], self.gradient, first, second, self.step);
        Ok(())
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
        let norm = adamw.step(&parameters, &[3.0, -4.0, 0.0, 12.0], 0.1, 0).unwrap();
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
