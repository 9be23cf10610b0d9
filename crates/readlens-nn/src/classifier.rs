//! The token classifier: an encoder, a pooled state and cascaded heads.

use std::collections::HashMap;

use candle_core::{D, Device, Tensor};
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

/// A rank and its taxa; a class is an index into `taxa`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankClasses {
    /// Name of the rank, such as `genus`.
    pub rank: String,
    /// Taxa in class order.
    pub taxa: Vec<String>,
}

/// Shape of a classifier, as `config.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// How positions become one vector.
    pub pooling: Pooling,
    /// A k-mer bag beside the encoder, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bag: Option<BagConfig>,
    /// Ranks from the highest to the lowest.
    pub ranks: Vec<RankClasses>,
    /// How the windows it reads must be tokenized.
    pub tokenization: Tokenization,
}

impl ClassifierConfig {
    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        self.encoder.validate()?;
        self.encoder.check_vocabulary(&self.tokenization)?;
        self.bag.as_ref().map_or(Ok(()), BagConfig::validate)?;
        if self.pooling == Pooling::Cls && !self.tokenization.cls {
            return Err(Fault::usage(
                "CLS pooling needs a CLS token: tokenize without --no-cls, or pool the mean",
            ));
        }
        if self.ranks.is_empty() {
            return Err(Fault::usage("a classifier needs at least one rank"));
        }
        match self.ranks.iter().find(|r| r.taxa.is_empty()) {
            Some(r) => Err(Fault::usage(format!("rank {} has no taxon", r.rank))),
            None => Ok(()),
        }
    }
}

/// Predicts a taxon at every rank; each head also sees the softmax of the ranks above.
///
/// Heads see the encoder's pooled state and, where there is a k-mer bag, its hidden layer; the bag
/// also adds to the logits directly.
#[derive(Debug)]
pub struct Classifier {
    config: ClassifierConfig,
    encoder: Encoder,
    pooler: Linear,
    bag: Option<Bag>,
    heads: Vec<Linear>,
    tensors: HashMap<String, Tensor>,
}

impl Classifier {
    /// Takes its tensors from `source`.
    ///
    /// # Errors
    /// The shape cannot work or a tensor is missing.
    pub fn new(config: &ClassifierConfig, source: &mut WeightSource) -> Result<Self> {
        config.validate()?;
        let encoder = Encoder::new(&config.encoder, source)?;
        let dim = config.encoder.dim;
        let pooler = Linear::new(source, "pooler", dim, dim)?;
        let taxa: Vec<usize> = config.ranks.iter().map(|rank| rank.taxa.len()).collect();
        let bag = config.bag.as_ref().map(|bag| Bag::new(bag, &config.tokenization, &taxa, source));
        let bag = bag.transpose()?;
        let mut heads = Vec::with_capacity(config.ranks.len());
        let mut width = dim + config.bag.as_ref().map_or(0, |bag| bag.hidden);
        for (i, rank) in config.ranks.iter().enumerate() {
            heads.push(Linear::new(source, &format!("heads.{i}"), width, rank.taxa.len())?);
            width += rank.taxa.len();
        }
        let tensors = source.used().iter().map(|(n, t)| (n.clone(), t.clone())).collect();
        Ok(Self { config: config.clone(), encoder, pooler, bag, heads, tensors })
    }

    /// Computes in `precision` where it is not trained.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { encoder: self.encoder.with_precision(precision), ..self }
    }

    /// Masks as `site` says instead of how it was trained to be masked: hidden tokens then look
    /// otherwise, and its answers to whole windows stay the same.
    #[must_use]
    pub fn with_mask_site(self, site: MaskSite) -> Self {
        let encoder = self.encoder.with_mask_site(site);
        let config = ClassifierConfig { encoder: encoder.config().clone(), ..self.config };
        Self { config, encoder, ..self }
    }

    /// The shape it was built with.
    pub fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// Its encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        self.pooler.bias.device()
    }

    /// The tensors that it computes with, by name.
    pub fn tensors(&self) -> &HashMap<String, Tensor> {
        &self.tensors
    }

    /// Logits per rank, `(batch, taxa)` each, of `batch` under `mask` (`None` leaves it whole).
    ///
    /// # Errors
    /// Rows are longer than `max_tokens`, ids are out of the vocabulary, or shapes differ.
    pub fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Tensor>> {
        let pooled = self.encoder.pooled(batch, mask, self.config.pooling, pass)?;
        let state = pass.drop_out(&self.pooler.forward(&pooled)?.tanh()?)?;
        let site = self.config.encoder.mask_site;
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
