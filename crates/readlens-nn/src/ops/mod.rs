//! Operations with gradients, composed from candle operations that have them.

mod attention;
mod gelu;

use candle_core::{D, Result, Tensor};
use readlens_fault::Result as FaultResult;
use readlens_kernels::Affine;

use crate::encoder::NORM_EPSILON;
use crate::weights::{Initial, WeightSource};

pub(crate) use attention::{Heads, Turn};
pub use attention::{attention, attention_probabilities};
pub use gelu::{gelu, gelu_tanh};

/// `y = x Wᵀ + b`; weight `(out, in)`, bias `(out)`.
#[derive(Clone, Debug)]
pub struct Linear {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
}

impl Linear {
    /// Takes `NAME.weight` and `NAME.bias` from `source`.
    pub(crate) fn new(
        source: &mut WeightSource,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> FaultResult<Self> {
        Ok(Self {
            weight: source.tensor(
                &format!("{name}.weight"),
                &[outputs, inputs],
                Initial::Glorot,
            )?,
            bias: source.tensor(&format!("{name}.bias"), &[outputs], Initial::Zeros)?,
        })
    }

    /// As kernels take it.
    pub(crate) fn tensors(&self) -> Affine<Tensor> {
        Affine { weight: self.weight.clone(), bias: self.bias.clone() }
    }

    /// `x`: `(…, in)`; returns `(…, out)`.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let width = x.dim(D::Minus1)?;
        let mut shape = x.dims().to_vec();
        // One large product instead of one per sequence.
        let rows = x.contiguous()?.reshape(((), width))?;
        let y = rows.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?;
        if let Some(last) = shape.last_mut() {
            *last = self.bias.dim(0)?;
        }
        y.reshape(shape)
    }
}

/// Layer norm over the last dimension with biased variance (Ba et al. 2016).
#[derive(Clone, Debug)]
pub struct LayerNorm {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
    /// Added under the square root of the variance; 1e-5 unless a network says otherwise.
    epsilon: f64,
}

impl LayerNorm {
    /// Takes `NAME.weight` and `NAME.bias` from `source`.
    pub(crate) fn new(source: &mut WeightSource, name: &str, dim: usize) -> FaultResult<Self> {
        Ok(Self {
            weight: source.tensor(&format!("{name}.weight"), &[dim], Initial::Ones)?,
            bias: source.tensor(&format!("{name}.bias"), &[dim], Initial::Zeros)?,
            epsilon: NORM_EPSILON,
        })
    }

    /// With `epsilon` under the square root.
    pub(crate) fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// As kernels take it.
    pub(crate) fn tensors(&self) -> Affine<Tensor> {
        Affine { weight: self.weight.clone(), bias: self.bias.clone() }
    }

    /// `x`: `(…, dim)`; returns the same shape.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = centred.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?;
        normal.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

/// Convolution over tokens that keeps their number: odd `width`, zero padding.
///
/// Written as one matrix product over the shifted copies of `x`, which is how it is fast on a
/// CPU in both directions.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// `(out, in, width)`.
    pub(crate) weight: Tensor,
    /// `(out)`.
    pub(crate) bias: Tensor,
    pub(crate) dilation: usize,
}

impl Convolution {
    /// As kernels take it.
    pub(crate) fn tensors(&self) -> Affine<Tensor> {
        Affine { weight: self.weight.clone(), bias: self.bias.clone() }
    }

    /// `x`: `(batch, tokens, in)`; returns `(batch, tokens, out)`.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, inputs, width) = self.weight.dims3()?;
        let tokens = x.dim(1)?;
        let reach = (width / 2) * self.dilation;
        let padded = x.pad_with_zeros(1, reach, reach)?;
        let shifted: Vec<Tensor> = (0..width)
            .map(|tap| padded.narrow(1, tap * self.dilation, tokens))
            .collect::<Result<_>>()?;
        let columns = Tensor::cat(&shifted, 2)?;
        let weight =
            self.weight.transpose(1, 2)?.contiguous()?.reshape((outputs, width * inputs))?;
        Linear { weight, bias: self.bias.clone() }.forward(&columns)
    }
}
