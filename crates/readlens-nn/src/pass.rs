use candle_core::{DType, Result, Tensor};
pub use readlens_kernels::Precision;
use readlens_kernels::Engine;

use crate::gradients::WeightGradients;
use crate::random::Dropout;

/// One pass of a batch through the networks: how they compute, their dropout, and where the gradients of weights go.
#[derive(Debug)]
pub struct Pass {
    dropout: Dropout,
    gradients: Option<WeightGradients>,
    /// None: composed of candle's operations.
    engine: Option<Engine>,
}

impl Pass {
    /// Without dropout and without gradients of weights: inference, and the frozen classifier. A mask's gradient is
    /// computed where it is tracked.
    pub fn inference() -> Self {
        Self::inference_in(Precision::F32)
    }

    /// As [`Pass::inference`], with products in `precision`.
    pub fn inference_in(precision: Precision) -> Self {
        let engine = Some(Engine::current(precision));
        Self { dropout: Dropout::off(), gradients: None, engine }
    }

    /// Training: kernels add the gradients of weights to `gradients`, whatever else candle's backward pass finds.
    pub fn training(dropout: Dropout, gradients: &WeightGradients) -> Self {
        let engine = Some(Engine::current(Precision::F32));
        Self { dropout, gradients: Some(gradients.clone()), engine }
    }

    /// Composed of candle's operations, for any dtype and device; candle's backward pass finds all gradients.
    pub fn composed() -> Self {
        Self { dropout: Dropout::off(), gradients: None, engine: None }
    }

    /// With `dropout`.
    #[must_use]
    pub fn with_dropout(mut self, dropout: Dropout) -> Self {
        self.dropout = dropout;
        self
    }

    /// At another instruction set than the best one.
    #[must_use]
    pub fn at(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// The engine of fused kernels, which are for f32 on the CPU: `tensor` is one of the network's.
    pub(crate) fn engine_for(&self, tensor: &Tensor) -> Option<Engine> {
        let fits = tensor.dtype() == DType::F32 && tensor.device().is_cpu();
        self.engine.filter(|_| fits)
    }

    /// Where gradients go, if `tensor` is trained.
    pub(crate) fn gradients_of(&self, tensor: &Tensor) -> Option<&WeightGradients> {
        self.gradients.as_ref().filter(|gradients| gradients.holds(tensor))
    }

    pub(crate) fn dropout(&mut self) -> &mut Dropout {
        &mut self.dropout
    }

    /// Silences activations in training.
    pub(crate) fn drop(&mut self, x: &Tensor) -> Result<Tensor> {
        self.dropout.apply(x)
    }
}
