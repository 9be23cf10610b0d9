use candle_core::{DType, Result, Tensor};
use readlens_kernels::{Engine, Precision};

use crate::dropout::Dropout;
use crate::gradients::WeightGradients;

/// One pass of a batch through the networks: how they compute, their dropout, and where the
/// gradients of weights go.
#[derive(Debug)]
pub struct Pass {
    dropout: Dropout,
    gradients: Option<WeightGradients>,
    how: How,
}

/// Which operations compute.
#[derive(Clone, Copy, Debug)]
enum How {
    /// Candle's.
    Composed,
    /// Fused kernels at the best level, in the precision of the network.
    Fused,
    /// Fused kernels as stated.
    FusedAt(Engine),
}

impl Pass {
    /// Without dropout and without gradients of weights: inference, and the frozen classifier. A
    /// mask's gradient is computed where it is tracked; going backward to weights that are trained
    /// is an error.
    pub fn inference() -> Self {
        Self { dropout: Dropout::off(), gradients: None, how: How::Fused }
    }

    /// Training: kernels add the gradients of weights to `gradients`; those of other operations are
    /// in candle's store.
    pub fn training(dropout: Dropout, gradients: &WeightGradients) -> Self {
        Self { dropout, gradients: Some(gradients.clone()), how: How::Fused }
    }

    /// Composed of candle's operations, for any dtype and device; candle's backward pass finds all
    /// gradients.
    pub fn composed() -> Self {
        Self { how: How::Composed, ..Self::inference() }
    }

    /// With `dropout`.
    #[must_use]
    pub fn with_dropout(self, dropout: Dropout) -> Self {
        Self { dropout, ..self }
    }

    /// By fused kernels as `engine` says, whatever the network's precision.
    #[must_use]
    pub fn at(self, engine: Engine) -> Self {
        Self { how: How::FusedAt(engine), ..self }
    }

    /// The engine of fused kernels, which are for f32 on the CPU; `tensor` and `precision` are the
    /// network's. Weights are trained in f32.
    pub(crate) fn engine_for(&self, tensor: &Tensor, precision: Precision) -> Option<Engine> {
        let fits = tensor.dtype() == DType::F32 && tensor.device().is_cpu();
        let is_trained = self.gradients_of(tensor).is_some();
        match self.how {
            How::Fused if fits && is_trained => Some(Engine::current(Precision::F32)),
            How::Fused if fits => Some(Engine::current(precision)),
            How::FusedAt(engine) if fits => Some(engine),
            _ => None,
        }
    }

    /// Whether what a gradient needs may be computed twice instead of being held: not where all is
    /// to be candle's, nor under dropout, whose draws are not had twice.
    pub(crate) fn may_recompute(&self) -> bool {
        !matches!(self.how, How::Composed) && self.dropout.is_off()
    }

    /// Where gradients go, if `tensor` is trained.
    pub(crate) fn gradients_of(&self, tensor: &Tensor) -> Option<&WeightGradients> {
        self.gradients.as_ref().filter(|gradients| gradients.holds(tensor))
    }

    pub(crate) fn dropout(&mut self) -> &mut Dropout {
        &mut self.dropout
    }

    /// Applies dropout in training.
    pub(crate) fn drop_out(&mut self, x: &Tensor) -> Result<Tensor> {
        self.dropout.apply(x)
    }

    /// [`Pass::drop_out`] with a rate of the layer's own.
    pub(crate) fn drop_out_at(&mut self, rate: f64, x: &Tensor) -> Result<Tensor> {
        self.dropout.apply_at(rate, x)
    }
}
