//! A network that asks each token what it says for the predicted class.
//!
//! For each branch with embeddings and each rank, the query is q = W c + G p: c is the predicted
//! class's row of the head, and p what the branch pools. The score of token t is ⟨s_t, q⟩, with s_t
//! what the token alone brings. Branches that are linear in their features have scores already. The
//! scores are z-scored in the window, and a small convolution adds to their mean. W starts at the
//! identity, G and the convolution's output at zero. So the network starts at the mean of the
//! scores.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

use crate::batch::TokenBatch;
use crate::classifier::Classifier;
use crate::evidence::{Evidence, EvidenceShape};
use crate::masking;
use crate::ops::{Convolution, gelu};
use crate::weights::{Initial, WeightSource};

/// Largest width of the convolutions and largest number of them.
const MOST_HIDDEN: usize = 1 << 12;
const MOST_LAYERS: usize = 64;

/// Shape of a network that queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// What the classifier brings.
    pub evidence: EvidenceShape,
    /// Width of the convolutions.
    pub hidden: usize,
    /// Tokens that a convolution spans; odd.
    pub width: usize,
    /// Number of convolutions, 1 or more.
    pub layers: usize,
}

impl QueryConfig {
    /// Refuses shapes that cannot work.
    pub(crate) fn validate(&self) -> Result<()> {
        let Self { evidence, hidden, width, layers } = self;
        if evidence.channels() == 0 || evidence.channels() > MOST_HIDDEN {
            return Err(Fault::usage("an Explainer that queries needs a classifier with branches"));
        }
        let sound = (1..=MOST_HIDDEN).contains(hidden)
            && (1..=MOST_LAYERS).contains(layers)
            && !width.is_multiple_of(2)
            && *width < MOST_HIDDEN;
        if !sound {
            return Err(Fault::usage(format!(
                "an Explainer that queries needs 1 to {MOST_HIDDEN} dim, 1 to {MOST_LAYERS} layers \
                 and an odd width below {MOST_HIDDEN}, not {hidden}, {layers} and {width}"
            )));
        }
        Ok(())
    }
}

/// The tensors that training begins with, as a fresh [`WeightSource`] is given them: the
/// classifier's class rows, and identities.
///
/// # Errors
/// candle refuses an operation.
pub fn query_start(classifier: &Classifier) -> Result<HashMap<String, Tensor>> {
    let failed = |e| Fault::failed("reading the heads of the classifier", e);
    let mut given = HashMap::new();
    for (source, ranks) in classifier.class_rows().map_err(failed)?.into_iter().enumerate() {
        for (rank, rows) in ranks.into_iter().enumerate() {
            let dim = rows.dim(1).map_err(failed)?;
            let identity = Tensor::eye(dim, DType::F32, &Device::Cpu).map_err(failed)?;
            given.insert(format!("queries.{source}.{rank}.classes"), rows);
            given.insert(format!("queries.{source}.{rank}.class"), identity);
        }
    }
    Ok(given)
}

/// The query of a rank to a branch.
#[derive(Debug)]
struct Query {
    /// c, `(taxa, dim)`.
    classes: Tensor,
    /// W, `(dim, dim)`.
    class: Tensor,
    /// G, `(dim, dim)`.
    pooled: Tensor,
}

/// The network.
#[derive(Debug)]
pub(super) struct QueryNetwork {
    /// `[source][rank]`.
    queries: Vec<Vec<Query>>,
    convolutions: Vec<Convolution>,
}

/// What the network makes of the tokens of a batch.
pub(super) struct Queried {
    /// Mean score for each mask, `(batch, tokens, masks)`.
    pub(super) mean: Tensor,
    /// What the convolutions add to it, before the output layer, `(batch, tokens, hidden)`.
    pub(super) states: Tensor,
}

impl QueryNetwork {
    /// Takes its tensors from `source`.
    pub(super) fn new(config: &QueryConfig, source: &mut WeightSource) -> Result<Self> {
        let EvidenceShape { dims, taxa, .. } = &config.evidence;
        let mut queries = Vec::with_capacity(dims.len());
        for (i, dim) in dims.iter().enumerate() {
            let query = |(rank, taxa): (usize, &usize)| {
                let name = |part: &str| format!("queries.{i}.{rank}.{part}");
                Ok(Query {
                    classes: source.tensor(&name("classes"), &[*taxa, *dim], Initial::Glorot)?,
                    class: source.tensor(&name("class"), &[*dim, *dim], Initial::Glorot)?,
                    pooled: source.tensor(&name("pooled"), &[*dim, *dim], Initial::Zeros)?,
                })
            };
            queries.push(taxa.iter().enumerate().map(query).collect::<Result<_>>()?);
        }
        let mut convolutions = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let inputs = if layer == 0 { config.evidence.channels() } else { config.hidden };
            let shape = [config.hidden, inputs, config.width];
            convolutions.push(Convolution {
                weight: source.tensor(&format!("convs.{layer}.weight"), &shape, Initial::Glorot)?,
                bias: source.tensor(
                    &format!("convs.{layer}.bias"),
                    &[config.hidden],
                    Initial::Zeros,
                )?,
                dilation: 1,
            });
        }
        Ok(Self { queries, convolutions })
    }

    /// For `masks` masks: one of all ranks, or one for each rank.
    pub(super) fn forward(
        &self,
        batch: &TokenBatch,
        evidence: &Evidence,
        masks: usize,
    ) -> candle_core::Result<Queried> {
        let ranks = evidence.classes.len();
        let mut scores = Vec::new();
        if self.queries.len() != evidence.sources.len() {
            candle_core::bail!("evidence of another classifier");
        }
        for (queries, source) in self.queries.iter().zip(&evidence.sources) {
            for (query, classes) in queries.iter().zip(&evidence.classes) {
                let class = query.classes.index_select(classes, 0)?.matmul(&query.class.t()?)?;
                let asked = (class + source.pooled.matmul(&query.pooled.t()?)?)?;
                let score = source.parts.matmul(&asked.unsqueeze(2)?)?.squeeze(2)?;
                scores.push(masking::standardize(&score, batch)?);
            }
        }
        for score in &evidence.scores {
            scores.push(masking::standardize(score, batch)?);
        }
        // Of each source all ranks.
        let mean = |mask: usize| {
            let own = scores.iter().enumerate();
            let own = own.filter(|(i, _)| masks == 1 || i % ranks == mask).map(|(_, score)| score);
            let own: Vec<&Tensor> = own.collect();
            Tensor::stack(&own, 0)?.mean(0)
        };
        let means: Vec<Tensor> = (0..masks).map(mean).collect::<candle_core::Result<_>>()?;
        let present = batch.present.unsqueeze(2)?;
        let mut x = Tensor::stack(&scores, 2)?.broadcast_mul(&present)?;
        for (layer, convolution) in self.convolutions.iter().enumerate() {
            let update = gelu(&convolution.forward(&x)?)?;
            let update = if layer == 0 { update } else { (x + update)? };
            x = update.broadcast_mul(&present)?;
        }
        Ok(Queried { mean: Tensor::stack(&means, 2)?, states: x })
    }
}
