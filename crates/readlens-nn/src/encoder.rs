//! A transformer encoder over (masked) token embeddings.

mod architecture;
mod block;
mod composed;
mod config;
mod fused;
mod observed;
mod places;

use std::sync::Arc;

use candle_core::Tensor;
use readlens_fault::{Fault, Result};
use readlens_kernels::{
    EncoderStash, EncoderTensors, Engine, LayerTensors, MaskSite, NormPlace, Output, Precision,
};

use crate::batch::TokenBatch;
use crate::fused::Pool;
use crate::ops::{LayerNorm, Linear};
use crate::pass::Pass;
use crate::weights::{Initial, WeightSource};

pub(crate) use architecture::NORM_EPSILON;
pub use architecture::{Architecture, FeedForward, Positions};
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
    /// Of learned positions.
    position: Option<Tensor>,
    /// Added to all tokens, where there is one.
    token_type: Option<Tensor>,
    embedding_norm: Option<LayerNorm>,
    stem: Option<Linear>,
    blocks: Vec<Arc<Block>>,
    final_norm: Option<LayerNorm>,
    /// The same tensors, as kernels take them, where its architecture is our own.
    tensors: Option<Arc<EncoderTensors<Tensor>>>,
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
        let EncoderConfig { dim, feed_forward, ref architecture, .. } = *config;
        let norm = |source: &mut WeightSource, name: &str| {
            let norm = LayerNorm::new(source, name, dim)?;
            Ok::<_, Fault>(norm.with_epsilon(architecture.epsilon()))
        };
        let block = |source: &mut WeightSource, i: usize| {
            Ok(Block {
                ln1: norm(source, &format!("blocks.{i}.ln1"))?,
                qkv: Linear::new(source, &format!("blocks.{i}.qkv"), dim, 3 * dim)?,
                out: Linear::new(source, &format!("blocks.{i}.out"), dim, dim)?,
                ln2: norm(source, &format!("blocks.{i}.ln2"))?,
                ff1: Linear::new(
                    source,
                    &format!("blocks.{i}.ff1"),
                    dim,
                    config.feed_forward_in(),
                )?,
                ff2: Linear::new(source, &format!("blocks.{i}.ff2"), feed_forward, dim)?,
            })
        };
        let token = source.tensor("tok.weight", &[config.vocabulary, dim], Initial::Normal(0.1))?;
        let position = (architecture.positions == Positions::Learned)
            .then(|| source.tensor("pos", &[config.max_positions(), dim], Initial::Normal(0.02)))
            .transpose()?;
        let token_type = architecture
            .token_type
            .then(|| source.tensor("type", &[dim], Initial::Normal(0.02)))
            .transpose()?;
        let embedding_norm = config.embedding_norm.then(|| norm(source, "emb_ln")).transpose()?;
        let stem = (config.patch > 1)
            .then(|| Linear::new(source, "stem", config.patch * dim, dim))
            .transpose()?;
        let blocks: Vec<Arc<Block>> =
            (0..config.layers).map(|i| block(source, i).map(Arc::new)).collect::<Result<_>>()?;
        let final_norm =
            (config.norm == NormPlace::Pre).then(|| norm(source, "final_ln")).transpose()?;
        let tensors = position.as_ref().filter(|_| architecture.is_own()).map(|position| {
            Arc::new(EncoderTensors {
                token: token.clone(),
                position: position.clone(),
                embedding_norm: embedding_norm.as_ref().map(LayerNorm::tensors),
                stem: stem.as_ref().map(Linear::tensors),
                layers: blocks.iter().map(|block| block.tensors()).collect(),
                final_norm: final_norm.as_ref().map(LayerNorm::tensors),
            })
        });
        let config = config.clone();
        let precision = Precision::F32;
        Ok(Self {
            config,
            token,
            position,
            token_type,
            embedding_norm,
            stem,
            blocks,
            final_norm,
            tensors,
            precision,
            stashes: Arc::default(),
        })
    }

    /// Computes in `precision` where it is not trained and its architecture is our own.
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
    /// States of padding are unspecified, and the end has none.
    ///
    /// # Errors
    /// Rows are longer than `max_tokens`, ids are out of the vocabulary, or shapes differ.
    pub fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Encoded> {
        let Some((engine, tensors)) = self.engine(pass) else {
            let encoded = self.composed(batch, mask, pass, None)?;
            return self.without_end(encoded, batch);
        };
        let states = self.fused((engine, tensors), batch, mask, Output::States, pass)?;
        let present = if self.config.patch > 1 {
            self.patches_present(batch)?
        } else {
            batch.present.clone()
        };
        Ok(Encoded { states, present })
    }

    /// The fused kernels and the tensors that they take, where they compute this encoder.
    fn engine(&self, pass: &Pass) -> Option<(Engine, &Arc<EncoderTensors<Tensor>>)> {
        let tensors = self.tensors.as_ref()?;
        Some((pass.engine_for(&self.token, self.precision)?, tensors))
    }

    /// The positions of tokens alone.
    fn without_end(&self, encoded: Encoded, batch: &TokenBatch) -> candle_core::Result<Encoded> {
        if !self.config.architecture.end {
            return Ok(encoded);
        }
        let tokens = batch.dims()?.1;
        let states = encoded.states.narrow(1, 0, tokens)?;
        Ok(Encoded { states, present: batch.present.clone() })
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
        if let Some(engine) = self.engine(pass) {
            let output = match pooling {
                Pooling::Mean => Output::Mean,
                Pooling::Cls => Output::First,
            };
            return self.fused(engine, batch, mask, output, pass);
        }
        let encoded = self.composed(batch, mask, pass, None)?;
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
