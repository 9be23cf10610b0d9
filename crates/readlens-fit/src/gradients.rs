//! The gradient of a batch: shards in parallel, added in order.

use candle_core::DType;
use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use readlens_nn::Parameters;

use crate::task::{Loss, Task};

/// Loss, its terms and the gradient of every parameter in name order.
pub(crate) struct BatchGradient {
    pub(crate) loss: f64,
    pub(crate) terms: Vec<(&'static str, f64)>,
    pub(crate) gradients: Vec<Vec<f32>>,
}

pub(crate) fn batch_gradient<T: Task>(
    task: &T,
    shards: &[T::Shard],
    parameters: &Parameters,
) -> Result<BatchGradient> {
    let failed = |e: candle_core::Error| Fault::failed("a training step", e);
    let parts: Vec<BatchGradient> = shards
        .par_iter()
        .map(|shard| shard_gradient(task, shard, parameters).map_err(failed))
        .collect::<Result<_>>()?;
    let mut parts = parts.into_iter();
    let mut sum = parts.next().ok_or_else(|| Fault::usage("a batch needs at least one example"))?;
    for part in parts {
        sum.loss += part.loss;
        for ((_, sum), (_, value)) in sum.terms.iter_mut().zip(part.terms) {
            *sum += value;
        }
        for (sum, gradient) in sum.gradients.iter_mut().zip(part.gradients) {
            for (sum, value) in sum.iter_mut().zip(gradient) {
                *sum += value;
            }
        }
    }
    Ok(sum)
}

fn shard_gradient<T: Task>(
    task: &T,
    shard: &T::Shard,
    parameters: &Parameters,
) -> candle_core::Result<BatchGradient> {
    let Loss { total, terms } = task.loss(shard)?;
    let loss = total.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    let store = total.backward()?;
    let gradients = parameters
        .iter()
        .map(|(_, var)| match store.get(var) {
            Some(gradient) => gradient.flatten_all()?.to_vec1::<f32>(),
            // A parameter that this shard does not reach, such as a head without a label.
            None => Ok(vec![0.0; var.elem_count()]),
        })
        .collect::<candle_core::Result<_>>()?;
    Ok(BatchGradient { loss, terms, gradients })
}
