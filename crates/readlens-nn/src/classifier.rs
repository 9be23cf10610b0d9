//! The token classifier: one network, or several whose logits are added.

mod channel_bag;
mod composition;
mod config;
mod experts;
mod features;
mod lineages;
mod transformer;

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{Device, Tensor};
use readlens_fault::{Fault, Result};
use readlens_kernels::{MaskSite, Precision};

use crate::batch::TokenBatch;
use crate::pass::Pass;
use crate::weights::WeightSource;

use channel_bag::ChannelBag;
pub use channel_bag::ChannelBagConfig;
use composition::Composition;
pub use composition::{CompositionConfig, frequency_biases};
pub use config::{BranchConfig, ClassifierConfig, NetworkConfig, RankClasses};
use experts::Experts;
pub use experts::{ExpertChannel, ExpertsConfig};
pub use lineages::LineageDecoding;
use lineages::Lineages;
pub use transformer::{Transformer, TransformerConfig};

/// Predicts a taxon at every rank from the tokens of a window under a mask.
#[derive(Debug)]
pub struct Classifier {
    config: ClassifierConfig,
    branches: Vec<Network>,
    lineages: Option<Lineages>,
    tensors: HashMap<String, Tensor>,
    device: Device,
}

/// A branch.
#[derive(Debug)]
pub(crate) enum Network {
    Transformer(Box<Transformer>),
    ChannelBag(ChannelBag),
    Experts(Experts),
    Composition(Composition),
}

impl Classifier {
    /// Takes its tensors from `source`.
    ///
    /// # Errors
    /// The shape cannot work or a tensor is missing.
    pub fn new(config: &ClassifierConfig, source: &mut WeightSource) -> Result<Self> {
        config.validate()?;
        let (tokenization, taxa) = (&config.tokenization, config.taxa());
        let mut branches = Vec::with_capacity(config.branches.len());
        for branch in &config.branches {
            source.enter(&branch.name);
            branches.push(match &branch.network {
                NetworkConfig::Transformer(config) => Network::Transformer(Box::new(
                    Transformer::new(config, tokenization, &taxa, source)?,
                )),
                NetworkConfig::ChannelBag(config) => {
                    Network::ChannelBag(ChannelBag::new(config, tokenization, &taxa, source)?)
                }
                NetworkConfig::Composition(config) => {
                    Network::Composition(Composition::new(config, tokenization, &taxa, source)?)
                }
                NetworkConfig::Experts(config) => {
                    Network::Experts(Experts::new(config, tokenization, &taxa, source)?)
                }
            });
        }
        let tensors = source.used().iter().map(|(n, t)| (n.clone(), t.clone())).collect();
        let device = source.device().clone();
        let lineages = config.decoding.as_ref().map(|decoding| {
            Lineages::new(decoding, &taxa, source.dtype(), &device)
                .map_err(|e| Fault::failed("preparing the tree of taxa", e))
        });
        let lineages = lineages.transpose()?;
        Ok(Self { config: config.clone(), branches, lineages, tensors, device })
    }

    /// Computes in `precision` where it is not trained.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let branches = self.branches.into_iter().map(|branch| match branch {
            Network::Transformer(branch) => {
                Network::Transformer(Box::new(branch.with_precision(precision)))
            }
            other => other,
        });
        Self { branches: branches.collect(), ..self }
    }

    /// Masks as `site` says instead of how it was trained to be masked: hidden tokens then look
    /// otherwise, and its answers to whole windows stay the same.
    ///
    /// # Errors
    /// The mean of a table cannot be taken.
    pub fn with_mask_site(self, site: MaskSite) -> Result<Self> {
        let masked = self.branches.into_iter().map(|branch| {
            Ok(match branch {
                Network::Transformer(branch) => {
                    Network::Transformer(Box::new(branch.with_mask_site(site)))
                }
                Network::ChannelBag(branch) => Network::ChannelBag(branch.with_mask_site(site)?),
                Network::Experts(branch) => Network::Experts(branch.with_mask_site(site)?),
                Network::Composition(branch) => Network::Composition(branch.with_mask_site(site)),
            })
        });
        let branches = masked.collect::<Result<_>>()?;
        Ok(Self { config: self.config.with_mask_site(site), branches, ..self })
    }

    /// The shape it was built with.
    pub fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// The transformer, if it is one and nothing else.
    pub fn transformer(&self) -> Option<&Transformer> {
        match self.branches.as_slice() {
            [Network::Transformer(only)] => Some(only),
            _ => None,
        }
    }

    /// Its branches.
    pub(crate) fn networks(&self) -> &[Network] {
        &self.branches
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
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
        self.join(&self.components(batch, mask, pass)?)
    }

    /// Logits per rank of what [`Classifier::components`] gave.
    ///
    /// # Errors
    /// They are of another classifier.
    pub fn join(&self, components: &[Vec<Tensor>]) -> candle_core::Result<Vec<Tensor>> {
        let mut sums = self.weighted(0..self.branches.len(), components, false)?;
        if let Some(lineages) = &self.lineages {
            sums = lineages.decode(&sums)?;
        }
        if let Some(temperatures) = &self.config.temperatures {
            let cooled = sums.iter().zip(temperatures).map(|(sum, t)| sum / *t);
            sums = cooled.collect::<candle_core::Result<_>>()?;
        }
        Ok(sums)
    }

    /// Logits per rank of one branch alone, without joint decoding and temperatures. A branch that
    /// the others make needless at a rank, whose weights there are all 0, has weights of 1.
    ///
    /// # Errors
    /// There is no such branch, or the components are of another classifier.
    pub fn join_branch(
        &self,
        branch: usize,
        components: &[Vec<Tensor>],
    ) -> candle_core::Result<Vec<Tensor>> {
        self.weighted(branch..branch + 1, components, true)
    }

    /// The weighted sum of the components of some branches.
    fn weighted(
        &self,
        branches: Range<usize>,
        components: &[Vec<Tensor>],
        is_alone: bool,
    ) -> candle_core::Result<Vec<Tensor>> {
        let mut sums: Vec<Tensor> = Vec::new();
        let mut rest = components;
        for (place, branch) in self.config.branches.iter().enumerate() {
            let Some((own, others)) = rest.split_at_checked(branch.network.components()) else {
                candle_core::bail!("components of another classifier");
            };
            rest = others;
            if !branches.contains(&place) {
                continue;
            }
            for (i, logits) in own.iter().enumerate() {
                let weight = |rank: usize| {
                    let weights = branch.weights.as_ref()?;
                    let is_needless = weights.iter().all(|weights| weights[rank] == 0.0);
                    (!(is_alone && is_needless)).then_some(weights[i][rank])
                };
                let weighted = logits.iter().enumerate().map(|(rank, logits)| match weight(rank) {
                    Some(weight) => logits * weight,
                    None => Ok(logits.clone()),
                });
                let weighted: Vec<Tensor> = weighted.collect::<candle_core::Result<_>>()?;
                sums = match sums.is_empty() {
                    true => weighted,
                    false => {
                        let pairs = sums.iter().zip(&weighted);
                        pairs.map(|(sum, logits)| sum + logits).collect::<Result<_, _>>()?
                    }
                };
            }
        }
        Ok(sums)
    }

    /// Logits of every component of every branch before they are weighted, `[component][rank]` of
    /// `(batch, taxa)`.
    ///
    /// # Errors
    /// As [`Classifier::forward`].
    pub fn components(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Vec<Tensor>>> {
        let of_branches = self.branches.iter().map(|branch| branch.components(batch, mask, pass));
        Ok(of_branches.collect::<candle_core::Result<Vec<_>>>()?.concat())
    }
}

impl Network {
    fn components(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Vec<Tensor>>> {
        match self {
            Self::Transformer(branch) => Ok(vec![branch.forward(batch, mask, pass)?]),
            Self::ChannelBag(branch) => Ok(vec![branch.forward(batch, mask, pass)?]),
            Self::Experts(branch) => branch.forward(batch, mask),
            Self::Composition(branch) => Ok(vec![branch.forward(batch, mask, pass)?]),
        }
    }
}
