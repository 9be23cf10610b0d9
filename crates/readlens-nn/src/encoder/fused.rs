//! The encoder as one operation of `readlens-kernels`.

use std::sync::{Arc, Mutex};

use candle_core::{Result, Tensor};
use readlens_kernels::{EncoderDropout, EncoderShape, EncoderTensors, Engine, Kept, Output};
use readlens_kmer::FIRST_KMER;

use super::Encoder;
use crate::batch::{Ragged, TokenBatch};
use crate::dropout::Dropout;
use crate::fused::FusedEncoder;
use crate::pass::Pass;

impl Encoder {
    /// All of it as one operation.
    pub(super) fn fused(
        &self,
        (engine, tensors): (Engine, &Arc<EncoderTensors<Tensor>>),
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        output: Output,
        pass: &mut Pass,
    ) -> Result<Tensor> {
        let ragged = &batch.ragged;
        if ragged.width > self.config.max_tokens {
            let most = self.config.max_tokens;
            candle_core::bail!("rows of {} tokens, where the encoder has {most}", ragged.width);
        }
        if let Some(id) = ragged.ids.iter().find(|&&id| id as usize >= self.config.vocabulary) {
            candle_core::bail!("token id {id} of a vocabulary of {}", self.config.vocabulary);
        }
        let shape = EncoderShape {
            dim: self.config.dim,
            heads: self.config.heads,
            feed_forward: self.config.feed_forward,
            patch: self.config.patch,
            norm: self.config.norm,
            site: self.config.mask_site,
            first_kmer: FIRST_KMER as usize,
            has_cls: batch.has_cls,
        };
        let gradients = pass.gradients_of(&self.token).cloned();
        // Weights that are trained in a pass of inference are an error of the caller, which a
        // backward pass reports.
        let keep = self.token.track_op() || mask.is_some_and(Tensor::track_op);
        let dropout = self.draw_dropout(&shape, ragged, pass.dropout());
        let operation = FusedEncoder {
            engine,
            shape,
            tensors: Arc::clone(tensors),
            batch: Arc::clone(ragged),
            is_masked: mask.is_some(),
            output,
            dropout,
            gradients,
            keep,
            stash: Mutex::new(self.stashes.take()),
            pool: Arc::clone(&self.stashes),
        };
        let mask = mask.unwrap_or(&batch.present).contiguous()?;
        if mask.dims() != batch.ids.dims() {
            let (found, expected) = (mask.dims(), batch.ids.dims());
            candle_core::bail!("a mask of shape {found:?} for tokens of shape {expected:?}");
        }
        if keep {
            self.token.apply_op2(&mask, operation)
        } else {
            self.token.apply_op2_no_bwd(&mask, &operation)
        }
    }

    /// The draws that [`Encoder::composed`] would make, without those for padding.
    fn draw_dropout(
        &self,
        shape: &EncoderShape,
        ragged: &Ragged,
        dropout: &mut Dropout,
    ) -> Option<EncoderDropout> {
        let dim = shape.dim;
        let rows = ragged.lengths.len();
        let mut draw = |width: usize, length: &dyn Fn(usize) -> usize| {
            let (flags, scale) = dropout.draw(rows * width * dim)?;
            let rows = flags.chunks_exact((width * dim).max(1)).zip(&ragged.lengths);
            let flags = rows.flat_map(|(row, &tokens)| &row[..length(tokens) * dim]);
            Some(Kept { flags: flags.copied().collect(), scale })
        };
        let embedding = draw(ragged.width, &|tokens| tokens)?;
        let width = shape.positions(ragged.width);
        let mut kept = || draw(width, &|tokens| shape.positions(tokens));
        let layers = (0..self.config.layers).map(|_| Some([kept()?, kept()?]));
        Some(EncoderDropout { layers: layers.collect::<Option<_>>()?, embedding })
    }
}
