//! A transformer encoder over (masked) token embeddings.

mod composed;
mod config;
mod fused;
mod observed;

use std::sync::Arc;

use candle_core::Tensor;
use readlens_fault::Result;
use readlens_kernels::{
    EncoderStash, EncoderTensors, LayerTensors, MaskSite, NormPlace, Output, Precision,
};

use crate::batch::TokenBatch;
use crate::fused::Pool;
use crate::ops::{LayerNorm, Linear};
use crate::pass::Pass;
use crate::weights::{Initial, WeightSource};

pub(crate) use config::check_vocabulary;
pub use config::{EncoderConfig, MAX_TOKENS, Pooling};

#[derive(Debug)]
struct Block {
    ln1: LayerNorm,
    qkv: Linear,
    out: Linear,
    ln2: LayerNorm,
    ff1: Linear,
    ff2: Linear,
}

/// Positions that leave the encoder.
#[derive(Debug)]
pub struct Encoded {
    /// `(batch, positions, dim)`: CLS first where the batch has one, then patches of tokens.
    pub states: Tensor,
    /// 1 where the position holds at least one token; `(batch, positions)`.
    pub present: Tensor,
}

/// A transformer encoder over (masked) token embeddings.
#[derive(Debug)]
pub struct Encoder {
    config: EncoderConfig,
    token: Tensor,
    position: Tensor,
    embedding_norm: Option<LayerNorm>,
    stem: Option<Linear>,
    blocks: Vec<Block>,
    final_norm: Option<LayerNorm>,
    /// The same tensors, as kernels take them.
    tensors: Arc<EncoderTensors<Tensor>>,
    /// Precision of inference; training is in f32.
    precision: Precision,
    stashes: Arc<Pool<EncoderStash>>,
}

impl Encoder {
    /// Takes its tensors from `source`.
    ///
    /// # Errors
    /// The shape cannot work or a tensor is missing.
    pub fn new(config: &EncoderConfig, source: &mut WeightSource) -> Result<Self> {
        config.validate()?;
        let EncoderConfig { dim, feed_forward, .. } = *config;
        let block = |source: &mut WeightSource, i: usize| {
            Ok(Block {
                ln1: LayerNorm::new(source, &format!("blocks.{i}.ln1"), dim)?,
                qkv: Linear::new(source, &format!("blocks.{i}.qkv"), dim, 3 * dim)?,
                out: Linear::new(source, &format!("blocks.{i}.out"), dim, dim)?,
                ln2: LayerNorm::new(source, &format!("blocks.{i}.ln2"), dim)?,
                ff1: Linear::new(source, &format!("blocks.{i}.ff1"), dim, feed_forward)?,
                ff2: Linear::new(source, &format!("blocks.{i}.ff2"), feed_forward, dim)?,
            })
        };
        let token = source.tensor("tok.weight", &[config.vocabulary, dim], Initial::Normal(0.1))?;
        let position = source.tensor("pos", &[config.max_tokens, dim], Initial::Normal(0.02))?;
        let embedding_norm =
            config.embedding_norm.then(|| LayerNorm::new(source, "emb_ln", dim)).transpose()?;
        let stem = (config.patch > 1)
            .then(|| Linear::new(source, "stem", config.patch * dim, dim))
            .transpose()?;
        let blocks: Vec<Block> =
            (0..config.layers).map(|i| block(source, i)).collect::<Result<_>>()?;
        let final_norm = (config.norm == NormPlace::Pre)
            .then(|| LayerNorm::new(source, "final_ln", dim))
            .transpose()?;
        let tensors = EncoderTensors {
            token: token.clone(),
            position: position.clone(),
            embedding_norm: embedding_norm.as_ref().map(LayerNorm::tensors),
            stem: stem.as_ref().map(Linear::tensors),
            layers: blocks.iter().map(Block::tensors).collect(),
            final_norm: final_norm.as_ref().map(LayerNorm::tensors),
        };
        let (tensors, config) = (Arc::new(tensors), config.clone());
        let precision = Precision::F32;
        Ok(Self {
            config,
            token,
            position,
            embedding_norm,
            stem,
            blocks,
            final_norm,
            tensors,
            precision,
            stashes: Arc::default(),
        })
    }

    /// Computes in `precision` where it is not trained.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Masks as `site` says instead of how it was trained to be masked.
    #[must_use]
    pub fn with_mask_site(self, site: MaskSite) -> Self {
        let config = EncoderConfig { mask_site: site, ..self.config };
        Self { config, ..self }
    }

    /// The shape it was built with.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes `batch` under `mask` (see [`crate::masking::complete`]); `None` leaves it whole.
    /// States of padding are unspecified.
    ///
    /// # Errors
    /// Rows are longer than `max_tokens`, ids are out of the vocabulary, or shapes differ.
    pub fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Encoded> {
        let Some(engine) = pass.engine_for(&self.token, self.precision) else {
            return self.composed(batch, mask, pass.dropout(), &mut |_, _| Ok(()));
        };
        let states = self.fused(engine, batch, mask, Output::States, pass)?;
        let present = if self.config.patch > 1 {
            self.patches_present(batch)?
        } else {
            batch.present.clone()
        };
        Ok(Encoded { states, present })
    }

    /// Encodes `batch` into one vector a row, `(batch, dim)`.
    ///
    /// # Errors
    /// As [`Encoder::forward`].
    pub fn pooled(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pooling: Pooling,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        if let Some(engine) = pass.engine_for(&self.token, self.precision) {
            let output = match pooling {
                Pooling::Mean => Output::Mean,
                Pooling::Cls => Output::First,
            };
            return self.fused(engine, batch, mask, output, pass);
        }
        let encoded = self.composed(batch, mask, pass.dropout(), &mut |_, _| Ok(()))?;
        match pooling {
            Pooling::Cls => encoded.states.narrow(1, 0, 1)?.squeeze(1),
            Pooling::Mean => {
                let present = encoded.present.unsqueeze(2)?;
                let total = encoded.states.broadcast_mul(&present)?.sum(1)?;
                total.broadcast_div(&present.sum(1)?.maximum(1.0)?)
            }
        }
    }
}

impl Block {
    fn tensors(&self) -> LayerTensors<Tensor> {
        LayerTensors {
            norm_1: self.ln1.tensors(),
            qkv: self.qkv.tensors(),
            out: self.out.tensors(),
            norm_2: self.ln2.tensors(),
            ff_1: self.ff1.tensors(),
            ff_2: self.ff2.tensors(),
        }
    }
}
