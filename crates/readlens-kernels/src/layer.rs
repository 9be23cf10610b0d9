//! One block of a transformer encoder: attention and feed-forward layers with their norms and
//! residual sums.
//!
//! Rows pass in blocks of [`ROWS`] or [`ROWS_BACKWARD`], so that what lies between two products
//! stays in the second cache. The forward pass keeps queries, keys and values, the joined heads,
//! the logarithms of the softmax sums and the inputs of norms and GELU; the backward pass computes
//! the rest again.

mod backward;

use serde::{Deserialize, Serialize};

use crate::attention::{Heads, Scratch, attention};
use crate::gelu::bias_gelu;
use crate::norm::layer_norm;
use crate::product::{Matrix, PackedRight, Update, left, product};
use crate::rows::{add, add_bias, drop_out};
use crate::{Buffer, Engine, LayerTensors};

/// Rows that pass together forward: a wide layer's input and output then stay in the second cache
/// beside its weights.
const ROWS: usize = 32;
/// The same backward, where each block of rows adds to all gradients of weights.
const ROWS_BACKWARD: usize = 64;

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

/// What all blocks of an encoder have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerShape {
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) feed_forward: usize,
    pub(crate) norm: NormPlace,
}

/// Which activations dropout keeps: 0 or 1 each, and the factor of those that are kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// 0 or 1 for each value.
    pub flags: Vec<u8>,
    /// 1 / (1 − rate).
    pub scale: f32,
}

impl Kept {
    pub(crate) fn apply(&self, engine: Engine, values: &mut [f32], first: usize) {
        drop_out(engine, values, &self.flags[first..first + values.len()], self.scale);
    }
}

/// What the backward pass needs of the forward pass; `rows` are all positions of all sequences.
#[derive(Debug, Default)]
pub(crate) struct LayerStash {
    /// Queries, keys and values, rows × 3 dim.
    qkv: Buffer,
    /// The joined heads, rows × dim.
    joined: Buffer,
    /// Logarithms of the softmax sums; per sequence heads × positions.
    logs: Buffer,
    /// Input of the feed-forward layers (post-LN) or of their norm (pre-LN), rows × dim.
    middle: Buffer,
    /// Input of GELU, rows × feed_forward; one block of rows where no backward pass follows.
    pre: Buffer,
    /// Mean and inverse standard deviation of each row in both norms.
    statistics: [Vec<[f32; 2]>; 2],
    /// Residual sums, the norms' inputs of a post-LN block, rows × dim each.
    sums: [Buffer; 2],
}

/// Memory that blocks reuse. `block` rows are [`ROWS`] forward and [`ROWS_BACKWARD`] backward;
/// `rows` are all positions of all sequences.
///
/// | buffer | shape | holds |
/// |---|---|---|
/// | `normed` | block × dim | what a layer norm gives; backward it is computed again |
/// | `wide` | block × feed_forward | what GELU gives; backward it is computed again |
/// | `wide_gradient` | block × feed_forward | the gradient of GELU's output, then of its input |
/// | `below` | block × dim | the gradient of the input of `ff_1` or of `qkv` |
/// | `branch` | block × dim | the gradient into a branch, behind its dropout, or out of a norm |
/// | `joined_gradient` | rows × dim | the gradient of the joined heads |
/// | `qkv_gradient` | rows × 3 dim | the gradient of queries, keys and values |
/// | `packed_left`, `packed_right` | as the product needs | the factors of one product |
/// | `packed_weights` | as the product needs | `qkv`, `out`, `ff_1`, `ff_2`; transposed forward |
/// | `attention` | one sequence | what attention needs on the way |
#[derive(Debug, Default)]
pub(crate) struct LayerWork {
    normed: Buffer,
    wide: Buffer,
    wide_gradient: Buffer,
    below: Buffer,
    branch: Buffer,
    joined_gradient: Buffer,
    qkv_gradient: Buffer,
    packed_left: Buffer,
    packed_right: Buffer,
    packed_weights: [PackedRight; 4],
    attention: Scratch,
}

/// A block at work on rows of ragged sequences.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub(crate) engine: Engine,
    pub(crate) shape: LayerShape,
    pub(crate) tensors: LayerTensors<&'a [f32]>,
    /// Positions of each sequence.
    pub(crate) lengths: &'a [usize],
    /// Dropout after attention and after the feed-forward layers.
    pub(crate) kept: Option<[&'a Kept; 2]>,
}

fn grown<T: Clone + Default>(values: &mut Vec<T>, length: usize) -> &mut [T] {
    if values.len() < length {
        values.resize(length, T::default());
    }
    &mut values[..length]
}

impl Layer<'_> {
    fn blocks(&self, size: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let rows: usize = self.lengths.iter().sum();
        (0..rows).step_by(size).map(move |first| (first, size.min(rows - first)))
    }

    fn drop_out(&self, which: usize, values: &mut [f32], first_row: usize) {
        if let Some(kept) = self.kept {
            kept[which].apply(self.engine, values, first_row * self.shape.dim);
        }
    }

    /// `out = rows · weightᵀ + bias`.
    fn linear(
        &self,
        rows: &[f32],
        count: usize,
        weight: &PackedRight,
        bias: Option<&[f32]>,
        out: &mut [f32],
        packed: &mut Buffer,
    ) {
        let depth = rows.len() / count;
        let rows = left(self.engine, Matrix::rows(rows, count, depth), packed);
        let width = out.len() / count;
        product(self.engine, &rows, &weight.right(self.engine), Update::Set, out, width);
        if let Some(bias) = bias {
            add_bias(self.engine, out, bias);
        }
    }

    /// Computes `y` from `x`, both rows × dim. With `keep` the stash serves a backward pass.
    pub(crate) fn forward(
        &self,
        x: &[f32],
        y: &mut [f32],
        stash: &mut LayerStash,
        keep: bool,
        work: &mut LayerWork,
    ) {
        let LayerShape { dim, heads, feed_forward, norm } = self.shape;
        let (t, engine) = (&self.tensors, self.engine);
        let rows: usize = self.lengths.iter().sum();
        let LayerWork {
            normed, wide, packed_left: packed, packed_weights, attention: scratch, ..
        } = work;
        let [w_qkv, w_out, w_1, w_2] = packed_weights;
        let transposed = |w, out, input| Matrix::rows(w, out, input).transposed();
        w_qkv.pack(self.engine, transposed(t.qkv.weight, 3 * dim, dim));
        w_out.pack(self.engine, transposed(t.out.weight, dim, dim));
        w_1.pack(self.engine, transposed(t.ff_1.weight, feed_forward, dim));
        w_2.pack(self.engine, transposed(t.ff_2.weight, dim, feed_forward));
        let normed = normed.floats(ROWS * dim);
        let wide = wide.floats(ROWS * feed_forward);
        let qkv = stash.qkv.floats(rows * 3 * dim);
        let joined = stash.joined.floats(rows * dim);
        let logs = stash.logs.floats(rows * heads);
        let middle = stash.middle.floats(rows * dim);
        let [statistics_1, statistics_2] = &mut stash.statistics;
        let (statistics_1, statistics_2) = (grown(statistics_1, rows), grown(statistics_2, rows));
        let [sum_1, sum_2] = &mut stash.sums;
        if norm == NormPlace::Post {
            sum_1.floats(rows * dim);
            sum_2.floats(rows * dim);
        }
        let kept_rows = if keep { rows } else { ROWS };
        let pre = stash.pre.floats(kept_rows * feed_forward);

        for (first, count) in self.blocks(ROWS) {
            let x = &x[first * dim..][..count * dim];
            let input = match norm {
                NormPlace::Pre => {
                    let normed = &mut normed[..count * dim];
                    layer_norm(engine, x, t.norm_1, normed, &mut statistics_1[first..][..count]);
                    &*normed
                }
                NormPlace::Post => x,
            };
            let out = &mut qkv[first * 3 * dim..][..count * 3 * dim];
            self.linear(input, count, w_qkv, Some(t.qkv.bias), out, packed);
        }
        let mut first = 0;
        for &positions in self.lengths.iter().filter(|&&positions| positions > 0) {
            let qkv = &qkv[first * 3 * dim..][..positions * 3 * dim];
            let joined = &mut joined[first * dim..][..positions * dim];
            let logs = &mut logs[first * heads..][..positions * heads];
            attention(self.engine, Heads { qkv, positions, dim, heads }, joined, logs, scratch);
            first += positions;
        }
        for (first, count) in self.blocks(ROWS) {
            let range = first * dim..(first + count) * dim;
            let middle = &mut middle[range.clone()];
            let normed = &mut normed[..count * dim];
            let sum = match norm {
                NormPlace::Pre => &mut *middle,
                NormPlace::Post => &mut sum_1[range.clone()],
            };
            self.linear(&joined[range.clone()], count, w_out, Some(t.out.bias), sum, packed);
            self.drop_out(0, sum, first);
            add(engine, sum, &x[range.clone()]);
            let input = match norm {
                NormPlace::Pre => {
                    let statistics = &mut statistics_2[first..][..count];
                    layer_norm(engine, middle, t.norm_2, normed, statistics);
                    &*normed
                }
                NormPlace::Post => {
                    let statistics = &mut statistics_1[first..][..count];
                    layer_norm(engine, &sum_1[range.clone()], t.norm_1, middle, statistics);
                    &*middle
                }
            };
            let start = if keep { first * feed_forward } else { 0 };
            let pre = &mut pre[start..][..count * feed_forward];
            let wide = &mut wide[..count * feed_forward];
            self.linear(input, count, w_1, None, pre, packed);
            bias_gelu(engine, pre, t.ff_1.bias, wide);
            let sum = match norm {
                NormPlace::Pre => &mut y[range.clone()],
                NormPlace::Post => &mut sum_2[range.clone()],
            };
            self.linear(wide, count, w_2, Some(t.ff_2.bias), sum, packed);
            self.drop_out(1, sum, first);
            add(engine, sum, middle);
            if norm == NormPlace::Post {
                let statistics = &mut statistics_2[first..][..count];
                layer_norm(engine, &sum_2[range.clone()], t.norm_2, &mut y[range], statistics);
            }
        }
    }
}
