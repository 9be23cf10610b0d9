//! The encoder composed of candle's operations, for any dtype and device.

use candle_core::{Result, Tensor};
use readlens_kernels::{MaskSite, Precision};
use readlens_kmer::{FIRST_KMER, SEP};

use super::block::{BlockRun, BlockShape, Observer, Product, frozen_product};
use super::{Encoded, Encoder, EncoderConfig};
use crate::batch::TokenBatch;
use crate::ops::{Heads, Linear};
use crate::pass::Pass;

/// How padded rows of tokens fall into patches.
struct Patches {
    /// Tokens of a patch.
    patch: usize,
    /// Tokens before the first patch: CLS.
    first: usize,
    /// Tokens in patches.
    count: usize,
    /// Tokens that the last patch lacks.
    padding: usize,
}

impl Encoder {
    /// Composed of candle's operations, for any dtype and device. `observe` is shown what attention
    /// makes of each block.
    pub(super) fn composed(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
        mut observe: Option<&mut Observer<'_>>,
    ) -> Result<Encoded> {
        let embedded = pass.drop_out(&self.embed(batch, mask)?)?;
        let Encoded { mut states, present } = self.join_patches(&embedded, batch)?;
        let run = BlockRun {
            shape: self.block_shape(),
            places: self.attention_heads(&states)?,
            present: present.clone(),
            product: self.product(pass),
        };
        let recomputes = self.recomputes(&states, pass) && observe.is_none();
        for block in &self.blocks {
            states = if recomputes {
                run.recomputed(block, &states)?
            } else {
                let observe = observe.as_deref_mut();
                run.forward(block, &states, pass.dropout(), observe)?
            };
        }
        if let Some(norm) = &self.final_norm {
            states = norm.forward(&states)?;
        }
        Ok(Encoded { states, present })
    }

    fn block_shape(&self) -> BlockShape {
        let EncoderConfig { norm, heads, feed_forward, .. } = self.config;
        BlockShape { norm, heads, unit: self.config.architecture.unit, feed_forward }
    }

    /// Whether blocks are computed again where a gradient goes back through them: one graph of all
    /// blocks takes a gigabyte for a window of a common size.
    fn recomputes(&self, states: &Tensor, pass: &Pass) -> bool {
        let is_frozen = !self.token.track_op();
        is_frozen && states.device().is_cpu() && pass.may_recompute()
    }

    /// How products are computed: by kernels where they can and weights are frozen.
    fn product(&self, pass: &Pass) -> Product {
        let can = pass.engine_for(&self.token, Precision::F32).is_some();
        if can && !self.token.track_op() && pass.gradients_of(&self.token).is_none() {
            frozen_product
        } else {
            Linear::forward
        }
    }

    /// How attention is told where the positions of `states` stand.
    fn attention_heads(&self, states: &Tensor) -> Result<Heads> {
        let (_, places, dim) = states.dims3()?;
        let heads = self.config.heads;
        let architecture = &self.config.architecture;
        architecture.heads(places, heads, dim / heads, states.dtype(), states.device())
    }

    /// Token embedding plus type and position under the mask; `(batch, positions, dim)`, with the
    /// end where the encoder adds one.
    fn embed(&self, batch: &TokenBatch, mask: Option<&Tensor>) -> Result<Tensor> {
        let (rows, tokens) = batch.dims()?;
        let dim = self.config.dim;
        let ids = batch.ids.flatten_all()?;
        let e = self.token.index_select(&ids, 0)?.reshape((rows, tokens, dim))?;
        let e = match mask {
            None => e,
            Some(mask) => {
                let m = mask.unsqueeze(2)?;
                let seen = e.broadcast_mul(&m)?;
                match self.config.mask_site {
                    MaskSite::Embedding => seen,
                    MaskSite::Mean => (seen + self.mean_where_hidden(batch, &m)?)?,
                }
            }
        };
        let mut x = if self.config.architecture.end { self.append_end(&e, batch)? } else { e };
        if tokens > self.config.max_tokens {
            let most = self.config.max_tokens;
            candle_core::bail!("rows of {tokens} tokens, where the encoder has {most}");
        }
        if let Some(token_type) = &self.token_type {
            x = x.broadcast_add(token_type)?;
        }
        if let Some(position) = &self.position {
            x = x.broadcast_add(&position.narrow(0, 0, x.dim(1)?)?)?;
        }
        match &self.embedding_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }

    /// With the embedding of the end behind the last token of each row; rows are one position
    /// longer.
    fn append_end(&self, embedded: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
        let is_end = batch.ends()?.unsqueeze(2)?;
        let end = self.token.narrow(0, SEP as usize, 1)?.unsqueeze(0)?;
        embedded.pad_with_zeros(1, 0, 1)?.broadcast_mul(&(1.0 - &is_end)?)?
            + is_end.broadcast_mul(&end)?
    }

    /// `(1 − m) Ē` with `Ē` the mean embedding of all k-mers; `mask`: `(batch, tokens, 1)`. Padding
    /// holds nothing, neither its token nor the average one.
    fn mean_where_hidden(&self, batch: &TokenBatch, mask: &Tensor) -> Result<Tensor> {
        let kmers = self.config.vocabulary - FIRST_KMER as usize;
        let mean = self.token.narrow(0, FIRST_KMER as usize, kmers)?.mean(0)?;
        let hidden = mask.affine(-1.0, 1.0)?.mul(&batch.present.unsqueeze(2)?)?;
        hidden.broadcast_mul(&mean.reshape((1, 1, self.config.dim))?)
    }

    /// Joins each run of `patch` tokens after CLS into one position.
    fn join_patches(&self, x: &Tensor, batch: &TokenBatch) -> Result<Encoded> {
        let Some(stem) = &self.stem else {
            let present = match self.config.architecture.end {
                true => (batch.present.pad_with_zeros(1, 0, 1)? + batch.ends()?)?,
                false => batch.present.clone(),
            };
            return Ok(Encoded { states: x.clone(), present });
        };
        let (rows, tokens, dim) = x.dims3()?;
        let Patches { patch, first, count, padding } = self.patches(batch, tokens);
        let present = batch.present.narrow(1, first, count)?;
        let body = x.narrow(1, first, count)?.broadcast_mul(&present.unsqueeze(2)?)?;
        let body = body.pad_with_zeros(1, 0, padding)?.reshape((rows, (), patch * dim))?;
        let body = stem.forward(&body)?;
        let states = match first {
            0 => body,
            _ => Tensor::cat(&[&x.narrow(1, 0, 1)?, &body], 1)?,
        };
        Ok(Encoded { states, present: self.patches_present(batch)? })
    }

    /// What each token alone brings to its position before the first block, `(batch, tokens, dim)`:
    /// its normed embedding, projected by its place in the stem where there is one. CLS and padding
    /// are unspecified.
    ///
    /// # Errors
    /// As [`Encoder::forward`].
    pub fn token_parts(&self, batch: &TokenBatch) -> Result<Tensor> {
        let embedded = self.embed(batch, None)?;
        let Some(stem) = &self.stem else { return embedded.narrow(1, 0, batch.dims()?.1) };
        let (rows, tokens, dim) = embedded.dims3()?;
        let Patches { patch, first, count, padding } = self.patches(batch, tokens);
        let body = embedded.narrow(1, first, count)?.pad_with_zeros(1, 0, padding)?;
        let body = body.reshape((rows, (), patch, dim))?;
        let part = |place: usize| {
            let weight = stem.weight.narrow(1, place * dim, dim)?;
            body.narrow(2, place, 1)?.squeeze(2)?.broadcast_matmul(&weight.t()?)
        };
        let parts: Vec<Tensor> = (0..patch).map(part).collect::<Result<_>>()?;
        let parts = Tensor::stack(&parts, 2)?.reshape((rows, (), dim))?.narrow(1, 0, count)?;
        match first {
            0 => Ok(parts),
            _ => Tensor::cat(&[&embedded.narrow(1, 0, 1)?, &parts], 1),
        }
    }

    /// 1 where a patch (or CLS) holds a token; `(batch, positions)`.
    pub(super) fn patches_present(&self, batch: &TokenBatch) -> Result<Tensor> {
        let (rows, tokens) = batch.dims()?;
        let Patches { patch, first, count, padding } = self.patches(batch, tokens);
        let present = batch.present.narrow(1, first, count)?.pad_with_zeros(1, 0, padding)?;
        let present = present.reshape((rows, (), patch))?.max(2)?;
        match first {
            0 => Ok(present),
            _ => Tensor::cat(&[&batch.present.narrow(1, 0, 1)?, &present], 1),
        }
    }

    fn patches(&self, batch: &TokenBatch, tokens: usize) -> Patches {
        let patch = self.config.patch;
        let first = usize::from(batch.has_cls);
        let count = tokens - first;
        Patches { patch, first, count, padding: count.next_multiple_of(patch) - count }
    }
}
