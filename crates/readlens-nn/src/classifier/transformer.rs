//! A transformer over the tokens: an encoder, a pooled state and cascaded heads.

use candle_core::{D, Tensor};
use readlens_fault::{Fault, Result};
use readlens_kernels::{MaskSite, Precision};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use crate::bag::{Bag, BagConfig};
use crate::batch::TokenBatch;
use crate::encoder::{Encoder, EncoderConfig, Pooling};
use crate::ops::Linear;
use crate::pass::Pass;
use crate::weights::WeightSource;

/// Shape of a transformer branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// How positions become one vector.
    pub pooling: Pooling,
    /// A k-mer bag beside the encoder, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bag: Option<BagConfig>,
}

impl TransformerConfig {
    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub(crate) fn validate(&self, tokenization: &Tokenization) -> Result<()> {
        self.encoder.validate()?;
        self.encoder.check_vocabulary(tokenization)?;
        self.bag.as_ref().map_or(Ok(()), BagConfig::validate)?;
        if self.pooling == Pooling::Cls && !tokenization.cls {
            return Err(Fault::usage(
                "CLS pooling needs a CLS token: tokenize without --no-cls, or pool the mean",
            ));
        }
        Ok(())
    }
}

/// Logits of each rank from the tokens; each head also sees the softmax of the ranks above.
///
/// Heads see the encoder's pooled state and, where there is a k-mer bag, its hidden layer; the bag
/// also adds to the logits directly.
#[derive(Debug)]
pub struct Transformer {
    pooling: Pooling,
    encoder: Encoder,
    pooler: Linear,
    bag: Option<Bag>,
    heads: Vec<Linear>,
}

impl Transformer {
    /// Takes its tensors from `source`; `taxa` holds the number of taxa of each rank.
    pub(crate) fn new(
        config: &TransformerConfig,
        tokenization: &Tokenization,
        taxa: &[usize],
        source: &mut WeightSource,
    ) -> Result<Self> {
        let encoder = Encoder::new(&config.encoder, source)?;
        let dim = config.encoder.dim;
        let pooler = Linear::new(source, "pooler", dim, dim)?;
        let bag = config.bag.as_ref().map(|bag| Bag::new(bag, tokenization, taxa, source));
        let bag = bag.transpose()?;
        let mut heads = Vec::with_capacity(taxa.len());
        let mut width = dim + config.bag.as_ref().map_or(0, |bag| bag.hidden);
        for (i, taxa) in taxa.iter().enumerate() {
            heads.push(Linear::new(source, &format!("heads.{i}"), width, *taxa)?);
            width += taxa;
        }
        Ok(Self { pooling: config.pooling, encoder, pooler, bag, heads })
    }

    /// Computes in `precision` where it is not trained.
    pub(crate) fn with_precision(self, precision: Precision) -> Self {
        Self { encoder: self.encoder.with_precision(precision), ..self }
    }

    /// Masks as `site` says.
    pub(crate) fn with_mask_site(self, site: MaskSite) -> Self {
        Self { encoder: self.encoder.with_mask_site(site), ..self }
    }

    /// Its encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// How positions become one vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// How each token's own embedding speaks for a class of each rank, before attention:
    /// `(batch, tokens)` per rank, unspecified on CLS and padding. `classes`: u32 `(batch)` per
    /// rank.
    ///
    /// It is the product of what the token alone brings to its position and of the class's row of
    /// the head, taken back through the pooler, less the mean of all classes. In a pre-norm encoder
    /// embeddings, states and the pooled state share one residual stream, so the two can be
    /// multiplied as they are. A k-mer bag beside the encoder is left out.
    ///
    /// # Errors
    /// As [`Encoder::forward`], or a class is none.
    pub fn class_query(
        &self,
        batch: &TokenBatch,
        classes: &[Tensor],
    ) -> candle_core::Result<Vec<Tensor>> {
        let parts = self.encoder.token_parts(batch)?;
        let of_rank = |(rows, classes): (Tensor, &Tensor)| {
            let query = rows.index_select(classes, 0)?;
            parts.matmul(&query.unsqueeze(2)?)?.squeeze(2)
        };
        self.class_rows()?.into_iter().zip(classes).map(of_rank).collect()
    }

    /// The rows of the heads, taken back through the pooler, less their mean, `(taxa, dim)` each.
    pub(crate) fn class_rows(&self) -> candle_core::Result<Vec<Tensor>> {
        let dim = self.encoder.config().dim;
        let mut above = 0;
        let of_head = |head: &Linear| {
            let rows = head.weight.narrow(1, above, dim)?.contiguous()?;
            above += head.bias.dim(0)?;
            let rows = rows.matmul(&self.pooler.weight)?.detach();
            rows.broadcast_sub(&rows.mean_keepdim(0)?)
        };
        self.heads.iter().map(of_head).collect()
    }

    /// The encoder's states as one vector a row, `(batch, dim)`.
    pub(crate) fn pooled(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        self.encoder.pooled(batch, mask, self.pooling, pass)
    }

    /// Logits per rank, `(batch, taxa)` each.
    pub(crate) fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Tensor>> {
        let pooled = self.pooled(batch, mask, pass)?;
        self.of_pooled(&pooled, batch, mask, pass)
    }

    /// Logits per rank of what [`Transformer::pooled`] gave for the same batch and mask.
    pub(crate) fn of_pooled(
        &self,
        pooled: &Tensor,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Tensor>> {
        let state = pass.drop_out(&self.pooler.forward(pooled)?.tanh()?)?;
        let site = self.encoder.config().mask_site;
        let bag = self.bag.as_ref().map(|bag| bag.forward(batch, mask, site, pass)).transpose()?;
        let state = match &bag {
            Some(bag) => Tensor::cat(&[&state, &bag.hidden], 1)?,
            None => state,
        };
        let mut logits: Vec<Tensor> = Vec::with_capacity(self.heads.len());
        let mut above: Vec<Tensor> = Vec::with_capacity(self.heads.len());
        for (rank, head) in self.heads.iter().enumerate() {
            let mut parts: Vec<&Tensor> = above.iter().collect();
            parts.push(&state);
            let mut out = head.forward(&Tensor::cat(&parts, 1)?)?;
            if let Some(bag) = &bag {
                out = (out + &bag.logits[rank])?;
            }
            above.push(candle_nn::ops::softmax(&out, D::Minus1)?);
            logits.push(out);
        }
        Ok(logits)
    }
}
