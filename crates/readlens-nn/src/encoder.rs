use std::sync::{Arc, Mutex};

use candle_core::Tensor;
use readlens_fault::{Fault, Result};
use readlens_kernels::{
    self as kernels, EncoderDropout, EncoderShape, EncoderStash, EncoderTensors, Engine, Kept,
    LayerTensors, NormPlace, Output, Precision,
};
use readlens_kmer::{FIRST_KMER, Tokenization};
use serde::{Deserialize, Serialize};

use crate::batch::{Ragged, TokenBatch};
use crate::fused::{FusedEncoder, Pool};
use crate::masking::MaskSite;
use crate::ops::{LayerNorm, Linear, attention, gelu};
use crate::pass::Pass;
use crate::random::Dropout;
use crate::weights::{Initial, WeightSource};

/// How the encoder's positions become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Mean over the positions that hold a token, CLS included.
    #[default]
    Mean,
    /// The first position; the tokenization must have CLS.
    Cls,
}

/// Shape of a transformer encoder over token embeddings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Number of token ids.
    pub vocabulary: usize,
    /// Most tokens a row may have, CLS included.
    pub max_tokens: usize,
    /// Width of embeddings and blocks.
    pub dim: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; divides `dim`.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub feed_forward: usize,
    /// Tokens that the stem joins into one position; 1 for no stem.
    pub patch: usize,
    /// Where layer norms stand.
    pub norm: NormPlace,
    /// Whether the embedding passes a layer norm before the first block.
    pub embedding_norm: bool,
    /// Probability of silencing an activation in training.
    pub dropout: f64,
    /// Where a mask acts.
    pub mask_site: MaskSite,
}

impl EncoderConfig {
    /// Refuses an embedding that does not fit the tokens.
    pub(crate) fn check_vocabulary(&self, tokenization: &Tokenization) -> Result<()> {
        check_vocabulary(self.vocabulary, tokenization)
    }

    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let sizes = [
            ("vocabulary", self.vocabulary, 1 << 24),
            ("max_tokens", self.max_tokens, 1 << 20),
            ("dim", self.dim, 1 << 14),
            ("layers", self.layers, 1 << 10),
            ("heads", self.heads, 1 << 10),
            ("feed_forward", self.feed_forward, 1 << 16),
            ("patch", self.patch, 1 << 10),
        ];
        for (name, value, limit) in sizes {
            if value == 0 || value > limit {
                return Err(Fault::usage(format!("{name} must be 1 to {limit}, not {value}")));
            }
        }
        if !self.dim.is_multiple_of(self.heads) {
            let (dim, heads) = (self.dim, self.heads);
            return Err(Fault::usage(format!(
                "heads must divide dim, but {heads} does not divide {dim}"
            )));
        }
        if self.vocabulary <= FIRST_KMER as usize {
            return Err(Fault::usage(format!(
                "a vocabulary of {} holds no k-mer",
                self.vocabulary
            )));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Fault::usage(format!("dropout must be in [0, 1), not {}", self.dropout)));
        }
        Ok(())
    }
}

/// Refuses a vocabulary that is not the tokenization's.
pub(crate) fn check_vocabulary(vocabulary: usize, tokenization: &Tokenization) -> Result<()> {
    let expected = tokenization.vocabulary_size();
    if vocabulary != expected {
        return Err(Fault::usage(format!(
            "the vocabulary must be the {expected} ids of the tokenization, not {vocabulary}"
        )));
    }
    Ok(())
}

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
    /// Of passes that train nothing.
    precision: Precision,
    stashes: Arc<Pool<EncoderStash>>,
}

pub(crate) fn linear(
    source: &mut WeightSource,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Linear> {
    Ok(Linear {
        weight: source.tensor(&format!("{name}.weight"), &[outputs, inputs], Initial::Glorot)?,
        bias: source.tensor(&format!("{name}.bias"), &[outputs], Initial::Zeros)?,
    })
}

pub(crate) fn layer_norm(source: &mut WeightSource, name: &str, dim: usize) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: source.tensor(&format!("{name}.weight"), &[dim], Initial::Ones)?,
        bias: source.tensor(&format!("{name}.bias"), &[dim], Initial::Zeros)?,
    })
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
                ln1: layer_norm(source, &format!("blocks.{i}.ln1"), dim)?,
                qkv: linear(source, &format!("blocks.{i}.qkv"), dim, 3 * dim)?,
                out: linear(source, &format!("blocks.{i}.out"), dim, dim)?,
                ln2: layer_norm(source, &format!("blocks.{i}.ln2"), dim)?,
                ff1: linear(source, &format!("blocks.{i}.ff1"), dim, feed_forward)?,
                ff2: linear(source, &format!("blocks.{i}.ff2"), feed_forward, dim)?,
            })
        };
        let token = source.tensor("tok.weight", &[config.vocabulary, dim], Initial::Normal(0.1))?;
        let position = source.tensor("pos", &[config.max_tokens, dim], Initial::Normal(0.02))?;
        let embedding_norm =
            config.embedding_norm.then(|| layer_norm(source, "emb_ln", dim)).transpose()?;
        let stem = (config.patch > 1)
            .then(|| linear(source, "stem", config.patch * dim, dim))
            .transpose()?;
        let blocks: Vec<Block> =
            (0..config.layers).map(|i| block(source, i)).collect::<Result<_>>()?;
        let final_norm = (config.norm == NormPlace::Pre)
            .then(|| layer_norm(source, "final_ln", dim))
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

    /// Masks at `site` instead of where it was trained to be masked.
    #[must_use]
    pub fn with_mask_site(self, site: MaskSite) -> Self {
        let config = EncoderConfig { mask_site: site, ..self.config };
        Self { config, ..self }
    }

    /// The shape it was built with.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes `batch` under `mask` (see [`crate::masking::complete`]); `None` leaves it whole. States of padding mean
    /// nothing.
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
            return self.composed(batch, mask, pass.dropout());
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
        let encoded = self.composed(batch, mask, pass.dropout())?;
        match pooling {
            Pooling::Cls => encoded.states.narrow(1, 0, 1)?.squeeze(1),
            Pooling::Mean => {
                let present = encoded.present.unsqueeze(2)?;
                let total = encoded.states.broadcast_mul(&present)?.sum(1)?;
                total.broadcast_div(&present.sum(1)?.maximum(1.0)?)
            }
        }
    }

    /// All of it as one operation.
    fn fused(
        &self,
        engine: Engine,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        output: Output,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
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
            site: self.config.mask_site.kernel(),
            has_cls: batch.has_cls,
        };
        let gradients = pass.gradients_of(&self.token).cloned();
        // Weights that are trained in a pass of inference are an error of the caller, which a backward pass reports.
        let keep = self.token.track_op() || mask.is_some_and(Tensor::track_op);
        let dropout = self.draw_dropout(&shape, ragged, pass.dropout());
        let operation = FusedEncoder {
            engine,
            shape,
            tensors: Arc::clone(&self.tensors),
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

    /// Composed of candle's operations, for any dtype and device.
    fn composed(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        dropout: &mut Dropout,
    ) -> candle_core::Result<Encoded> {
        let embedded = dropout.apply(&self.embed(batch, mask)?)?;
        let Encoded { mut states, present } = self.join_patches(&embedded, batch)?;
        for block in &self.blocks {
            states = match self.config.norm {
                NormPlace::Pre => {
                    let x = self.attend(block, &block.ln1.forward(&states)?, &present, dropout)?;
                    states = (states + x)?;
                    let x = feed_forward(block, &block.ln2.forward(&states)?, dropout)?;
                    (states + x)?
                }
                NormPlace::Post => {
                    let x = self.attend(block, &states, &present, dropout)?;
                    states = block.ln1.forward(&(states + x)?)?;
                    let x = feed_forward(block, &states, dropout)?;
                    block.ln2.forward(&(states + x)?)?
                }
            };
        }
        if let Some(norm) = &self.final_norm {
            states = norm.forward(&states)?;
        }
        Ok(Encoded { states, present })
    }

    fn attend(
        &self,
        block: &Block,
        x: &Tensor,
        present: &Tensor,
        dropout: &mut Dropout,
    ) -> candle_core::Result<Tensor> {
        let joined = attention(&block.qkv.forward(x)?, present, self.config.heads)?;
        dropout.apply(&block.out.forward(&joined)?)
    }

    /// Token embedding plus position under the mask; `(batch, tokens, dim)`.
    fn embed(&self, batch: &TokenBatch, mask: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let (rows, tokens) = batch.dims()?;
        let dim = self.config.dim;
        let ids = batch.ids.flatten_all()?;
        let e = self.token.index_select(&ids, 0)?.reshape((rows, tokens, dim))?;
        let mask = mask.map(|m| m.unsqueeze(2)).transpose()?;
        let site = self.config.mask_site;
        let at = |x: Tensor, here: MaskSite| match &mask {
            Some(m) if site == here => x.broadcast_mul(m),
            _ => Ok(x),
        };
        let e = match &mask {
            Some(m) if site == MaskSite::Mean => {
                let kmers = self.config.vocabulary - FIRST_KMER as usize;
                let mean = self.token.narrow(0, FIRST_KMER as usize, kmers)?.mean(0)?;
                // Padding holds nothing, neither its token nor the average one.
                let hidden = m.affine(-1.0, 1.0)?.mul(&batch.present.unsqueeze(2)?)?;
                let hidden = hidden.broadcast_mul(&mean.reshape((1, 1, dim))?)?;
                (e.broadcast_mul(m)? + hidden)?
            }
            _ => at(e, MaskSite::Embedding)?,
        };
        let x = e.broadcast_add(&self.position.narrow(0, 0, tokens)?)?;
        let mut x = at(x, MaskSite::Sum)?;
        if let Some(norm) = &self.embedding_norm {
            x = norm.forward(&x)?;
        }
        at(x, MaskSite::Norm)
    }

    /// Joins each run of `patch` tokens after CLS into one position.
    fn join_patches(&self, x: &Tensor, batch: &TokenBatch) -> candle_core::Result<Encoded> {
        let Some(stem) = &self.stem else {
            return Ok(Encoded { states: x.clone(), present: batch.present.clone() });
        };
        let (rows, tokens, dim) = x.dims3()?;
        let patch = self.config.patch;
        let first = usize::from(batch.has_cls);
        let count = tokens - first;
        let padding = count.next_multiple_of(patch) - count;
        let patches = (count + padding) / patch;
        let present = batch.present.narrow(1, first, count)?;
        let body = x.narrow(1, first, count)?.broadcast_mul(&present.unsqueeze(2)?)?;
        let body = body.pad_with_zeros(1, 0, padding)?.reshape((rows, patches, patch * dim))?;
        let body = stem.forward(&body)?;
        let states = match first {
            0 => body,
            _ => Tensor::cat(&[&x.narrow(1, 0, 1)?, &body], 1)?,
        };
        Ok(Encoded { states, present: self.patches_present(batch)? })
    }

    /// 1 where a patch (or CLS) holds a token; `(batch, positions)`.
    fn patches_present(&self, batch: &TokenBatch) -> candle_core::Result<Tensor> {
        let (rows, tokens) = batch.dims()?;
        let patch = self.config.patch;
        let first = usize::from(batch.has_cls);
        let count = tokens - first;
        let padding = count.next_multiple_of(patch) - count;
        let present = batch.present.narrow(1, first, count)?.pad_with_zeros(1, 0, padding)?;
        let present = present.reshape((rows, (count + padding) / patch, patch))?.max(2)?;
        match first {
            0 => Ok(present),
            _ => Tensor::cat(&[&batch.present.narrow(1, 0, 1)?, &present], 1),
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

impl MaskSite {
    fn kernel(self) -> kernels::MaskSite {
        match self {
            Self::Embedding => kernels::MaskSite::Embedding,
            Self::Mean => kernels::MaskSite::Mean { first: FIRST_KMER as usize },
            Self::Sum => kernels::MaskSite::Sum,
            Self::Norm => kernels::MaskSite::Norm,
        }
    }
}

fn feed_forward(block: &Block, x: &Tensor, dropout: &mut Dropout) -> candle_core::Result<Tensor> {
    dropout.apply(&block.ff2.forward(&gelu(&block.ff1.forward(x)?)?)?)
}
