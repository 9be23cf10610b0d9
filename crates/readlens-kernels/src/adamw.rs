//! One step of AdamW (Loshchilov & Hutter 2019) over flat memory.

use crate::vectorized::{fma, vectorized};

/// What one step does to one tensor.
#[derive(Clone, Copy, Debug)]
pub struct AdamWStep {
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Learning rate over the first moment's bias correction.
    pub rate: f32,
    /// 1 over the root of the second moment's bias correction.
    pub root: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// What weight decay leaves of a value.
    pub keep: f32,
    /// Factor of the gradient, for clipping.
    pub scale: f32,
}

vectorized! {
    /// Moves `values` against `gradient` and updates both moments; all of one length.
    pub fn adamw(
        values: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        step: AdamWStep,
    ) {
        let moments = first.iter_mut().zip(second);
        for ((value, &gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            let g = gradient * step.scale;
            *first = fma::<FUSED>(step.beta_1, *first, (1.0 - step.beta_1) * g);
            *second = fma::<FUSED>(step.beta_2, *second, (1.0 - step.beta_2) * g * g);
            let size = fma::<FUSED>(second.sqrt(), step.root, step.epsilon);
            *value = fma::<FUSED>(*value, step.keep, -step.rate * *first / size);
        }
    }
}
