//! A layer `x Wᵀ + b` of many weights as one candle operation on the CPU.
//!
//! The gradient of the weights goes to [`WeightGradients`] and not through candle's graph, which
//! would copy it several times; that of `x` is computed only where it is asked for.

use std::fmt;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use readlens_kernels::product::{Matrix, Update, left, product, right};
use readlens_kernels::{Buffer, Engine, Precision};

use crate::fused::{Pool, floats, with_values};
use crate::gradients::WeightGradients;
use crate::ops::Linear;
use crate::pass::Pass;

/// Memory of packed factors.
static PACKED: Pool<[Buffer; 2]> = Pool::new();

/// The layer on `x`, `(batch, in)`: by kernels in f32 where they can, otherwise composed.
///
/// # Errors
/// Shapes differ.
pub(crate) fn linear(layer: &Linear, x: &Tensor, pass: &Pass) -> Result<Tensor> {
    let Some(engine) = pass.engine_for(&layer.weight, Precision::F32) else {
        return layer.forward(x);
    };
    let (outputs, inputs) = layer.weight.dims2()?;
    let gradients = pass.gradients_of(&layer.weight).cloned();
    let operation = FusedLinear { engine, inputs, outputs, layer: layer.clone(), gradients };
    let x = x.contiguous()?;
    if x.track_op() || layer.weight.track_op() {
        return x.apply_op2(&layer.weight, operation);
    }
    x.apply_op2_no_bwd(&layer.weight, &operation)
}

struct FusedLinear {
    engine: Engine,
    inputs: usize,
    outputs: usize,
    layer: Linear,
    /// Where the gradients of weights go; none where they are frozen.
    gradients: Option<WeightGradients>,
}

impl fmt::Debug for FusedLinear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, outputs, .. } = self;
        f.debug_struct("FusedLinear").field("inputs", inputs).field("outputs", outputs).finish()
    }
}

impl FusedLinear {
    /// `out = A B` or `out += A B`.
    fn product(&self, a: Matrix, b: Matrix, update: Update, out: &mut [f32], columns: usize) {
        let mut memory = PACKED.take();
        let [of_left, of_right] = &mut memory;
        let (a, b) = (left(self.engine, a, of_left), right(self.engine, b, of_right));
        product(self.engine, &a, &b, update, out, columns);
        PACKED.give(memory);
    }

    fn add_gradients(
        &self,
        gradients: &WeightGradients,
        x: &[f32],
        upstream: &[f32],
    ) -> Result<()> {
        let Self { inputs, outputs, .. } = *self;
        let rows = upstream.len() / outputs;
        let mut memory = gradients.lock();
        let tensors = [&self.layer.weight, &self.layer.bias];
        let mut parts = gradients.parts(&mut memory, &tensors)?.into_iter();
        let (Some(weight), Some(bias)) = (parts.next(), parts.next()) else {
            bail!("a layer has a weight and a bias");
        };
        let of_outputs = Matrix::rows(upstream, rows, outputs).transposed();
        self.product(of_outputs, Matrix::rows(x, rows, inputs), Update::Add, weight, inputs);
        for row in upstream.chunks_exact(outputs) {
            bias.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        Ok(())
    }
}

impl CustomOp2 for FusedLinear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Self { inputs, outputs, .. } = *self;
        let (x, weight) = (floats(x, x_layout)?, floats(weight, weight_layout)?);
        let rows = x_layout.dims()[0];
        let mut out = vec![0f32; rows * outputs];
        let weight = Matrix::rows(weight, outputs, inputs).transposed();
        self.product(Matrix::rows(x, rows, inputs), weight, Update::Set, &mut out, outputs);
        with_values(&[&self.layer.bias], |values| {
            for row in out.chunks_exact_mut(outputs) {
                row.iter_mut().zip(values[0]).for_each(|(value, bias)| *value += bias);
            }
            Ok(())
        })?;
        Ok((CpuStorage::F32(out), (rows, outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        if self.gradients.is_none() && weight.track_op() {
            bail!("a layer is trained, but computed in a pass of inference");
        }
        let Self { inputs, outputs, .. } = *self;
        let wants_x = x.track_op();
        let of_x = with_values(&[x, weight, &gradient.contiguous()?], |values| {
            let [x, weight, upstream] = [values[0], values[1], values[2]];
            if let Some(gradients) = &self.gradients {
                self.add_gradients(gradients, x, upstream)?;
            }
            let rows = upstream.len() / outputs;
            let mut of_x = vec![0f32; if wants_x { x.len() } else { 0 }];
            if wants_x {
                let upstream = Matrix::rows(upstream, rows, outputs);
                let weight = Matrix::rows(weight, outputs, inputs);
                self.product(upstream, weight, Update::Set, &mut of_x, inputs);
            }
            Ok(of_x)
        })?;
        let of_x = wants_x.then(|| Tensor::from_vec(of_x, x.shape(), x.device())).transpose()?;
        Ok((of_x, None))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::Arc;

    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::dropout::Dropout;
    use crate::gradients::GradientLayout;
    use crate::weights::WeightSource;

    /// Candle's own operations are the oracle, of the values and of all three gradients.
    #[test]
    fn kernels_do_what_candle_does() {
        for (rows, inputs, outputs) in
            [(1, 1, 1), (3, 37, 5), (17, 64, 33), (40, 300, 7), (128, 2080, 2), (128, 2080, 118)]
        {
            let mut source = WeightSource::fresh(1, DType::F32, &Device::Cpu);
            let layer = Linear::new(&mut source, "layer", inputs, outputs).unwrap();
            let parameters = source.finish().unwrap();
            let value = |place: usize| (place * 7919 % 1009) as f32 / 504.5 - 1.0;
            let values = (0..rows * inputs).map(value).collect();
            let x = Tensor::from_vec(values, (rows, inputs), &Device::Cpu).unwrap();
            let x = Var::from_tensor(&x).unwrap();
            let loss = |y: &Tensor| y.sqr().unwrap().sum_all().unwrap();

            let composed = layer.forward(&x).unwrap();
            let expected = loss(&composed).backward().unwrap();
            let layout = Arc::new(GradientLayout::new(&parameters));
            let gradients = WeightGradients::new(&layout, Vec::new());
            let pass = Pass::training(Dropout::off(), &gradients);
            let fused = linear(&layer, &x, &pass).unwrap();
            let store = loss(&fused).backward().unwrap();

            let compare = |found: &[f32], expected: &Tensor, what: &str| {
                let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let largest = expected.iter().fold(0f32, |largest, v| largest.max(v.abs()));
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(
                        (found - expected).abs() <= 1e-4 * largest,
                        "{what}: {found} {expected}"
                    );
                }
            };
            let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            compare(&flat(&fused), &composed, "values");
            compare(&flat(store.get(&x).unwrap()), expected.get(&x).unwrap(), "of x");
            // In name order: the bias comes first.
            let found = gradients.take();
            let (bias, weight) = found.split_at(outputs);
            compare(bias, expected.get(&layer.bias).unwrap(), "of the bias");
            compare(weight, expected.get(&layer.weight).unwrap(), "of the weight");
            assert!(store.get(&layer.weight).is_none(), "the weight's gradient is added twice");

            let frozen = linear(&layer, &x, &Pass::inference()).unwrap();
            assert_eq!(flat(&frozen), flat(&fused));
            let fault = loss(&frozen).backward().unwrap_err();
            assert!(fault.to_string().contains("computed in a pass of inference"), "{fault}");
        }
    }
}
