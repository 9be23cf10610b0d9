//! Sums of table rows as a candle operation on the CPU, with gradients of the mask and of the rows.

use std::fmt;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use readlens_channels::Feature;
use readlens_kernels::{Engine, Features, row_products, sum_rows};

use crate::batch::Ragged;
use crate::fused::{floats, with_values};
use crate::gradients::{RowGradient, WeightGradients};

/// The features of one window.
#[derive(Debug)]
pub(crate) struct WindowFeatures {
    /// One per channel.
    pub(crate) channels: Vec<ChannelFeatures>,
    /// Factor of the sum.
    pub(crate) scale: f32,
}

/// The features of one channel in one window.
#[derive(Debug, Default)]
pub(crate) struct ChannelFeatures {
    /// Row of each in the channel's table.
    pub(crate) rows: Vec<u32>,
    /// First and last real token that each covers.
    pub(crate) tokens: Vec<[u32; 2]>,
}

impl ChannelFeatures {
    pub(crate) fn push(&mut self, Feature { row, first, last }: Feature) {
        self.rows.push(row);
        self.tokens.push([first, last]);
    }

    /// Leaves out the features whose flag is 0.
    pub(crate) fn retain(&mut self, flags: &[u8]) {
        let (mut rows, mut tokens) = (flags.iter(), flags.iter());
        self.rows.retain(|_| rows.next() == Some(&1));
        self.tokens.retain(|_| tokens.next() == Some(&1));
    }

    /// Adds to the `gradient` of the mask what the gradients of the features' weights come to.
    pub(crate) fn mask_gradient(&self, mask: &[f32], of_weights: &[f32], gradient: &mut [f32]) {
        self.as_kernels_take().mask_gradient(mask, of_weights, gradient);
    }

    fn as_kernels_take(&self) -> Features<'_> {
        Features { rows: &self.rows, tokens: &self.tokens }
    }

    /// Weight of each feature under `mask`; none leaves the window whole.
    pub(crate) fn weights(&self, mask: Option<&[f32]>) -> Vec<f32> {
        let mut weights = vec![1.0; self.rows.len()];
        if let Some(mask) = mask {
            self.as_kernels_take().weights(mask, &mut weights);
        }
        weights
    }
}

/// Masks of the real tokens of each row of a padded mask; none where there is no mask. Rows open
/// with `first` special tokens.
pub(crate) fn masks_of<'a>(
    batch: &'a Ragged,
    first: usize,
    is_masked: bool,
    mask: &'a [f32],
) -> impl Iterator<Item = Option<&'a [f32]>> {
    let rows = mask.chunks_exact(batch.width).zip(&batch.lengths);
    rows.map(move |(mask, &length)| is_masked.then(|| &mask[first.min(length)..length]))
}

/// Sums over the features of a batch. Its candle inputs are the first table, for its place in the
/// graph, and the mask.
pub(crate) struct TableSums {
    pub(crate) engine: Engine,
    pub(crate) dim: usize,
    /// One per channel, `(rows, dim)`.
    pub(crate) tables: Arc<Vec<Tensor>>,
    /// What a hidden feature is, by channel; none for nothing.
    pub(crate) means: Option<Arc<Vec<Vec<f32>>>>,
    pub(crate) batch: Arc<Ragged>,
    /// 1 where windows open with CLS, which no feature covers.
    pub(crate) first: usize,
    pub(crate) windows: Vec<WindowFeatures>,
    /// Whether there is a mask; otherwise its place is filled with what is not read.
    pub(crate) is_masked: bool,
    /// Where the gradients of the rows go; none where they are frozen.
    pub(crate) gradients: Option<WeightGradients>,
}

impl fmt::Debug for TableSums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSums").field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl TableSums {
    /// Runs `compute` on the values of the tables.
    fn with_tables<R>(&self, compute: impl FnOnce(&[&[f32]]) -> Result<R>) -> Result<R> {
        with_values(&self.tables.iter().collect::<Vec<_>>(), compute)
    }

    /// The windows with the masks of their real tokens.
    fn masked<'a>(
        &'a self,
        mask: &'a [f32],
    ) -> impl Iterator<Item = (&'a WindowFeatures, Option<&'a [f32]>)> {
        let masks = masks_of(&self.batch, self.first, self.is_masked, mask);
        self.windows.iter().zip(masks)
    }

    fn sum(&self, tables: &[&[f32]], mask: &[f32]) -> Vec<f32> {
        let mut sums = vec![0f32; self.windows.len() * self.dim];
        for (sum, (window, mask)) in sums.chunks_exact_mut(self.dim).zip(self.masked(mask)) {
            for (i, (channel, table)) in window.channels.iter().zip(tables).enumerate() {
                let weights = channel.weights(mask);
                sum_rows(self.engine, table, &channel.rows, &weights, sum);
                if let Some(means) = &self.means {
                    let hidden: f32 = weights.iter().map(|weight| 1.0 - weight).sum();
                    sum_rows(self.engine, &means[i], &[0], &[hidden], sum);
                }
            }
            sum.iter_mut().for_each(|value| *value *= window.scale);
        }
        sums
    }

    /// The gradient of a padded mask.
    fn of_mask(&self, tables: &[&[f32]], mask: &[f32], upstream: &[f32]) -> Vec<f32> {
        let mut gradient = vec![0f32; mask.len()];
        let rows = gradient.chunks_exact_mut(self.batch.width).zip(upstream.chunks_exact(self.dim));
        for ((gradient, upstream), (window, mask)) in rows.zip(self.masked(mask)) {
            let Some(mask) = mask else { continue };
            for (i, (channel, table)) in window.channels.iter().zip(tables).enumerate() {
                let mut products = vec![0f32; channel.rows.len()];
                row_products(self.engine, table, &channel.rows, upstream, &mut products);
                let mut mean = [0f32];
                if let Some(means) = &self.means {
                    row_products(self.engine, &means[i], &[0], upstream, &mut mean);
                }
                products.iter_mut().for_each(|p| *p = (*p - mean[0]) * window.scale);
                channel.mask_gradient(mask, &products, &mut gradient[self.first..]);
            }
        }
        gradient
    }

    /// What the rows of the tables are asked for.
    fn of_rows(&self, mask: &[f32], upstream: &[f32]) -> Vec<RowGradient> {
        let mut asked = Vec::with_capacity(self.windows.len() * self.tables.len());
        for (upstream, (window, mask)) in upstream.chunks_exact(self.dim).zip(self.masked(mask)) {
            let gradient: Arc<[f32]> = upstream.into();
            for (channel, table) in window.channels.iter().zip(self.tables.iter()) {
                let mut weights = channel.weights(mask);
                weights.iter_mut().for_each(|weight| *weight *= window.scale);
                let (rows, gradient) = (channel.rows.clone(), Arc::clone(&gradient));
                asked.push(RowGradient { table: table.id(), rows, weights, gradient });
            }
        }
        asked
    }
}

impl CustomOp2 for TableSums {
    fn name(&self) -> &'static str {
        "table-sums"
    }

    fn cpu_fwd(
        &self,
        _table: &CpuStorage,
        _table_layout: &Layout,
        mask: &CpuStorage,
        mask_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mask = floats(mask, mask_layout)?;
        let sums = self.with_tables(|tables| Ok(self.sum(tables, mask)))?;
        Ok((CpuStorage::F32(sums), (self.windows.len(), self.dim).into()))
    }

    fn bwd(
        &self,
        table: &Tensor,
        mask: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        if self.gradients.is_none() && table.track_op() {
            bail!("the tables are trained, but computed in a pass of inference");
        }
        let (mask, gradient) = (mask.contiguous()?, gradient.contiguous()?);
        with_values(&[&mask, &gradient], |values| {
            if let Some(gradients) = &self.gradients {
                gradients.ask_rows(self.of_rows(values[0], values[1]));
            }
            if !self.is_masked || !mask.track_op() {
                return Ok((None, None));
            }
            let found =
                self.with_tables(|tables| Ok(self.of_mask(tables, values[0], values[1])))?;
            Ok((None, Some(Tensor::from_vec(found, mask.shape(), mask.device())?)))
        })
    }
}
