//! The gradient of a block, in two halves: feed-forward layers first, then attention.

use super::{Layer, LayerShape, LayerStash, LayerWork, NormPlace, ROWS_BACKWARD};
use crate::attention::{Heads, attention_gradient};
use crate::gelu::gelu_gradient;
use crate::norm::{layer_norm, layer_norm_gradient, layer_norm_weight_gradient};
use crate::product::{Matrix, Update, left, product, right};
use crate::rows::{add, add_rows};
use crate::{Affine, Buffer, LayerTensors};

impl Layer<'_> {
    /// Turns `gradient`, that of the block's output, into that of its input `x`. Without `weights`
    /// the block is frozen and no gradient of its tensors is computed.
    pub(crate) fn backward(
        &self,
        x: &[f32],
        gradient: &mut [f32],
        stash: &LayerStash,
        mut weights: Option<&mut LayerTensors<&mut [f32]>>,
        work: &mut LayerWork,
    ) {
        self.backward_feed_forward(gradient, stash, weights.as_deref_mut(), work);
        self.backward_attention(x, gradient, stash, weights, work);
    }

    /// From the gradient of the block's output to that of its middle: the sum of `x` and attention,
    /// behind its norm in a post-LN block.
    fn backward_feed_forward(
        &self,
        gradient: &mut [f32],
        stash: &LayerStash,
        mut weights: Option<&mut LayerTensors<&mut [f32]>>,
        work: &mut LayerWork,
    ) {
        let LayerShape { dim, feed_forward, norm, .. } = self.shape;
        let (t, engine) = (&self.tensors, self.engine);
        let LayerWork {
            normed, wide, wide_gradient, below, branch, packed_left, packed_right, ..
        } = work;
        let [_, _, w_1, w_2] = &mut work.packed_weights;
        w_1.pack(engine, Matrix::rows(t.ff_1.weight, feed_forward, dim));
        w_2.pack(engine, Matrix::rows(t.ff_2.weight, dim, feed_forward));
        let [normed, below, branch] =
            [normed, below, branch].map(|buffer| buffer.floats(ROWS_BACKWARD * dim));
        let [wide, wide_gradient] =
            [wide, wide_gradient].map(|buffer| buffer.floats(ROWS_BACKWARD * feed_forward));
        for (first, count) in self.blocks(ROWS_BACKWARD) {
            let range = first * dim..(first + count) * dim;
            let statistics = &stash.statistics[1][first..][..count];
            let gradient = &mut gradient[range.clone()];
            let middle = &stash.middle[range.clone()];
            let [normed, below, branch] =
                [&mut *normed, &mut *below, &mut *branch].map(|rows| &mut rows[..count * dim]);
            let [wide, wide_gradient] =
                [&mut *wide, &mut *wide_gradient].map(|rows| &mut rows[..count * feed_forward]);
            if norm == NormPlace::Post {
                let sum = &stash.sums[1][range];
                if let Some(w) = &mut weights {
                    let Affine { weight, bias } = &mut w.norm_2;
                    layer_norm_weight_gradient(engine, sum, statistics, gradient, weight, bias);
                }
                branch.fill(0.0);
                layer_norm_gradient(engine, sum, statistics, t.norm_2.weight, gradient, branch);
                gradient.copy_from_slice(branch);
            }
            branch.copy_from_slice(gradient);
            self.drop_out(1, branch, first);
            self.linear(branch, count, w_2, None, wide_gradient, packed_left);
            let pre = &stash.pre[first * feed_forward..][..count * feed_forward];
            gelu_gradient(engine, pre, wide, wide_gradient);
            if let Some(w) = &mut weights {
                self.weight_gradient(&mut w.ff_2, branch, wide, count, (packed_left, packed_right));
                let input = match norm {
                    NormPlace::Pre => self.normed_again(middle, t.norm_2, normed),
                    NormPlace::Post => middle,
                };
                let packed = (&mut *packed_left, &mut *packed_right);
                self.weight_gradient(&mut w.ff_1, wide_gradient, input, count, packed);
            }
            self.linear(wide_gradient, count, w_1, None, below, packed_left);
            match norm {
                NormPlace::Pre => {
                    if let Some(w) = &mut weights {
                        let Affine { weight, bias } = &mut w.norm_2;
                        layer_norm_weight_gradient(engine, middle, statistics, below, weight, bias);
                    }
                    layer_norm_gradient(
                        engine,
                        middle,
                        statistics,
                        t.norm_2.weight,
                        below,
                        gradient,
                    );
                }
                NormPlace::Post => add(engine, gradient, below),
            }
        }
    }

    /// From the gradient of the block's middle to that of its input `x`.
    fn backward_attention(
        &self,
        x: &[f32],
        gradient: &mut [f32],
        stash: &LayerStash,
        mut weights: Option<&mut LayerTensors<&mut [f32]>>,
        work: &mut LayerWork,
    ) {
        let LayerShape { dim, heads, norm, .. } = self.shape;
        let (t, engine) = (&self.tensors, self.engine);
        let rows: usize = self.lengths.iter().sum();
        let LayerWork { normed, below, branch, packed_left, packed_right, .. } = work;
        let [w_qkv, w_out, _, _] = &mut work.packed_weights;
        w_qkv.pack(engine, Matrix::rows(t.qkv.weight, 3 * dim, dim));
        w_out.pack(engine, Matrix::rows(t.out.weight, dim, dim));
        let [normed, below, branch] =
            [normed, below, branch].map(|buffer| buffer.floats(ROWS_BACKWARD * dim));
        let joined_gradient = work.joined_gradient.floats(rows * dim);
        let qkv_gradient = work.qkv_gradient.floats(rows * 3 * dim);
        for (first, count) in self.blocks(ROWS_BACKWARD) {
            let range = first * dim..(first + count) * dim;
            let gradient = &mut gradient[range.clone()];
            let branch = &mut branch[..count * dim];
            if norm == NormPlace::Post {
                let sum = &stash.sums[0][range.clone()];
                let statistics = &stash.statistics[0][first..][..count];
                if let Some(w) = &mut weights {
                    let Affine { weight, bias } = &mut w.norm_1;
                    layer_norm_weight_gradient(engine, sum, statistics, gradient, weight, bias);
                }
                branch.fill(0.0);
                layer_norm_gradient(engine, sum, statistics, t.norm_1.weight, gradient, branch);
                gradient.copy_from_slice(branch);
            }
            branch.copy_from_slice(gradient);
            self.drop_out(0, branch, first);
            if let Some(w) = &mut weights {
                let joined = &stash.joined[range.clone()];
                let packed = (&mut *packed_left, &mut *packed_right);
                self.weight_gradient(&mut w.out, branch, joined, count, packed);
            }
            self.linear(branch, count, w_out, None, &mut joined_gradient[range], packed_left);
        }
        let mut first = 0;
        for &positions in self.lengths.iter().filter(|&&positions| positions > 0) {
            let qkv = &stash.qkv[first * 3 * dim..][..positions * 3 * dim];
            let range = first * dim..(first + positions) * dim;
            attention_gradient(
                engine,
                Heads { qkv, positions, dim, heads },
                &stash.joined[range.clone()],
                &stash.logs[first * heads..][..positions * heads],
                &joined_gradient[range],
                &mut qkv_gradient[first * 3 * dim..][..positions * 3 * dim],
                &mut work.attention,
            );
            first += positions;
        }
        for (first, count) in self.blocks(ROWS_BACKWARD) {
            let range = first * dim..(first + count) * dim;
            let (x, gradient) = (&x[range.clone()], &mut gradient[range]);
            let upstream = &qkv_gradient[first * 3 * dim..][..count * 3 * dim];
            let statistics = &stash.statistics[0][first..][..count];
            if let Some(w) = &mut weights {
                let input = match norm {
                    NormPlace::Pre => self.normed_again(x, t.norm_1, &mut normed[..count * dim]),
                    NormPlace::Post => x,
                };
                let packed = (&mut *packed_left, &mut *packed_right);
                self.weight_gradient(&mut w.qkv, upstream, input, count, packed);
            }
            let below = &mut below[..count * dim];
            self.linear(upstream, count, w_qkv, None, below, packed_left);
            match norm {
                NormPlace::Pre => {
                    if let Some(w) = &mut weights {
                        let Affine { weight, bias } = &mut w.norm_1;
                        layer_norm_weight_gradient(engine, x, statistics, below, weight, bias);
                    }
                    layer_norm_gradient(engine, x, statistics, t.norm_1.weight, below, gradient);
                }
                NormPlace::Post => add(engine, gradient, below),
            }
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

    /// What the forward pass saw behind a norm, at most [`ROWS_BACKWARD`] rows of it.
    fn normed_again<'b>(
        &self,
        rows: &[f32],
        norm: Affine<&[f32]>,
        normed: &'b mut [f32],
    ) -> &'b [f32] {
        let statistics = &mut [[0.0; 2]; ROWS_BACKWARD][..rows.len() / self.shape.dim];
        layer_norm(self.engine, rows, norm, normed, statistics);
        normed
    }
}
