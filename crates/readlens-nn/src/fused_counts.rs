//! Counts of hashed features as a candle operation on the CPU, with the gradient of the mask.

use std::fmt;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::batch::Ragged;
use crate::fused::{floats, with_values};
use crate::fused_tables::{WindowFeatures, masks_of};

/// Counts of a batch, `(batch, features)`, each occurrence weighted by its mask. Its candle input
/// is the mask.
pub(crate) struct FeatureCounts {
    /// Where the features of each channel begin, and where the last one's end.
    pub(crate) firsts: Arc<[usize]>,
    pub(crate) batch: Arc<Ragged>,
    /// 1 where windows open with CLS, which no feature covers.
    pub(crate) first_token: usize,
    pub(crate) windows: Vec<WindowFeatures>,
    /// Whether there is a mask; otherwise its place is filled with what is not read.
    pub(crate) is_masked: bool,
    /// Whether a hidden feature counts as the mean of its channel, and not as nothing.
    pub(crate) means: bool,
}

impl fmt::Debug for FeatureCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureCounts").field("firsts", &self.firsts).finish_non_exhaustive()
    }
}

impl FeatureCounts {
    fn features(&self) -> usize {
        self.firsts.last().copied().unwrap_or_default()
    }

    fn count(&self, mask: &[f32]) -> Vec<f32> {
        let mut counts = vec![0f32; self.windows.len() * self.features()];
        let masks = masks_of(&self.batch, self.first_token, self.is_masked, mask);
        let rows = counts.chunks_exact_mut(self.features());
        for ((counts, window), mask) in rows.zip(&self.windows).zip(masks) {
            for (channel, bounds) in window.channels.iter().zip(self.firsts.windows(2)) {
                let counts = &mut counts[bounds[0]..bounds[1]];
                let weights = channel.weights(mask);
                for (row, weight) in channel.rows.iter().zip(&weights) {
                    counts[*row as usize] += weight;
                }
                if self.means {
                    let hidden: f32 = weights.iter().map(|weight| 1.0 - weight).sum();
                    let share = hidden / counts.len() as f32;
                    counts.iter_mut().for_each(|count| *count += share);
                }
            }
        }
        counts
    }

    /// The gradient of a padded mask.
    fn of_mask(&self, mask: &[f32], upstream: &[f32]) -> Vec<f32> {
        let mut gradient = vec![0f32; mask.len()];
        let masks = masks_of(&self.batch, self.first_token, self.is_masked, mask);
        let rows =
            gradient.chunks_exact_mut(self.batch.width).zip(upstream.chunks_exact(self.features()));
        for (((gradient, upstream), window), mask) in rows.zip(&self.windows).zip(masks) {
            let Some(mask) = mask else { continue };
            for (channel, bounds) in window.channels.iter().zip(self.firsts.windows(2)) {
                let upstream = &upstream[bounds[0]..bounds[1]];
                let mean = match self.means {
                    true => upstream.iter().sum::<f32>() / upstream.len() as f32,
                    false => 0.0,
                };
                let products = channel.rows.iter().map(|row| upstream[*row as usize] - mean);
                let products: Vec<f32> = products.collect();
                channel.mask_gradient(mask, &products, &mut gradient[self.first_token..]);
            }
        }
        gradient
    }
}

impl CustomOp1 for FeatureCounts {
    fn name(&self) -> &'static str {
        "feature-counts"
    }

    fn cpu_fwd(&self, mask: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let counts = self.count(floats(mask, layout)?);
        Ok((CpuStorage::F32(counts), (self.windows.len(), self.features()).into()))
    }

    fn bwd(&self, mask: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        if !self.is_masked {
            return Ok(None);
        }
        let found = with_values(&[&mask.contiguous()?, &gradient.contiguous()?], |values| {
            Ok(self.of_mask(values[0], values[1]))
        })?;
        Ok(Some(Tensor::from_vec(found, mask.shape(), mask.device())?))
    }
}
