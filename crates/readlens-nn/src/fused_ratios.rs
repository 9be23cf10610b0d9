//! Sums of log ratios by class as a candle operation on the CPU, with the gradient of the mask.

use std::fmt;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Storage, Tensor, bail};
use readlens_kernels::{Engine, SparseRows, row_products, sparse_value, sum_rows};

use crate::batch::Ragged;
use crate::fused::{floats, with_values};
use crate::fused_tables::{WindowFeatures, masks_of};

/// The log ratios of the features of one channel.
#[derive(Clone, Debug)]
pub(crate) struct RatioTable {
    pub(crate) rows: RatioRows,
    /// What every feature adds to each class, f32.
    pub(crate) offsets: Tensor,
    /// What a hidden feature is, where it is not nothing; offsets included.
    pub(crate) mean: Option<Arc<[f32]>>,
}

/// Log ratios without the offsets, on the CPU.
#[derive(Clone, Debug)]
pub(crate) enum RatioRows {
    /// Every class of every feature: `(features, classes)`, f32.
    Full(Tensor),
    /// The classes that a feature occurs in, as [`SparseRows`] has them: u32.
    Index { starts: Tensor, entries: Tensor },
}

/// The values of a table.
struct Ratios<'a> {
    engine: Engine,
    rows: Rows<'a>,
    offsets: &'a [f32],
    mean: Option<&'a [f32]>,
}

enum Rows<'a> {
    Full(&'a [f32]),
    Index(SparseRows<'a>),
}

impl RatioTable {
    /// The mean over all features.
    pub(crate) fn mean(&self, features: u32, engine: Engine) -> Result<Arc<[f32]>> {
        self.with(engine, |ratios| {
            let mut sums = vec![0f64; ratios.offsets.len()];
            match ratios.rows {
                Rows::Full(values) => {
                    for row in values.chunks_exact(sums.len()) {
                        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
                    }
                }
                Rows::Index(SparseRows { entries, .. }) => {
                    for (class, value) in entries.iter().map(|entry| sparse_value(*entry)) {
                        sums[class] += f64::from(value);
                    }
                }
            }
            let mean = |(sum, offset): (&f64, &f32)| (sum / f64::from(features)) as f32 + offset;
            sums.iter().zip(ratios.offsets).map(mean).collect()
        })
    }

    fn with<R>(&self, engine: Engine, compute: impl FnOnce(&Ratios) -> R) -> Result<R> {
        let with = |rows: Rows| {
            with_values(&[&self.offsets], |values| {
                let mean = self.mean.as_deref();
                Ok(compute(&Ratios { engine, rows, offsets: values[0], mean }))
            })
        };
        match &self.rows {
            RatioRows::Full(values) => with_values(&[values], |values| with(Rows::Full(values[0]))),
            RatioRows::Index { starts, entries } => with_integers(starts, |starts| {
                with_integers(entries, |entries| with(Rows::Index(SparseRows { starts, entries })))
            }),
        }
    }
}

/// Runs `compute` on the values of a contiguous u32 tensor on the CPU.
pub(crate) fn with_integers<R>(
    tensor: &Tensor,
    compute: impl FnOnce(&[u32]) -> Result<R>,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::U32(values)), Some((start, end))) => compute(&values[start..end]),
        _ => bail!("an index is made of contiguous u32 values on the CPU"),
    }
}

impl Ratios<'_> {
    fn sum(&self, rows: &[u32], weights: &[f32], sums: &mut [f32]) {
        match &self.rows {
            Rows::Full(values) => sum_rows(self.engine, values, rows, weights, sums),
            Rows::Index(index) => index.sum(rows, weights, sums),
        }
        let all: f32 = weights.iter().sum();
        sum_rows(self.engine, self.offsets, &[0], &[all], sums);
        if let Some(mean) = self.mean {
            let hidden: f32 = weights.iter().map(|weight| 1.0 - weight).sum();
            sum_rows(self.engine, mean, &[0], &[hidden], sums);
        }
    }

    /// The gradient of each feature's weight.
    fn products(&self, rows: &[u32], upstream: &[f32]) -> Vec<f32> {
        let mut products = vec![0f32; rows.len()];
        match &self.rows {
            Rows::Full(values) => row_products(self.engine, values, rows, upstream, &mut products),
            Rows::Index(index) => index.products(rows, upstream, &mut products),
        }
        let mut same = [0f32];
        row_products(self.engine, self.offsets, &[0], upstream, &mut same);
        let mut hidden = [0f32];
        if let Some(mean) = self.mean {
            row_products(self.engine, mean, &[0], upstream, &mut hidden);
        }
        products.iter_mut().for_each(|product| *product += same[0] - hidden[0]);
        products
    }
}

/// Scores of a batch, `(batch, experts · classes)`. Its candle input is the mask.
pub(crate) struct RatioSums {
    pub(crate) engine: Engine,
    pub(crate) classes: usize,
    /// One per channel.
    pub(crate) tables: Arc<Vec<RatioTable>>,
    pub(crate) batch: Arc<Ragged>,
    /// 1 where windows open with CLS, which no feature covers.
    pub(crate) first: usize,
    pub(crate) windows: Vec<WindowFeatures>,
    /// Whether there is a mask; otherwise its place is filled with what is not read.
    pub(crate) is_masked: bool,
}

impl fmt::Debug for RatioSums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RatioSums").field("classes", &self.classes).finish_non_exhaustive()
    }
}

impl RatioSums {
    fn width(&self) -> usize {
        self.tables.len() * self.classes
    }

    fn sum(&self, mask: &[f32]) -> Result<Vec<f32>> {
        let mut sums = vec![0f32; self.windows.len() * self.width()];
        let masks = masks_of(&self.batch, self.first, self.is_masked, mask);
        for ((sums, window), mask) in
            sums.chunks_exact_mut(self.width()).zip(&self.windows).zip(masks)
        {
            let experts = sums.chunks_exact_mut(self.classes).zip(self.tables.iter());
            for ((sum, table), channel) in experts.zip(&window.channels) {
                let weights = channel.weights(mask);
                table.with(self.engine, |ratios| ratios.sum(&channel.rows, &weights, sum))?;
                sum.iter_mut().for_each(|value| *value *= window.scale);
            }
        }
        Ok(sums)
    }

    /// The gradient of a padded mask.
    fn of_mask(&self, mask: &[f32], upstream: &[f32]) -> Result<Vec<f32>> {
        let mut gradient = vec![0f32; mask.len()];
        let masks = masks_of(&self.batch, self.first, self.is_masked, mask);
        let rows =
            gradient.chunks_exact_mut(self.batch.width).zip(upstream.chunks_exact(self.width()));
        for (((gradient, upstream), window), mask) in rows.zip(&self.windows).zip(masks) {
            let Some(mask) = mask else { continue };
            let experts = upstream.chunks_exact(self.classes).zip(self.tables.iter());
            for ((upstream, table), channel) in experts.zip(&window.channels) {
                let products =
                    table.with(self.engine, |ratios| ratios.products(&channel.rows, upstream));
                let mut products = products?;
                products.iter_mut().for_each(|product| *product *= window.scale);
                channel.mask_gradient(mask, &products, &mut gradient[self.first..]);
            }
        }
        Ok(gradient)
    }
}

impl CustomOp1 for RatioSums {
    fn name(&self) -> &'static str {
        "ratio-sums"
    }

    fn cpu_fwd(&self, mask: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let sums = self.sum(floats(mask, layout)?)?;
        Ok((CpuStorage::F32(sums), (self.windows.len(), self.width()).into()))
    }

    fn bwd(&self, mask: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        if !self.is_masked {
            return Ok(None);
        }
        let found = with_values(&[&mask.contiguous()?, &gradient.contiguous()?], |values| {
            self.of_mask(values[0], values[1])
        })?;
        Ok(Some(Tensor::from_vec(found, mask.shape(), mask.device())?))
    }
}
