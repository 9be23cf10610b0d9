//! A linear classifier of the composition: standardised counts of hashed features.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use readlens_channels::Channel;
use readlens_fault::{Fault, Result};
use readlens_kernels::MaskSite;
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use super::channel_bag::check_channels;
use super::features::window_features;
use crate::batch::{TokenBatch, WindowTokens};
use crate::fused_counts::FeatureCounts;
use crate::fused_linear::linear;
use crate::ops::Linear;
use crate::pass::Pass;
use crate::weights::{Initial, WeightSource};

/// Most features of all channels together: each has a weight for every taxon, and a place for every
/// window of a batch.
const MOST_FEATURES: usize = 1 << 16;
/// Added to a standard deviation, of which a mean of squares may be none.
const LEAST_DEVIATION: f64 = 1e-4;
const MEAN: &str = "mean";
const SCALE: &str = "scale";

/// Shape of a classifier of the composition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositionConfig {
    /// What its features are.
    pub channels: Vec<Channel>,
    /// Probability of zeroing a feature in training.
    pub dropout: f64,
    /// What a hidden feature is: nothing, or the mean of its channel.
    pub mask_site: MaskSite,
}

impl CompositionConfig {
    /// Refuses shapes that cannot work.
    pub(crate) fn validate(&self, tokenization: &Tokenization) -> Result<()> {
        let Self { channels, dropout, .. } = self;
        check_channels(channels, tokenization)?;
        let features = self.features();
        if features > MOST_FEATURES {
            return Err(Fault::usage(format!(
                "channels of a composition have at most {MOST_FEATURES} features together, not \
                 {features}: leave one out, or give its table fewer rows"
            )));
        }
        if !(0.0..1.0).contains(dropout) {
            return Err(Fault::usage(format!("dropout must be in [0, 1), not {dropout}")));
        }
        Ok(())
    }

    fn features(&self) -> usize {
        self.channels.iter().map(|channel| channel.rows() as usize).sum()
    }

    /// Where the features of each channel begin, and where the last one's end.
    fn firsts(&self) -> Arc<[usize]> {
        let mut firsts = vec![0];
        let mut end = 0;
        for channel in &self.channels {
            end += channel.rows() as usize;
            firsts.push(end);
        }
        firsts.into()
    }

    /// Mean and inverse standard deviation of each feature over whole windows, as a fresh
    /// [`WeightSource`] is given them.
    ///
    /// # Errors
    /// The tokens are not those of windows of this tokenization.
    pub fn moments<'a>(
        &self,
        tokenization: &Tokenization,
        windows: impl Iterator<Item = WindowTokens<'a>>,
    ) -> Result<HashMap<String, Tensor>> {
        let failed = |e| Fault::failed("standardising the composition", e);
        let (features, firsts) = (self.features(), self.firsts());
        let (mut sums, mut squares) = (vec![0f64; features], vec![0f64; features]);
        let (mut counts, mut seen) = (vec![0u32; features], Vec::new());
        let mut number = 0f64;
        for window in windows {
            let found = window_features(window, tokenization, &self.channels).map_err(failed)?;
            number += 1.0;
            for (channel, first) in found.channels.iter().zip(firsts.iter()) {
                for feature in channel.rows.iter().map(|row| first + *row as usize) {
                    if counts[feature] == 0 {
                        seen.push(feature);
                    }
                    counts[feature] += 1;
                }
            }
            for feature in seen.drain(..) {
                let count = f64::from(std::mem::take(&mut counts[feature]));
                let value = count.ln_1p() * f64::from(found.scale);
                sums[feature] += value;
                squares[feature] += value * value;
            }
        }
        let number = number.max(1.0);
        let moments = sums.iter().zip(&squares).map(|(sum, square)| {
            let mean = sum / number;
            let deviation = (square / number - mean * mean).max(0.0).sqrt();
            // A feature that never occurs says nothing, wherever it occurs later.
            let scale = if *square > 0.0 { 1.0 / (deviation + LEAST_DEVIATION) } else { 0.0 };
            (mean as f32, scale as f32)
        });
        let (means, scales): (Vec<f32>, Vec<f32>) = moments.unzip();
        let tensor = |values: Vec<f32>| {
            let count = values.len();
            Tensor::from_vec(values, count, &Device::Cpu).map_err(failed)
        };
        Ok([(MEAN.to_owned(), tensor(means)?), (SCALE.to_owned(), tensor(scales)?)].into())
    }
}

/// Biases that say how frequent each taxon is, as a fresh [`WeightSource`] is given them: a bias
/// that begins at 0 learns this only as fast as its learning rate allows, and until then frequent
/// taxa are missed. `counts` holds the training windows of each taxon by rank.
///
/// # Errors
/// Candle refuses.
pub fn frequency_biases(counts: &[Vec<u32>]) -> Result<HashMap<String, Tensor>> {
    let bias = |(rank, counts): (usize, &Vec<u32>)| {
        let total = counts.iter().sum::<u32>() as f32 + counts.len() as f32;
        let logs = counts.iter().map(|count| ((*count as f32 + 1.0) / total).ln());
        let bias = Tensor::from_vec(logs.collect(), counts.len(), &Device::Cpu);
        let bias = bias.map_err(|e| Fault::failed("counting taxa", e))?;
        Ok((format!("heads.{rank}.bias"), bias))
    };
    counts.iter().enumerate().map(bias).collect()
}

/// Logits `W x + b`, x being the z-score over the training windows of `ln(1 + count) / √bases`.
///
/// A count is the sum over the occurrences of a feature of the least mask of the tokens that each
/// covers.
#[derive(Debug)]
pub(crate) struct Composition {
    config: CompositionConfig,
    tokenization: Tokenization,
    firsts: Arc<[usize]>,
    /// Mean and inverse standard deviation of each feature, f32 on the CPU.
    mean: Tensor,
    scale: Tensor,
    heads: Vec<Linear>,
}

impl Composition {
    /// Takes its tensors from `source`; `taxa` holds the number of taxa of each rank.
    pub(crate) fn new(
        config: &CompositionConfig,
        tokenization: &Tokenization,
        taxa: &[usize],
        source: &mut WeightSource,
    ) -> Result<Self> {
        let features = config.features();
        let heads = taxa.iter().enumerate().map(|(i, taxa)| {
            let (weight, bias) = (format!("heads.{i}.weight"), format!("heads.{i}.bias"));
            Ok(Linear {
                weight: source.tensor(&weight, &[*taxa, features], Initial::Zeros)?,
                bias: source.tensor(&bias, &[*taxa], Initial::Zeros)?,
            })
        });
        Ok(Self {
            heads: heads.collect::<Result<_>>()?,
            mean: source.counted(MEAN, &[features])?,
            scale: source.counted(SCALE, &[features])?,
            firsts: config.firsts(),
            config: config.clone(),
            tokenization: tokenization.clone(),
        })
    }

    /// Masks as `site` says.
    pub(crate) fn with_mask_site(self, site: MaskSite) -> Self {
        Self { config: CompositionConfig { mask_site: site, ..self.config }, ..self }
    }

    /// Logits per rank, `(batch, taxa)` each.
    pub(crate) fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
        pass: &mut Pass,
    ) -> candle_core::Result<Vec<Tensor>> {
        let windows = batch.ragged.rows();
        let windows =
            windows.map(|row| window_features(row, &self.tokenization, &self.config.channels));
        let counts = FeatureCounts {
            firsts: Arc::clone(&self.firsts),
            batch: Arc::clone(&batch.ragged),
            first_token: usize::from(batch.has_cls),
            windows: windows.collect::<candle_core::Result<_>>()?,
            is_masked: mask.is_some(),
            means: self.config.mask_site == MaskSite::Mean,
        };
        let scales: Vec<f32> = counts.windows.iter().map(|window| window.scale).collect();
        let scales = Tensor::from_vec(scales, (counts.windows.len(), 1), &Device::Cpu)?;
        let mask = batch.mask_on_cpu(mask)?;
        let counts =
            if mask.track_op() { mask.apply_op1(counts)? } else { mask.apply_op1_no_bwd(&counts)? };
        let x = counts.affine(1.0, 1.0)?.log()?.broadcast_mul(&scales)?;
        let x = x.broadcast_sub(&self.mean)?.broadcast_mul(&self.scale)?;
        let x = pass.drop_out_at(self.config.dropout, &x)?;
        let bias = self.heads.first().map(|head| &head.bias);
        let x = match bias {
            Some(bias) => x.to_device(bias.device())?.to_dtype(bias.dtype())?,
            None => x,
        };
        self.heads.iter().map(|head| linear(head, &x, pass)).collect()
    }
}
