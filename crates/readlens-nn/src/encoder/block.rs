//! A block of the encoder, composed of candle's operations.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Storage, Tensor, Var, bail};
use readlens_kernels::NormPlace;

use super::{Block, FeedForward};
use crate::dropout::Dropout;
use crate::fused_linear;
use crate::ops::{Heads, Linear, gelu, gelu_tanh};
use crate::pass::Pass;

/// Positions that are computed together: enough to fill the matrix kernels.
const GROUP_POSITIONS: usize = 1024;

/// A layer on `(…, in)`.
pub(super) type Product = fn(&Linear, &Tensor) -> Result<Tensor>;

/// Is shown what attention makes of a block's queries and keys.
pub(super) type Observer<'a> = dyn FnMut(&Tensor) -> Result<()> + 'a;

/// What all blocks of an encoder share.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockShape {
    pub(super) norm: NormPlace,
    pub(super) heads: usize,
    pub(super) unit: FeedForward,
    /// Width of what leaves the unit.
    pub(super) feed_forward: usize,
}

/// How the blocks of a batch are computed.
#[derive(Clone)]
pub(super) struct BlockRun {
    pub(super) shape: BlockShape,
    /// Where its positions stand.
    pub(super) places: Heads,
    /// 1 where a position holds a token; `(batch, positions)`.
    pub(super) present: Tensor,
    pub(super) product: Product,
}

/// The layer by kernels, whose weights are frozen.
pub(super) fn frozen_product(layer: &Linear, x: &Tensor) -> Result<Tensor> {
    let (width, mut shape) = (x.dim(D::Minus1)?, x.dims().to_vec());
    let rows = x.contiguous()?.reshape(((), width))?;
    let y = fused_linear::linear(layer, &rows, &Pass::inference())?;
    if let Some(last) = shape.last_mut() {
        *last = layer.bias.dim(0)?;
    }
    y.reshape(shape)
}

impl BlockRun {
    /// The states behind `block` of those before it, `(batch, positions, dim)`.
    pub(super) fn forward(
        &self,
        block: &Block,
        states: &Tensor,
        dropout: &mut Dropout,
        observe: Option<&mut Observer<'_>>,
    ) -> Result<Tensor> {
        match self.shape.norm {
            NormPlace::Pre => {
                let x = self.attend(block, &block.ln1.forward(states)?, dropout, observe)?;
                let states = (states + x)?;
                let x = self.feed_forward(block, &block.ln2.forward(&states)?, dropout)?;
                states + x
            }
            NormPlace::Post => {
                let x = self.attend(block, states, dropout, observe)?;
                let states = block.ln1.forward(&(states + x)?)?;
                let x = self.feed_forward(block, &states, dropout)?;
                block.ln2.forward(&(states + x)?)
            }
        }
    }

    fn attend(
        &self,
        block: &Block,
        x: &Tensor,
        dropout: &mut Dropout,
        observe: Option<&mut Observer<'_>>,
    ) -> Result<Tensor> {
        let (heads, qkv) = (self.shape.heads, (self.product)(&block.qkv, x)?);
        if let Some(observe) = observe {
            observe(&self.places.probabilities(&qkv, &self.present, heads)?)?;
        }
        let joined = self.places.attend(&qkv, &self.present, heads)?;
        dropout.apply(&(self.product)(&block.out, &joined)?)
    }

    fn feed_forward(&self, block: &Block, x: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let x = (self.product)(&block.ff1, x)?;
        let half = |place: usize| {
            let width = self.shape.feed_forward;
            x.narrow(D::Minus1, place * width, width)?.contiguous()
        };
        let x = match self.shape.unit {
            FeedForward::Gelu => gelu(&x)?,
            FeedForward::GeluTanh => gelu_tanh(&x)?,
            FeedForward::GatedGelu => (gelu(&half(0)?)? * half(1)?)?,
            FeedForward::GatedSilu => {
                let gate = half(0)?;
                ((&gate * candle_nn::ops::sigmoid(&gate)?)? * half(1)?)?
            }
        };
        dropout.apply(&(self.product)(&block.ff2, &x)?)
    }

    /// The same of frozen weights and without dropout, a few rows at a time. Where a gradient goes
    /// back, the block is computed again, so that memory is that of a few rows of one block.
    pub(super) fn recomputed(&self, block: &Arc<Block>, states: &Tensor) -> Result<Tensor> {
        let parts = self.groups(&states.detach(), |run, part| {
            run.forward(block, part, &mut Dropout::off(), None)
        })?;
        let result = Tensor::cat(&parts, 0)?.contiguous()?;
        if !states.track_op() {
            return Ok(result);
        }
        let operation = Recomputed { run: self.clone(), block: Arc::clone(block), result };
        states.apply_op1(operation)
    }

    /// What `compute` makes of each group of rows.
    fn groups(
        &self,
        states: &Tensor,
        mut compute: impl FnMut(&Self, &Tensor) -> Result<Tensor>,
    ) -> Result<Vec<Tensor>> {
        let (rows, positions, _) = states.dims3()?;
        let of = (GROUP_POSITIONS / positions.max(1)).max(1);
        let mut parts = Vec::with_capacity(rows.div_ceil(of));
        for from in (0..rows).step_by(of) {
            let count = of.min(rows - from);
            let present = self.present.narrow(0, from, count)?;
            let run = Self { present, ..self.clone() };
            parts.push(compute(&run, &states.narrow(0, from, count)?.contiguous()?)?);
        }
        Ok(parts)
    }
}

/// A block whose gradient is found by computing it again.
struct Recomputed {
    run: BlockRun,
    block: Arc<Block>,
    /// What it makes of its states.
    result: Tensor,
}

impl CustomOp1 for Recomputed {
    fn name(&self) -> &'static str {
        "recomputed-block"
    }

    fn cpu_fwd(&self, _states: &CpuStorage, _layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (storage, layout) = self.result.storage_and_layout();
        match &*storage {
            Storage::Cpu(values) if layout.start_offset() == 0 => {
                Ok((values.clone(), layout.shape().clone()))
            }
            _ => bail!("a block is computed again on the CPU only"),
        }
    }

    fn bwd(&self, states: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let mut from = 0;
        let parts = self.run.groups(&states.detach(), |run, part| {
            let part = Var::from_tensor(part)?;
            let out = run.forward(&self.block, part.as_tensor(), &mut Dropout::off(), None)?;
            let upstream = gradient.narrow(0, from, out.dim(0)?)?;
            from += out.dim(0)?;
            let found = (out * upstream)?.sum_all()?.backward()?.remove(&part);
            found.ok_or_else(|| candle_core::Error::msg("a block gave its states no gradient"))
        })?;
        Ok(Some(Tensor::cat(&parts, 0)?))
    }
}
