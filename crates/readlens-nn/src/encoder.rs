use candle_core::Tensor;
use readlens_fault::{Fault, Result};
use readlens_kmer::{FIRST_KMER, Tokenization};
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::masking::MaskSite;
use crate::ops::{LayerNorm, Linear, attention, gelu};
use crate::random::Dropout;
use crate::weights::{Initial, WeightSource};

/// Where a block's layer norms stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormPlace {
    /// Before attention and feed-forward, with a final norm (Xiong et al. 2020).
    #[default]
    Pre,
    /// After each residual sum, as in BERT.
    Post,
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
        Ok(Self {
            token: source.tensor("tok.weight", &[config.vocabulary, dim], Initial::Normal(0.1))?,
            position: source.tensor("pos", &[config.max_tokens, dim], Initial::Normal(0.02))?,
            embedding_norm: config
                .embedding_norm
                .then(|| layer_norm(source, "emb_ln", dim))
                .transpose()?,
            stem: (config.patch > 1)
                .then(|| linear(source, "stem", config.patch * dim, dim))
                .transpose()?,
            blocks: (0..config.layers).map(|i| block(source, i)).collect::<Result<_>>()?,
            final_norm: (config.norm == NormPlace::Pre)
                .then(|| layer_norm(source, "final_ln", dim))
                .transpose()?,
            config: config.clone(),
        })
    }

    /// The shape it was built with.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes `batch` under `mask` (see [`crate::masking::complete`]); `None` leaves it whole.
    ///
    /// # Errors
    /// Rows are longer than `max_tokens`, ids are out of the vocabulary, or shapes differ.
    pub fn forward(
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
        let present =
            present.pad_with_zeros(1, 0, padding)?.reshape((rows, patches, patch))?.max(2)?;
        if first == 0 {
            return Ok(Encoded { states: body, present });
        }
        Ok(Encoded {
            states: Tensor::cat(&[&x.narrow(1, 0, 1)?, &body], 1)?,
            present: Tensor::cat(&[&batch.present.narrow(1, 0, 1)?, &present], 1)?,
        })
    }
}

fn feed_forward(block: &Block, x: &Tensor, dropout: &mut Dropout) -> candle_core::Result<Tensor> {
    dropout.apply(&block.ff2.forward(&gelu(&block.ff1.forward(x)?)?)?)
}
