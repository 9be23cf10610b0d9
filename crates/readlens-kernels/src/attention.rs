//! Softmax attention of the positions of one sequence among themselves (Vaswani et al. 2017).
//!
//! A head's scores are computed for some rows at a time and never kept: the backward pass computes them again from
//! the logarithm of each row's sum (Dao et al. 2022).

use crate::buffer::spaced;
use crate::{Buffer, Engine};
use crate::exponential::{LOG2_E, exp2};
use crate::product::{Matrix, Order, Update, left, product, right};
use crate::vectorized::{LANES, fma, fold, lane_sum, vectorized};

/// Rows of scores that are computed together: with 512 columns they fit the second cache.
const ROWS: usize = 64;

/// Memory that attention reuses.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    scores: Buffer,
    gradients: Buffer,
    sums: Buffer,
    left: Buffer,
    keys: Buffer,
    values: Buffer,
    queries: Buffer,
    upstream: Buffer,
    these: Buffer,
}

/// One sequence's queries, keys and values: rows of `q, k, v`, each `dim` wide with contiguous heads.
#[derive(Clone, Copy)]
pub(crate) struct Heads<'a> {
    pub(crate) qkv: &'a [f32],
    pub(crate) positions: usize,
    pub(crate) dim: usize,
    pub(crate) heads: usize,
}

impl<'a> Heads<'a> {
    fn width(&self) -> usize {
        self.dim / self.heads
    }

    /// log₂ e over the square root of the head's width: scores become exponents of 2.
    fn scale(&self) -> f32 {
        LOG2_E / (self.width() as f32).sqrt()
    }

    /// Part 0, 1 or 2 (queries, keys, values) of a head, from row `first`, `count` rows.
    fn part(&self, part: usize, head: usize, first: usize, count: usize) -> Matrix<'a> {
        let start = first * 3 * self.dim + part * self.dim + head * self.width();
        Matrix::new(&self.qkv[start..], 3 * self.dim, Order::Rows, count, self.width())
    }
}

/// A head's columns of a `positions × dim` matrix, from row `first`.
fn head_of<'a>(values: &'a [f32], heads: &Heads, head: usize, first: usize, count: usize) -> Matrix<'a> {
    let start = first * heads.dim + head * heads.width();
    Matrix::new(&values[start..], heads.dim, Order::Rows, count, heads.width())
}

/// `joined` (`positions × dim`) receives the weighted values; `logs` (`heads × positions`) the base-2 logarithm of
/// each row's sum of exponentials.
pub(crate) fn attention(
    engine: Engine,
    heads: Heads,
    joined: &mut [f32],
    logs: &mut [f32],
    scratch: &mut Scratch,
) {
    let (n, width, scale) = (heads.positions, heads.width(), heads.scale());
    let stride = spaced(n);
    scratch.scores.floats(ROWS * stride);
    scratch.sums.floats(ROWS);
    for (head, logs) in logs.chunks_exact_mut(n).enumerate() {
        let keys = right(engine, heads.part(1, head, 0, n).transposed(), &mut scratch.keys);
        let values = right(engine, heads.part(2, head, 0, n), &mut scratch.values);
        for first in (0..n).step_by(ROWS) {
            let count = ROWS.min(n - first);
            let queries = left(engine, heads.part(0, head, first, count), &mut scratch.left);
            let scores = &mut scratch.scores[..count * stride];
            product(engine, &queries, &keys, Update::Set, scores, stride);
            let sums = &mut scratch.sums[..count];
            exponentiate(engine.level(), scores, n, scale, sums, &mut logs[first..first + count]);
            let weights = Matrix::new(scores, stride, Order::Rows, count, n);
            let weights = left(engine, weights, &mut scratch.left);
            let out = &mut joined[first * heads.dim + head * width..];
            product(engine, &weights, &values, Update::Set, out, heads.dim);
            for (row, sum) in sums.iter().enumerate() {
                out[row * heads.dim..][..width].iter_mut().for_each(|value| *value /= sum);
            }
        }
    }
}

/// The gradient of `qkv` (same layout, set) from that of `joined`.
pub(crate) fn attention_gradient(
    engine: Engine,
    heads: Heads,
    joined: &[f32],
    logs: &[f32],
    upstream: &[f32],
    gradient: &mut [f32],
    scratch: &mut Scratch,
) {
    let (n, width, dim) = (heads.positions, heads.width(), heads.dim);
    let Scratch { scores, gradients, sums, left: packed, keys, values, queries, upstream: columns, these } =
        scratch;
    let stride = spaced(n);
    let (scores, gradients) = (scores.floats(ROWS * stride), gradients.floats(ROWS * stride));
    let sums = sums.floats(n);
    let level = engine.level();
    for (head, logs) in logs.chunks_exact(n).enumerate() {
        // Σ over the row of weight times its gradient.
        row_products(level, &joined[head * width..], &upstream[head * width..], dim, width, sums);
        let queries_columns = right(engine, heads.part(0, head, 0, n).transposed(), keys);
        let queries_rows = right(engine, heads.part(0, head, 0, n), queries);
        let whole = head_of(upstream, &heads, head, 0, n);
        let upstream_columns = right(engine, whole.transposed(), values);
        let upstream_rows = right(engine, whole, columns);
        for position in 0..n {
            gradient[position * 3 * dim + head * width..][..width].fill(0.0);
        }
        // A row here is a key, a column a query: the transposed scores.
        for first in (0..n).step_by(ROWS) {
            let count = ROWS.min(n - first);
            let (scores, gradients) = (&mut scores[..count * stride], &mut gradients[..count * stride]);
            let rows = left(engine, heads.part(1, head, first, count), packed);
            product(engine, &rows, &queries_columns, Update::Set, scores, stride);
            let rows = left(engine, heads.part(2, head, first, count), packed);
            product(engine, &rows, &upstream_columns, Update::Set, gradients, stride);
            score_gradient(level, scores, gradients, heads.scale(), logs, sums);
            let rows = |values| Matrix::new(values, stride, Order::Rows, count, n);
            let weights = left(engine, rows(scores), packed);
            let place = first * 3 * dim + head * width;
            product(engine, &weights, &upstream_rows, Update::Set, &mut gradient[place + 2 * dim..], 3 * dim);
            let slopes = left(engine, rows(gradients), packed);
            product(engine, &slopes, &queries_rows, Update::Set, &mut gradient[place + dim..], 3 * dim);
            let slopes = left(engine, rows(gradients).transposed(), packed);
            let keys = right(engine, heads.part(1, head, first, count), these);
            product(engine, &slopes, &keys, Update::Add, &mut gradient[head * width..], 3 * dim);
        }
    }
}

vectorized! {
    /// Scores become `2^(scale · score − most)`; `sums` receives their sums, `logs` `most + log₂ sum`.
    fn exponentiate(
        scores: &mut [f32],
        width: usize,
        scale: f32,
        sums: &mut [f32],
        logs: &mut [f32],
    ) {
        let stride = scores.len() / sums.len();
        for ((row, sum), log) in scores.chunks_exact_mut(stride).zip(sums).zip(logs) {
            let row = &mut row[..width];
            let mut most = [f32::MIN; LANES];
            let mut chunks = row.chunks_exact(LANES);
            for chunk in &mut chunks {
                for (most, &score) in most.iter_mut().zip(chunk) {
                    *most = if score > *most { score } else { *most };
                }
            }
            for (most, &score) in most.iter_mut().zip(chunks.remainder()) {
                *most = if score > *most { score } else { *most };
            }
            let most = fold(most, |a, b| if a > b { a } else { b }) * scale;
            let mut total = [0f32; LANES];
            let mut chunks = row.chunks_exact_mut(LANES);
            for chunk in &mut chunks {
                for (score, total) in chunk.iter_mut().zip(&mut total) {
                    *score = exp2::<FUSED>(fma::<FUSED>(*score, scale, -most));
                    *total += *score;
                }
            }
            for (score, total) in chunks.into_remainder().iter_mut().zip(&mut total) {
                *score = exp2::<FUSED>(fma::<FUSED>(*score, scale, -most));
                *total += *score;
            }
            *sum = fold(total, |a, b| a + b);
            *log = most + sum.log2();
        }
    }

    /// `sums[row] = Σ a b` over a head's columns of rows that are `stride` apart.
    fn row_products(a: &[f32], b: &[f32], stride: usize, width: usize, sums: &mut [f32]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let (a, b) = (&a[row * stride..][..width], &b[row * stride..][..width]);
            *sum = lane_sum!(width, |i| a[i] * b[i]);
        }
    }

    /// Scores become weights, and the gradients of weights those of the dot products of queries and keys.
    /// Columns are queries, with their `logs` and `sums`.
    fn score_gradient(
        scores: &mut [f32],
        gradients: &mut [f32],
        scale: f32,
        logs: &[f32],
        sums: &[f32],
    ) {
        let width = logs.len();
        let stride = spaced(width);
        let sums = &sums[..width];
        // `scale` turns scores into exponents of 2; the slope is that of exponents of e.
        let slope = scale / LOG2_E;
        for (scores, gradients) in
            scores.chunks_exact_mut(stride).zip(gradients.chunks_exact_mut(stride))
        {
            let (scores, gradients) = (&mut scores[..width], &mut gradients[..width]);
            for i in 0..width {
                let weight = exp2::<FUSED>(fma::<FUSED>(scores[i], scale, -logs[i]));
                scores[i] = weight;
                gradients[i] = weight * (gradients[i] - sums[i]) * slope;
            }
        }
    }
}
