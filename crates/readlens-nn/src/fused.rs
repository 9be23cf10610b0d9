//! The encoder and the Explainer's convolutions as single candle operations on the CPU.
//!
//! An operation keeps what its backward pass needs in memory that is handed from pass to pass.
//! Gradients of weights go to [`WeightGradients`] and not through candle's graph: that would copy
//! every one of them several times.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor, bail};
use readlens_kernels::{
    ConvolutionStash, ConvolutionTensors, ConvolutionTokens, ConvolutionWork, Convolutions,
    Encoder, EncoderDropout, EncoderShape, EncoderStash, EncoderTensors, EncoderWork, Engine, Kept,
    Output, Tokens,
};

use crate::batch::Ragged;
use crate::gradients::WeightGradients;

/// Memory of passes that are over, for the next ones.
#[derive(Debug, Default)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give(&self, memory: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

static WORK: Pool<EncoderWork> = Pool::new();

/// One pass through an encoder. Its candle inputs are the token embedding, for its place in the
/// graph, and the mask.
pub(crate) struct FusedEncoder {
    pub(crate) engine: Engine,
    pub(crate) shape: EncoderShape,
    pub(crate) tensors: Arc<EncoderTensors<Tensor>>,
    pub(crate) batch: Arc<Ragged>,
    /// Whether there is a mask; otherwise its place is filled with what is not read.
    pub(crate) is_masked: bool,
    pub(crate) output: Output,
    pub(crate) dropout: Option<EncoderDropout>,
    /// Where the gradients of weights go; none where they are frozen.
    pub(crate) gradients: Option<WeightGradients>,
    /// Whether a backward pass follows.
    pub(crate) keep: bool,
    pub(crate) stash: Mutex<EncoderStash>,
    /// Where the stash goes afterwards.
    pub(crate) pool: Arc<Pool<EncoderStash>>,
}

impl fmt::Debug for FusedEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FusedEncoder").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Drop for FusedEncoder {
    fn drop(&mut self) {
        let stash = self.stash.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.pool.give(std::mem::take(stash));
    }
}

/// The values of a contiguous f32 tensor on the CPU.
pub(crate) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("fused kernels need contiguous f32 values"),
    }
}

/// Runs `compute` on the values of `tensors`, in their order.
pub(crate) fn with_values<R>(
    tensors: &[&Tensor],
    compute: impl FnOnce(&[&[f32]]) -> Result<R>,
) -> Result<R> {
    let guards: Vec<_> = tensors.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let values: Vec<&[f32]> = guards
        .iter()
        .map(|(storage, layout)| match &**storage {
            Storage::Cpu(storage) => floats(storage, layout),
            _ => bail!("fused kernels are for the CPU"),
        })
        .collect::<Result<_>>()?;
    compute(&values)
}

/// `tensors` with its items replaced by `items`, in order.
fn refill<T, U>(
    tensors: EncoderTensors<T>,
    items: impl IntoIterator<Item = U>,
) -> Result<EncoderTensors<U>> {
    let mut items = items.into_iter();
    tensors.try_map(|_| items.next().ok_or_else(|| candle_core::Error::msg("too few tensors")))
}

fn listed(tensors: &EncoderTensors<Tensor>) -> Result<Vec<&Tensor>> {
    let mut list = Vec::new();
    tensors.each_ref().try_map(|tensor| {
        list.push(tensor);
        Ok::<_, candle_core::Error>(())
    })?;
    Ok(list)
}

impl FusedEncoder {
    /// Runs `compute` with the encoder and its tokens.
    fn run<R>(
        &self,
        mask: &[f32],
        compute: impl FnOnce(&Encoder, Tokens, &mut EncoderStash, &mut EncoderWork) -> Result<R>,
    ) -> Result<R> {
        let mask = self.is_masked.then(|| self.batch.gather(mask));
        with_values(&listed(&self.tensors)?, |values| {
            let tensors = refill(self.tensors.each_ref(), values.iter().copied())?;
            let dropout = self.dropout.as_ref();
            let Self { engine, shape, output, .. } = *self;
            let encoder = Encoder { engine, shape, tensors, output, dropout };
            let tokens = Tokens {
                ids: &self.batch.ids,
                lengths: &self.batch.lengths,
                mask: mask.as_deref(),
            };
            let mut stash = self.stash.lock().unwrap_or_else(PoisonError::into_inner);
            let mut work = WORK.take();
            let result = compute(&encoder, tokens, &mut stash, &mut work);
            WORK.give(work);
            result
        })
    }

    /// Shape of the output, and the values of a row where it is padded.
    fn padded(&self) -> (Shape, Option<usize>) {
        let (dim, rows) = (self.shape.dim, self.batch.lengths.len());
        if self.output != Output::States {
            return ((rows, dim).into(), None);
        }
        let positions = self.shape.positions(self.batch.width);
        ((rows, positions, dim).into(), Some(positions * dim))
    }
}

impl CustomOp2 for FusedEncoder {
    fn name(&self) -> &'static str {
        "encoder"
    }

    fn cpu_fwd(
        &self,
        _token: &CpuStorage,
        _token_layout: &Layout,
        mask: &CpuStorage,
        mask_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mask = floats(mask, mask_layout)?;
        let states = self.run(mask, |encoder, tokens, stash, work| {
            Ok(encoder.forward(tokens, self.keep, stash, work))
        })?;
        let (shape, width) = self.padded();
        let Some(width) = width else { return Ok((CpuStorage::F32(states), shape)) };
        let mut out = vec![0f32; shape.elem_count()];
        let mut rest = states.as_slice();
        for (out, &tokens) in out.chunks_exact_mut(width).zip(&self.batch.lengths) {
            let (row, others) = rest.split_at(self.shape.positions(tokens) * self.shape.dim);
            out[..row.len()].copy_from_slice(row);
            rest = others;
        }
        Ok((CpuStorage::F32(out), shape))
    }

    fn bwd(
        &self,
        token: &Tensor,
        mask: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        if self.gradients.is_none() && token.track_op() {
            bail!("the encoder is trained, but computed in a pass of inference");
        }
        let wants_mask = self.is_masked && mask.track_op();
        let mut mask_gradient = vec![0f32; if wants_mask { self.batch.ids.len() } else { 0 }];
        let gradient = gradient.contiguous()?;
        with_values(&[&mask.contiguous()?, &gradient], |values| {
            let upstream = match self.padded().1 {
                None => values[1].to_vec(),
                Some(width) => {
                    let rows = values[1].chunks_exact(width).zip(&self.batch.lengths);
                    let states =
                        rows.flat_map(|(row, &n)| &row[..self.shape.positions(n) * self.shape.dim]);
                    states.copied().collect()
                }
            };
            self.run(values[0], |encoder, tokens, stash, work| {
                let of_mask = wants_mask.then_some(mask_gradient.as_mut_slice());
                let Some(gradients) = &self.gradients else {
                    encoder.backward(tokens, &upstream, stash, None, of_mask, work);
                    return Ok(());
                };
                let mut memory = gradients.lock();
                let parts = gradients.parts(&mut memory, &listed(&self.tensors)?)?;
                let mut parts = refill(self.tensors.each_ref(), parts)?;
                let weights = Some(&mut parts);
                encoder.backward(tokens, &upstream, stash, weights, of_mask, work);
                Ok(())
            })
        })?;
        let mask_gradient =
            wants_mask.then(|| self.batch.scatter(&mask_gradient, mask.device())).transpose()?;
        Ok((None, mask_gradient))
    }
}

static CONVOLUTION_WORK: Pool<ConvolutionWork> = Pool::new();

/// One pass through a convolutional Explainer up to its logits. Its candle inputs are the token
/// embedding, for its place in the graph, and what is added to it.
pub(crate) struct FusedConvolutions {
    pub(crate) engine: Engine,
    pub(crate) dim: usize,
    pub(crate) width: usize,
    pub(crate) dilations: Vec<usize>,
    pub(crate) outputs: usize,
    pub(crate) tensors: Arc<ConvolutionTensors<Tensor>>,
    pub(crate) batch: Arc<Ragged>,
    /// Whether anything is added to the embedding, `(batch, tokens, dim)`; otherwise its place is
    /// filled with what is not read.
    pub(crate) is_added: bool,
    pub(crate) dropout: Option<Kept>,
    /// Where the gradients of weights go; none where no backward pass follows.
    pub(crate) gradients: Option<WeightGradients>,
    pub(crate) stash: Mutex<ConvolutionStash>,
    /// Where the stash goes afterwards.
    pub(crate) pool: Arc<Pool<ConvolutionStash>>,
}

impl fmt::Debug for FusedConvolutions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FusedConvolutions").field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl Drop for FusedConvolutions {
    fn drop(&mut self) {
        let stash = self.stash.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.pool.give(std::mem::take(stash));
    }
}

impl FusedConvolutions {
    fn listed(&self) -> Result<Vec<&Tensor>> {
        let mut list = Vec::new();
        self.tensors.each_ref().try_map(|tensor| {
            list.push(tensor);
            Ok::<_, candle_core::Error>(())
        })?;
        Ok(list)
    }

    fn refill<U>(&self, items: impl IntoIterator<Item = U>) -> Result<ConvolutionTensors<U>> {
        let mut items = items.into_iter();
        let next = |_| items.next().ok_or_else(|| candle_core::Error::msg("too few tensors"));
        self.tensors.each_ref().try_map(next)
    }

    fn tokens<'a>(&'a self, added: Option<&'a [f32]>) -> ConvolutionTokens<'a> {
        let Ragged { ids, lengths, .. } = &*self.batch;
        ConvolutionTokens { ids, lengths, added }
    }

    /// Runs `compute` with the network.
    fn run<R>(
        &self,
        compute: impl FnOnce(&Convolutions, &mut ConvolutionStash, &mut ConvolutionWork) -> Result<R>,
    ) -> Result<R> {
        with_values(&self.listed()?, |values| {
            let network = Convolutions {
                engine: self.engine,
                dim: self.dim,
                width: self.width,
                dilations: &self.dilations,
                outputs: self.outputs,
                tensors: self.refill(values.iter().copied())?,
                dropout: self.dropout.as_ref(),
            };
            let mut stash = self.stash.lock().unwrap_or_else(PoisonError::into_inner);
            let mut work = CONVOLUTION_WORK.take();
            let result = compute(&network, &mut stash, &mut work);
            CONVOLUTION_WORK.give(work);
            result
        })
    }
}

impl CustomOp2 for FusedConvolutions {
    fn name(&self) -> &'static str {
        "convolutions"
    }

    fn cpu_fwd(
        &self,
        _token: &CpuStorage,
        _token_layout: &Layout,
        added: &CpuStorage,
        added_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let added = match self.is_added {
            true => Some(self.batch.gather_wide(floats(added, added_layout)?, self.dim)),
            false => None,
        };
        let logits = self.run(|network, stash, work| {
            Ok(network.forward(self.tokens(added.as_deref()), stash, work))
        })?;
        let out = self.batch.scatter_wide(&logits, self.outputs);
        let shape = (self.batch.lengths.len(), self.batch.width, self.outputs);
        Ok((CpuStorage::F32(out), shape.into()))
    }

    fn bwd(
        &self,
        _token: &Tensor,
        added: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(gradients) = &self.gradients else {
            bail!("the Explainer is trained, but computed in a pass of inference");
        };
        let wants_added = self.is_added && added.track_op();
        let mut embedded =
            vec![0f32; if wants_added { self.batch.ids.len() * self.dim } else { 0 }];
        with_values(&[&gradient.contiguous()?], |values| {
            let upstream = self.batch.gather_wide(values[0], self.outputs);
            self.run(|network, stash, work| {
                let mut memory = gradients.lock();
                let parts = gradients.parts(&mut memory, &self.listed()?)?;
                let mut parts = self.refill(parts)?;
                let of_added = wants_added.then_some(embedded.as_mut_slice());
                let tokens = self.tokens(None);
                network.backward(tokens, &upstream, stash, &mut parts, of_added, work);
                Ok(())
            })
        })?;
        let of_added = wants_added.then(|| {
            let values = self.batch.scatter_wide(&embedded, self.dim);
            Tensor::from_vec(values, added.shape(), added.device())
        });
        Ok((None, of_added.transpose()?))
    }
}
