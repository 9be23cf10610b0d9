//! One block of a transformer encoder: attention and feed-forward layers with their norms and residual sums.
//!
//! Rows pass in blocks of [`ROWS`] or [`ROWS_BACKWARD`], so that what lies between two products stays in the second cache. The forward
//! pass keeps queries, keys and values, the joined heads, the logarithms of the softmax sums and the inputs of norms
//! and GELU; the backward pass computes the rest again.

use serde::{Deserialize, Serialize};

use crate::attention::{Heads, Scratch, attention, attention_gradient};
use crate::gelu::{bias_gelu, gelu_gradient};
use crate::norm::{layer_norm, layer_norm_gradient, layer_norm_weight_gradient};
use crate::product::{Matrix, PackedRight, Update, left, product, right};
use crate::rows::{add, add_bias, add_rows, silence};
use crate::{Affine, Buffer, Engine, LayerTensors};

/// Rows that pass together forward: a wide layer's input and output then stay in the second cache beside its weights.
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
        silence(engine, values, &self.flags[first..first + values.len()], self.scale);
    }
}

/// What the backward pass needs of the forward pass.
#[derive(Debug, Default)]
pub(crate) struct LayerStash {
    qkv: Buffer,
    joined: Buffer,
    /// Per sequence: heads × positions.
    logs: Buffer,
    /// Input of the feed-forward layers (post-LN) or of their norm (pre-LN).
    middle: Buffer,
    /// Input of GELU; one block of rows where no backward pass follows.
    pre: Buffer,
    statistics: [Vec<[f32; 2]>; 2],
    /// Residual sums, the norms' inputs of a post-LN block.
    sums: [Buffer; 2],
}

/// Memory that blocks reuse.
#[derive(Debug, Default)]
pub(crate) struct LayerWork {
    normal: Buffer,
    wide: Buffer,
    wide_gradient: Buffer,
    narrow: Buffer,
    second: Buffer,
    joined: Buffer,
    qkv: Buffer,
    left: Buffer,
    right: Buffer,
    weights: [PackedRight; 4],
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

    fn silence(&self, which: usize, values: &mut [f32], first_row: usize) {
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

    /// `weight += upstreamᵀ · input`, `bias += Σ upstream` over `count` rows.
    fn weight_gradient(
        &self,
        gradient: &mut Affine<&mut [f32]>,
        upstream: &[f32],
        input: &[f32],
        count: usize,
        packed: (&mut Buffer, &mut Buffer),
    ) {
        let (outputs, inputs) = (upstream.len() / count, input.len() / count);
        let upstream_columns = Matrix::rows(upstream, count, outputs).transposed();
        let a = left(self.engine, upstream_columns, packed.0);
        let b = right(self.engine, Matrix::rows(input, count, inputs), packed.1);
        product(self.engine, &a, &b, Update::Add, gradient.weight, inputs);
        add_rows(self.engine, upstream, gradient.bias);
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
        let LayerWork { normal, wide, left: packed, weights, attention: scratch, .. } = work;
        let [w_qkv, w_out, w_1, w_2] = weights;
        let transposed = |w, out, input| Matrix::rows(w, out, input).transposed();
        w_qkv.pack(self.engine, transposed(t.qkv.weight, 3 * dim, dim));
        w_out.pack(self.engine, transposed(t.out.weight, dim, dim));
        w_1.pack(self.engine, transposed(t.ff_1.weight, feed_forward, dim));
        w_2.pack(self.engine, transposed(t.ff_2.weight, dim, feed_forward));
        let normal = normal.floats(ROWS * dim);
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
                    let normal = &mut normal[..count * dim];
                    layer_norm(engine, x, t.norm_1, normal, &mut statistics_1[first..][..count]);
                    &*normal
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
            let normal = &mut normal[..count * dim];
            let sum = match norm {
                NormPlace::Pre => &mut *middle,
                NormPlace::Post => &mut sum_1[range.clone()],
            };
            self.linear(&joined[range.clone()], count, w_out, Some(t.out.bias), sum, packed);
            self.silence(0, sum, first);
            add(engine, sum, &x[range.clone()]);
            let input = match norm {
                NormPlace::Pre => {
                    let statistics = &mut statistics_2[first..][..count];
                    layer_norm(engine, middle, t.norm_2, normal, statistics);
                    &*normal
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
            self.silence(1, sum, first);
            add(engine, sum, middle);
            if norm == NormPlace::Post {
                let statistics = &mut statistics_2[first..][..count];
                layer_norm(engine, &sum_2[range.clone()], t.norm_2, &mut y[range], statistics);
            }
        }
    }

    /// Turns `gradient`, that of the block's output, into that of its input `x`. Without `weights` the block is
    /// frozen and no gradient of its tensors is computed.
    pub(crate) fn backward(
        &self,
        x: &[f32],
        gradient: &mut [f32],
        stash: &LayerStash,
        mut weights: Option<&mut LayerTensors<&mut [f32]>>,
        work: &mut LayerWork,
    ) {
        let LayerShape { dim, heads, feed_forward, norm } = self.shape;
        let (t, engine) = (&self.tensors, self.engine);
        let rows: usize = self.lengths.iter().sum();
        let LayerWork {
            normal,
            wide,
            wide_gradient,
            narrow,
            second,
            joined,
            qkv,
            left: packed,
            right: columns,
            weights: packs,
            attention: scratch,
        } = work;
        let [w_qkv, w_out, w_1, w_2] = packs;
        w_qkv.pack(self.engine, Matrix::rows(t.qkv.weight, 3 * dim, dim));
        w_out.pack(self.engine, Matrix::rows(t.out.weight, dim, dim));
        w_1.pack(self.engine, Matrix::rows(t.ff_1.weight, feed_forward, dim));
        w_2.pack(self.engine, Matrix::rows(t.ff_2.weight, dim, feed_forward));
        let (normal, narrow) =
            (normal.floats(ROWS_BACKWARD * dim), narrow.floats(ROWS_BACKWARD * dim));
        let second = second.floats(ROWS_BACKWARD * dim);
        let (wide, wide_gradient) = (
            wide.floats(ROWS_BACKWARD * feed_forward),
            wide_gradient.floats(ROWS_BACKWARD * feed_forward),
        );
        let joined_gradient = joined.floats(rows * dim);
        let qkv_gradient = qkv.floats(rows * 3 * dim);

        for (first, count) in self.blocks(ROWS_BACKWARD) {
            let range = first * dim..(first + count) * dim;
            let statistics = [0, 1].map(|i: usize| &stash.statistics[i][first..][..count]);
            let gradient = &mut gradient[range.clone()];
            let middle = &stash.middle[range.clone()];
            let (normal, narrow) = (&mut normal[..count * dim], &mut narrow[..count * dim]);
            let second = &mut second[..count * dim];
            if norm == NormPlace::Post {
                let sum = &stash.sums[1][range.clone()];
                if let Some(w) = &mut weights {
                    let Affine { weight, bias } = &mut w.norm_2;
                    layer_norm_weight_gradient(engine, sum, statistics[1], gradient, weight, bias);
                }
                second.fill(0.0);
                layer_norm_gradient(engine, sum, statistics[1], t.norm_2.weight, gradient, second);
                gradient.copy_from_slice(second);
            }
            second.copy_from_slice(gradient);
            self.silence(1, second, first);
            let wide = &mut wide[..count * feed_forward];
            let wide_gradient = &mut wide_gradient[..count * feed_forward];
            self.linear(second, count, w_2, None, wide_gradient, packed);
            let pre = &stash.pre[first * feed_forward..][..count * feed_forward];
            gelu_gradient(engine, pre, wide, wide_gradient);
            if let Some(w) = &mut weights {
                self.weight_gradient(&mut w.ff_2, second, wide, count, (packed, columns));
                let input = match norm {
                    NormPlace::Pre => {
                        layer_norm(
                            engine,
                            middle,
                            t.norm_2,
                            normal,
                            &mut [[0.0; 2]; ROWS_BACKWARD][..count],
                        );
                        &*normal
                    }
                    NormPlace::Post => middle,
                };
                self.weight_gradient(&mut w.ff_1, wide_gradient, input, count, (packed, columns));
            }
            self.linear(wide_gradient, count, w_1, None, narrow, packed);
            match norm {
                NormPlace::Pre => {
                    if let Some(w) = &mut weights {
                        let Affine { weight, bias } = &mut w.norm_2;
                        layer_norm_weight_gradient(
                            engine,
                            middle,
                            statistics[1],
                            narrow,
                            weight,
                            bias,
                        );
                    }
                    let weight = t.norm_2.weight;
                    layer_norm_gradient(engine, middle, statistics[1], weight, narrow, gradient);
                }
                NormPlace::Post => {
                    add(engine, gradient, narrow);
                    let sum = &stash.sums[0][range.clone()];
                    if let Some(w) = &mut weights {
                        let Affine { weight, bias } = &mut w.norm_1;
                        layer_norm_weight_gradient(
                            engine,
                            sum,
                            statistics[0],
                            gradient,
                            weight,
                            bias,
                        );
                    }
                    second.fill(0.0);
                    let weight = t.norm_1.weight;
                    layer_norm_gradient(engine, sum, statistics[0], weight, gradient, second);
                    gradient.copy_from_slice(second);
                }
            }
            second.copy_from_slice(gradient);
            self.silence(0, second, first);
            if let Some(w) = &mut weights {
                let joined = &stash.joined[range.clone()];
                self.weight_gradient(&mut w.out, second, joined, count, (packed, columns));
            }
            self.linear(second, count, w_out, None, &mut joined_gradient[range], packed);
        }
        let mut first = 0;
        for &positions in self.lengths.iter().filter(|&&positions| positions > 0) {
            let heads = Heads {
                qkv: &stash.qkv[first * 3 * dim..][..positions * 3 * dim],
                positions,
                dim,
                heads,
            };
            let range = first * dim..(first + positions) * dim;
            attention_gradient(
                self.engine,
                heads,
                &stash.joined[range.clone()],
                &stash.logs[first * heads.heads..][..positions * heads.heads],
                &joined_gradient[range],
                &mut qkv_gradient[first * 3 * dim..][..positions * 3 * dim],
                scratch,
            );
            first += positions;
        }
        for (first, count) in self.blocks(ROWS_BACKWARD) {
            let range = first * dim..(first + count) * dim;
            let (x, gradient) = (&x[range.clone()], &mut gradient[range]);
            let upstream = &qkv_gradient[first * 3 * dim..][..count * 3 * dim];
            let statistics = &stash.statistics[0][first..][..count];
            if let Some(w) = &mut weights {
                let normal = &mut normal[..count * dim];
                let input = match norm {
                    NormPlace::Pre => {
                        layer_norm(
                            engine,
                            x,
                            t.norm_1,
                            normal,
                            &mut [[0.0; 2]; ROWS_BACKWARD][..count],
                        );
                        &*normal
                    }
                    NormPlace::Post => x,
                };
                self.weight_gradient(&mut w.qkv, upstream, input, count, (packed, columns));
            }
            let narrow = &mut narrow[..count * dim];
            self.linear(upstream, count, w_qkv, None, narrow, packed);
            match norm {
                NormPlace::Pre => {
                    if let Some(w) = &mut weights {
                        let Affine { weight, bias } = &mut w.norm_1;
                        layer_norm_weight_gradient(engine, x, statistics, narrow, weight, bias);
                    }
                    layer_norm_gradient(engine, x, statistics, t.norm_1.weight, narrow, gradient);
                }
                NormPlace::Post => add(engine, gradient, narrow),
            }
        }
    }
}
