//! Softmax attention of the positions of one sequence among themselves (Vaswani et al. 2017).
//!
//! A head's scores are computed for some rows at a time and never kept: the backward pass computes
//! them again from the logarithm of each row's sum (Dao et al. 2022).

use crate::buffer::spaced;
use crate::exponential::{LOG2_E, exp2};
use crate::product::{Matrix, Order, PackedRight, Update, left, product, right};
use crate::vectorized::{LANES, fma, fold, lane_sum, vectorized};
use crate::{Buffer, Engine};

/// Queries that are computed together, and keys in the backward pass.
const ROWS: usize = 32;
/// Keys that are computed together: this many columns of scores for [`ROWS`] rows stay in the first
/// cache.
const COLUMNS: usize = 256;
/// The same in the backward pass, which has two such blocks.
const COLUMNS_BACKWARD: usize = 128;
/// A score of what is no key: its exponential is 2⁻¹²⁶, which no sum of others notices.
const NONE: f32 = -1e30;

/// Memory that attention reuses.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    scores: Buffer,
    gradients: Buffer,
    sums: Buffer,
    left: Buffer,
    these: Buffer,
    keys: Vec<PackedRight>,
    values: Vec<PackedRight>,
    backward: Vec<QueryPacks>,
}

/// A block of queries and of the gradients that reach them, packed in both orders.
#[derive(Debug, Default)]
struct QueryPacks {
    queries_columns: PackedRight,
    queries_rows: PackedRight,
    upstream_columns: PackedRight,
    upstream_rows: PackedRight,
}

/// One sequence's queries, keys and values: rows of `q, k, v`, each `dim` wide with contiguous
/// heads.
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
fn head_of<'a>(
    values: &'a [f32],
    heads: &Heads,
    head: usize,
    first: usize,
    count: usize,
) -> Matrix<'a> {
    let start = first * heads.dim + head * heads.width();
    Matrix::new(&values[start..], heads.dim, Order::Rows, count, heads.width())
}

/// `joined` (`positions × dim`) receives the weighted values; `logs` (`heads × positions`) the
/// base-2 logarithm of each row's sum of exponentials.
///
/// Keys come in blocks; where a later block has a larger score, what was summed before is scaled
/// down to it.
pub(crate) fn attention(
    engine: Engine,
    heads: Heads,
    joined: &mut [f32],
    logs: &mut [f32],
    scratch: &mut Scratch,
) {
    let (n, width, scale) = (heads.positions, heads.width(), heads.scale());
    let stride = spaced(COLUMNS.min(n));
    let Scratch { scores, left: packed, keys: key_blocks, values: value_blocks, .. } = scratch;
    let scores = scores.floats(ROWS * stride);
    let blocks: Vec<(usize, usize)> = blocks(n, COLUMNS).collect();
    key_blocks.resize_with(key_blocks.len().max(blocks.len()), PackedRight::default);
    value_blocks.resize_with(value_blocks.len().max(blocks.len()), PackedRight::default);
    for (head, logs) in logs.chunks_exact_mut(n).enumerate() {
        for (block, &(first, count)) in blocks.iter().enumerate() {
            key_blocks[block].pack(engine, heads.part(1, head, first, count).transposed());
            value_blocks[block].pack(engine, heads.part(2, head, first, count));
        }
        for (first, count) in self::blocks(n, ROWS) {
            let queries = heads.part(0, head, first, count);
            let out = &mut joined[first * heads.dim + head * width..];
            let (mut most, mut sums) = ([NONE; ROWS], [0f32; ROWS]);
            let (most, sums) = (&mut most[..count], &mut sums[..count]);
            for (block, &(_, columns)) in blocks.iter().enumerate() {
                let rows = left(engine, queries, packed);
                let keys = key_blocks[block].right(engine);
                let scores = &mut scores[..count * stride];
                product(engine, &rows, &keys, Update::Set, scores, stride);
                let mut shrink = [1f32; ROWS];
                let shrink = &mut shrink[..count];
                exponentiate(engine, scores, columns, scale, most, sums, shrink);
                let weights = Matrix::new(scores, stride, Order::Rows, count, columns);
                let weights = left(engine, weights, packed);
                let update = if block == 0 {
                    Update::Set
                } else {
                    scale_rows(engine, out, heads.dim, width, shrink);
                    Update::Add
                };
                let values = value_blocks[block].right(engine);
                product(engine, &weights, &values, update, out, heads.dim);
            }
            for ((log, most), sum) in logs[first..].iter_mut().zip(&*most).zip(&mut *sums) {
                *log = most + sum.log2();
                *sum = 1.0 / *sum;
            }
            scale_rows(engine, out, heads.dim, width, sums);
        }
    }
}

/// First item and number of items of each block of at most `size`.
fn blocks(items: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..items).step_by(size).map(move |first| (first, size.min(items - first)))
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
    let stride = spaced(COLUMNS_BACKWARD.min(n));
    let Scratch { scores, gradients, sums, left: packed, these, backward, .. } = scratch;
    let (scores, gradients) = (scores.floats(ROWS * stride), gradients.floats(ROWS * stride));
    let sums = sums.floats(n);
    let blocks: Vec<(usize, usize)> = blocks(n, COLUMNS_BACKWARD).collect();
    backward.resize_with(backward.len().max(blocks.len()), Default::default);
    for (head, logs) in logs.chunks_exact(n).enumerate() {
        // Σ over the row of weight times its gradient.
        row_products(engine, &joined[head * width..], &upstream[head * width..], dim, width, sums);
        for (packs, &(first, count)) in backward.iter_mut().zip(&blocks) {
            let queries = heads.part(0, head, first, count);
            let upstream = head_of(upstream, &heads, head, first, count);
            packs.queries_columns.pack(engine, queries.transposed());
            packs.queries_rows.pack(engine, queries);
            packs.upstream_columns.pack(engine, upstream.transposed());
            packs.upstream_rows.pack(engine, upstream);
        }
        for position in 0..n {
            gradient[position * 3 * dim + head * width..][..width].fill(0.0);
        }
        // A row here is a key, a column a query: the transposed scores.
        for (first, count) in self::blocks(n, ROWS) {
            let (keys, values) =
                (heads.part(1, head, first, count), heads.part(2, head, first, count));
            let place = first * 3 * dim + head * width;
            let mut update = Update::Set;
            for (packs, &(query, columns)) in backward.iter().zip(&blocks) {
                let (scores, gradients) =
                    (&mut scores[..count * stride], &mut gradients[..count * stride]);
                let rows = left(engine, keys, packed);
                let right_factor = packs.queries_columns.right(engine);
                product(engine, &rows, &right_factor, Update::Set, scores, stride);
                let rows = left(engine, values, packed);
                let right_factor = packs.upstream_columns.right(engine);
                product(engine, &rows, &right_factor, Update::Set, gradients, stride);
                let range = query..query + columns;
                let (logs, sums) = (&logs[range.clone()], &sums[range]);
                score_gradient(engine, scores, gradients, stride, heads.scale(), logs, sums);
                let rows = |values| Matrix::new(values, stride, Order::Rows, count, columns);
                let weights = left(engine, rows(scores), packed);
                let (right_factor, target) =
                    (packs.upstream_rows.right(engine), &mut gradient[place + 2 * dim..]);
                product(engine, &weights, &right_factor, update, target, 3 * dim);
                let slopes = left(engine, rows(gradients), packed);
                let (right_factor, target) =
                    (packs.queries_rows.right(engine), &mut gradient[place + dim..]);
                product(engine, &slopes, &right_factor, update, target, 3 * dim);
                let slopes = left(engine, rows(gradients).transposed(), packed);
                let right_factor = right(engine, keys, these);
                let target = &mut gradient[query * 3 * dim + head * width..];
                product(engine, &slopes, &right_factor, Update::Add, target, 3 * dim);
                update = Update::Add;
            }
        }
    }
}

vectorized! {
    /// Scores become `2^(scale · score − most)` of their row, with `most` raised to the largest of
    /// them; `sums` receives their sums, and what it held before, like all that was summed, is to
    /// be multiplied by `shrink`.
    fn exponentiate(
        scores: &mut [f32],
        width: usize,
        scale: f32,
        most: &mut [f32],
        sums: &mut [f32],
        shrink: &mut [f32],
    ) {
        let stride = scores.len() / sums.len();
        // Rows are filled up to whole vectors with scores of nothing.
        let filled = width.next_multiple_of(LANES);
        for ((row, most), shrink) in
            scores.chunks_exact_mut(stride).zip(most.iter_mut()).zip(shrink.iter_mut())
        {
            row[width..filled].fill(NONE);
            let mut largest = [NONE; LANES];
            for chunk in row[..filled].as_chunks::<LANES>().0 {
                for lane in 0..LANES {
                    let score = chunk[lane];
                    largest[lane] = if score > largest[lane] { score } else { largest[lane] };
                }
            }
            let larger = |a: f32, b: f32| if a > b { a } else { b };
            let after = larger(*most, fold(largest, larger) * scale);
            *shrink = *most - after;
            *most = after;
        }
        for shrink in shrink.iter_mut() {
            *shrink = exp2::<FUSED>(*shrink);
        }
        let rows = scores.chunks_exact_mut(stride).zip(most).zip(sums).zip(shrink);
        for (((row, most), sum), shrink) in rows {
            let mut total = [0f32; LANES];
            for chunk in row[..filled].as_chunks_mut::<LANES>().0 {
                for lane in 0..LANES {
                    let value = exp2::<FUSED>(fma::<FUSED>(chunk[lane], scale, -*most));
                    chunk[lane] = value;
                    total[lane] += value;
                }
            }
            *sum = fma::<FUSED>(*sum, *shrink, fold(total, |a, b| a + b));
        }
    }

    /// Multiplies each row, `stride` apart, by its factor.
    fn scale_rows(rows: &mut [f32], stride: usize, width: usize, factors: &[f32]) {
        for (row, &factor) in rows.chunks_mut(stride).zip(factors) {
            for value in &mut row[..width] {
                *value *= factor;
            }
        }
    }

    /// `sums[row] = Σ a b` over a head's columns of rows that are `stride` apart.
    fn row_products(a: &[f32], b: &[f32], stride: usize, width: usize, sums: &mut [f32]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let (a, b) = (&a[row * stride..][..width], &b[row * stride..][..width]);
            *sum = lane_sum!((x, y) in (a, b) => x * y);
        }
    }

    /// Scores become weights, and the gradients of weights those of the dot products of queries and
    /// keys. Columns are queries, with their `logs` and `sums`; rows are `stride` apart.
    fn score_gradient(
        scores: &mut [f32],
        gradients: &mut [f32],
        stride: usize,
        scale: f32,
        logs: &[f32],
        sums: &[f32],
    ) {
        let width = logs.len();
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
