//! A bag of hashed features of several channels, each weighted by the least mask of its tokens.

use std::sync::Arc;

use candle_core::{D, Tensor};
use readlens_channels::Channel;
use readlens_fault::{Fault, Result};
use readlens_kernels::{Engine, MaskSite, Precision};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use super::features::window_features;
use crate::batch::{TokenBatch, WindowTokens};
use crate::dropout::Dropout;
use crate::fused::with_values;
use crate::fused_tables::{TableSums, WindowFeatures};
use crate::ops::{Linear, gelu};
use crate::pass::Pass;
use crate::weights::{Initial, WeightSource};

/// Most channels of a bag.
const MOST_CHANNELS: usize = 32;
/// Standard deviation of the heads' weights at the start; the tables start at zero.
const HEAD_SCALE: f64 = 0.05;

/// Shape of a bag of channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelBagConfig {
    /// What its features are; each channel has a table.
    pub channels: Vec<Channel>,
    /// Width of the tables' rows.
    pub dim: usize,
    /// Probability of leaving out an occurrence of a feature in training.
    pub occurrence_dropout: f64,
    /// Probability of zeroing what a head reads in training.
    pub dropout: f64,
    /// What a hidden feature is: nothing, or the mean row of its table.
    pub mask_site: MaskSite,
}

impl ChannelBagConfig {
    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self, tokenization: &Tokenization) -> Result<()> {
        let Self { channels, dim, occurrence_dropout, dropout, .. } = self;
        if *dim == 0 || *dim > 1 << 14 {
            return Err(Fault::usage(format!("dim must be 1 to {}, not {dim}", 1 << 14)));
        }
        for (name, rate) in [("occurrence dropout", occurrence_dropout), ("dropout", dropout)] {
            if !(0.0..1.0).contains(rate) {
                return Err(Fault::usage(format!("{name} must be in [0, 1), not {rate}")));
            }
        }
        check_channels(channels, tokenization)
    }
}

/// Refuses channels that are too many or named twice, or that the windows cannot have.
pub(crate) fn check_channels(channels: &[Channel], tokenization: &Tokenization) -> Result<()> {
    if channels.is_empty() || channels.len() > MOST_CHANNELS {
        return Err(Fault::usage(format!(
            "channels: expected 1 to {MOST_CHANNELS}, found {}",
            channels.len()
        )));
    }
    if let Some((_, twice)) =
        channels.iter().enumerate().find(|(i, channel)| channels[..*i].contains(channel))
    {
        return Err(Fault::usage(format!("channel {twice} is named twice")));
    }
    if !tokenization.alphabet.has_complement() {
        return Err(Fault::usage(
            "channels are features of DNA and RNA: for another alphabet choose another preset",
        ));
    }
    if tokenization.kmers_for("channels")?.leave_gaps() {
        return Err(Fault::usage("channels need every base in a token: tokenize with stride <= k"));
    }
    let framed = channels.iter().find(|channel| channel.kind().needs_phase());
    match framed.filter(|_| tokenization.orientation.is_none()) {
        Some(channel) => Err(Fault::usage(format!(
            "channel {channel} needs the reading frame: tokenize with --orient, or leave it out"
        ))),
        None => Ok(()),
    }
}

/// `b = Σ w E[feature] / √bases`, `x = b + bias`, logits `W [gelu(x); x]` per rank.
///
/// The sum is over the features of all channels. `w` is the least mask of the tokens that the
/// feature covers, so that nothing of a hidden token is in it.
#[derive(Debug)]
pub(crate) struct ChannelBag {
    config: ChannelBagConfig,
    tokenization: Tokenization,
    /// One per channel, `(rows, dim)`, f32 on the CPU.
    tables: Arc<Vec<Tensor>>,
    /// The mean row of each table, where hidden features are that.
    means: Option<Arc<Vec<Vec<f32>>>>,
    bias: Tensor,
    heads: Vec<Linear>,
}

impl ChannelBag {
    /// Takes its tensors from `source`; `taxa` holds the number of taxa of each rank.
    pub(crate) fn new(
        config: &ChannelBagConfig,
        tokenization: &Tokenization,
        taxa: &[usize],
        source: &mut WeightSource,
    ) -> Result<Self> {
        let dim = config.dim;
        let tables = config.channels.iter().map(|channel| {
            source.table(&format!("tables.{channel}"), channel.rows() as usize, dim)
        });
        let tables: Vec<Tensor> = tables.collect::<Result<_>>()?;
        let bias = source.tensor("bias", &[dim], Initial::Zeros)?;
        let heads = taxa.iter().enumerate().map(|(i, taxa)| {
            Ok(Linear {
                weight: source.tensor(
                    &format!("heads.{i}.weight"),
                    &[*taxa, 2 * dim],
                    Initial::Normal(HEAD_SCALE),
                )?,
                bias: source.tensor(&format!("heads.{i}.bias"), &[*taxa], Initial::Zeros)?,
            })
        });
        let bag = Self {
            heads: heads.collect::<Result<_>>()?,
            config: config.clone(),
            tokenization: tokenization.clone(),
            tables: Arc::new(tables),
            means: None,
            bias,
        };
        bag.with_mask_site(config.mask_site)
    }

    /// Masks as `site` says.
    pub(crate) fn with_mask_site(self, site: MaskSite) -> Result<Self> {
        let mean = |table: &Tensor| table.detach().mean(0)?.to_vec1();
        let means = (site == MaskSite::Mean).then(|| {
            let means: candle_core::Result<_> = self.tables.iter().map(mean).collect();
            means.map(Arc::new).map_err(|e| Fault::failed("averaging the tables of a bag", e))
        });
        let means = means.transpose()?;
        Ok(Self { means, config: ChannelBagConfig { mask_site: site, ..self.config }, ..self })
    }

    /// Logits per rank, `(batch, taxa)` each.
    pub(crate) fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Tensor>> {
        let sums = self.sums(batch, mask, pass)?;
        self.heads(&self.of_sums(&sums)?, pass)
    }

    /// x of b, `(batch, dim)` each.
    pub(crate) fn of_sums(&self, sums: &Tensor) -> candle_core::Result<Tensor> {
        let sums = sums.to_device(self.bias.device())?.to_dtype(self.bias.dtype())?;
        sums.broadcast_add(&self.bias)
    }

    /// Logits per rank of x.
    pub(crate) fn heads(&self, x: &Tensor, pass: &mut Pass) -> candle_core::Result<Vec<Tensor>> {
        let read = Tensor::cat(&[&gelu(x)?, x], D::Minus1)?;
        let read = pass.drop_out_at(self.config.dropout, &read)?;
        self.heads.iter().map(|head| head.forward(&read)).collect()
    }

    /// What each token brings to b, `(batch, tokens, dim)`: its share of the features that cover
    /// it. The tokens of a feature share it alike, and all together they add up to b.
    pub(crate) fn token_parts(&self, batch: &TokenBatch) -> candle_core::Result<Tensor> {
        let dim = self.config.dim;
        let (rows, width) = batch.dims()?;
        let first_token = usize::from(batch.has_cls);
        let mut parts = vec![0f32; rows * width * dim];
        let tables: Vec<&Tensor> = self.tables.iter().collect();
        with_values(&tables, |tables| {
            let windows = parts.chunks_exact_mut(width * dim).zip(batch.ragged.rows());
            for (parts, window) in windows {
                let found = window_features(window, &self.tokenization, &self.config.channels)?;
                for (channel, table) in found.channels.iter().zip(tables) {
                    for (row, [first, last]) in channel.rows.iter().zip(&channel.tokens) {
                        let row = &table[*row as usize * dim..][..dim];
                        let factor = found.scale / (last - first + 1) as f32;
                        for token in *first..=*last {
                            let place = first_token + token as usize;
                            let part = parts[place * dim..][..dim].iter_mut();
                            part.zip(row).for_each(|(part, value)| *part += factor * value);
                        }
                    }
                }
            }
            Ok(())
        })?;
        Tensor::from_vec(parts, (rows, width, dim), self.tables[0].device())
    }

    /// The rows of the heads, the linear half and half of the other one, less their mean, `(taxa,
    /// dim)` each.
    pub(crate) fn class_rows(&self) -> candle_core::Result<Vec<Tensor>> {
        let dim = self.config.dim;
        let of_head = |head: &Linear| {
            let weight = head.weight.detach();
            let rows = ((weight.narrow(1, 0, dim)? * 0.5)? + weight.narrow(1, dim, dim)?)?;
            rows.broadcast_sub(&rows.mean_keepdim(0)?)
        };
        self.heads.iter().map(of_head).collect()
    }

    /// b of every window, `(batch, dim)`, f32 on the CPU.
    fn sums(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Tensor> {
        let anchor = &self.tables[0];
        let gradients = pass.gradients_of(anchor).cloned();
        let rate = self.config.occurrence_dropout;
        let windows = batch.ragged.rows().map(|row| self.features(row, rate, pass.dropout()));
        let windows: Vec<WindowFeatures> = windows.collect::<candle_core::Result<_>>()?;
        let keep = anchor.track_op() || mask.is_some_and(Tensor::track_op);
        let sums = TableSums {
            engine: Engine::current(Precision::F32),
            dim: self.config.dim,
            tables: Arc::clone(&self.tables),
            means: self.means.clone(),
            batch: Arc::clone(&batch.ragged),
            first: usize::from(batch.has_cls),
            windows,
            is_masked: mask.is_some(),
            gradients,
        };
        let mask = batch.mask_on_cpu(mask)?;
        if keep { anchor.apply_op2(&mask, sums) } else { anchor.apply_op2_no_bwd(&mask, &sums) }
    }

    /// The features of a window, without those that dropout leaves out.
    fn features(
        &self,
        window: WindowTokens<'_>,
        rate: f64,
        dropout: &mut Dropout,
    ) -> candle_core::Result<WindowFeatures> {
        let mut features = window_features(window, &self.tokenization, &self.config.channels)?;
        let count = features.channels.iter().map(|channel| channel.rows.len()).sum();
        if let Some((kept, factor)) = dropout.draw_at(rate, count) {
            let mut rest = kept.as_slice();
            for channel in &mut features.channels {
                let (kept, others) = rest.split_at(channel.rows.len());
                channel.retain(kept);
                rest = others;
            }
            features.scale *= factor;
        }
        Ok(features)
    }
}
