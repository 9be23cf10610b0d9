//! Residual dilated convolutions over ragged sequences, `y = x + gelu(conv(x))`.
//!
//! A convolution is a matrix product over the neighbours of each position side by side; positions
//! past either end of the sequence are zeros.

use crate::gelu::{bias_gelu, gelu_gradient};
use crate::layer::Kept;
use crate::norm::{layer_norm, layer_norm_gradient, layer_norm_weight_gradient};
use crate::product::{Matrix, PackedRight, Update, left, product, right};
use crate::rows::{add, add_bias, add_rows};
use crate::vectorized::vectorized;
use crate::{Affine, Buffer, Engine};

/// Positions that are computed together.
const ROWS: usize = 64;

/// The tensors of a stack of convolutions that gives one or more numbers per token.
#[derive(Debug)]
pub struct ConvolutionTensors<T> {
    /// Token embedding, `(vocabulary, dim)`.
    pub token: T,
    /// The convolutions, `(dim, dim, width)`: output, input, tap.
    pub convolutions: Vec<Affine<T>>,
    /// Norm after the last one.
    pub norm: Affine<T>,
    /// Projection to the outputs, `(outputs, dim)`.
    pub out: Affine<T>,
}

/// A stack of convolutions at work: embedding, convolutions, layer norm, projection.
#[derive(Debug)]
pub struct Convolutions<'a> {
    /// How to compute.
    pub engine: Engine,
    /// Channels.
    pub dim: usize,
    /// Taps; odd.
    pub width: usize,
    /// Positions between taps, per convolution.
    pub dilations: &'a [usize],
    /// Numbers per token.
    pub outputs: usize,
    /// Its weights.
    pub tensors: ConvolutionTensors<&'a [f32]>,
    /// Dropout before the norm, in training.
    pub dropout: Option<&'a Kept>,
}

/// Sequences one after the other, as the convolutions read them.
#[derive(Clone, Copy, Debug)]
pub struct ConvolutionTokens<'a> {
    /// Token ids without padding.
    pub ids: &'a [u32],
    /// Tokens of each sequence.
    pub lengths: &'a [usize],
    /// Added to the token embedding, tokens × dim, where there is anything to add.
    pub added: Option<&'a [f32]>,
}

/// What the backward pass needs; memory that can serve any number of passes, one after the other.
#[derive(Debug, Default)]
pub struct ConvolutionStash {
    /// Inputs of the convolutions, and the output of the last one.
    states: Vec<Buffer>,
    /// Inputs of GELU.
    pre: Vec<Buffer>,
    normal: Buffer,
    statistics: Vec<[f32; 2]>,
}

/// Memory that passes reuse.
#[derive(Debug, Default)]
pub struct ConvolutionWork {
    columns: Buffer,
    narrow: Buffer,
    gradient: Buffer,
    permuted: Buffer,
    weights: Buffer,
    left: Buffer,
    right: Buffer,
    weight: PackedRight,
}

impl<T> ConvolutionTensors<T> {
    /// The same tensors, borrowed.
    pub fn each_ref(&self) -> ConvolutionTensors<&T> {
        ConvolutionTensors {
            token: &self.token,
            convolutions: self.convolutions.iter().map(Affine::each_ref).collect(),
            norm: self.norm.each_ref(),
            out: self.out.each_ref(),
        }
    }

    /// Every tensor through `f`, always in the same order.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn try_map<U, E>(
        self,
        mut f: impl FnMut(T) -> Result<U, E>,
    ) -> Result<ConvolutionTensors<U>, E> {
        let f: &mut dyn FnMut(T) -> Result<U, E> = &mut f;
        Ok(ConvolutionTensors {
            token: f(self.token)?,
            convolutions: self
                .convolutions
                .into_iter()
                .map(|c| c.map(f))
                .collect::<Result<_, E>>()?,
            norm: self.norm.map(f)?,
            out: self.out.map(f)?,
        })
    }
}

impl Convolutions<'_> {
    fn layer(&self, index: usize) -> Convolution<'_> {
        let tensors = self.tensors.convolutions[index];
        let (engine, dim, width) = (self.engine, self.dim, self.width);
        Convolution { engine, dim, width, dilation: self.dilations[index], tensors }
    }

    /// The outputs, tokens × outputs.
    ///
    /// # Panics
    /// An id is outside the embedding.
    pub fn forward(
        &self,
        tokens: ConvolutionTokens,
        stash: &mut ConvolutionStash,
        work: &mut ConvolutionWork,
    ) -> Vec<f32> {
        let ConvolutionTokens { ids, lengths, added } = tokens;
        let (dim, engine, count) = (self.dim, self.engine, ids.len());
        let layers = self.dilations.len();
        stash.states.resize_with(layers + 1, Buffer::default);
        stash.pre.resize_with(layers, Buffer::default);
        let embedded = stash.states[0].floats(count * dim);
        for (row, &id) in embedded.chunks_exact_mut(dim).zip(ids) {
            row.copy_from_slice(&self.tensors.token[id as usize * dim..][..dim]);
        }
        if let Some(added) = added {
            add(engine, embedded, added);
        }
        for index in 0..layers {
            let (before, after) = stash.states.split_at_mut(index + 1);
            let (x, y) = (&before[index], after[0].floats(count * dim));
            let pre = stash.pre[index].floats(count * dim);
            self.layer(index).forward(x, lengths, y, pre, work);
        }
        let last = &mut stash.states[layers][..count * dim];
        if let Some(kept) = self.dropout {
            kept.apply(self.engine, last, 0);
        }
        stash.statistics.resize(count, [0.0; 2]);
        let normal = stash.normal.floats(count * dim);
        layer_norm(engine, last, self.tensors.norm, normal, &mut stash.statistics);
        let mut out = vec![0f32; count * self.outputs];
        let weight = Matrix::rows(self.tensors.out.weight, self.outputs, dim).transposed();
        work.weight.pack(self.engine, weight);
        let rows = left(self.engine, Matrix::rows(normal, count, dim), &mut work.left);
        let weight = work.weight.right(self.engine);
        product(self.engine, &rows, &weight, Update::Set, &mut out, self.outputs);
        add_bias(engine, &mut out, self.tensors.out.bias);
        out
    }

    /// Adds to `gradients` what `upstream`, the gradient of the outputs, brings, and sets
    /// `embedded`, tokens × dim, to the gradient of the embedding with what was added. The stash is
    /// of the forward pass with the same arguments.
    pub fn backward(
        &self,
        tokens: ConvolutionTokens,
        upstream: &[f32],
        stash: &ConvolutionStash,
        gradients: &mut ConvolutionTensors<&mut [f32]>,
        embedded: Option<&mut [f32]>,
        work: &mut ConvolutionWork,
    ) {
        let ConvolutionTokens { ids, lengths, .. } = tokens;
        let (dim, engine, count) = (self.dim, self.engine, ids.len());
        let layers = self.dilations.len();
        let normal = Matrix::rows(&stash.normal, count, dim);
        let a = Matrix::rows(upstream, count, self.outputs);
        let columns = left(self.engine, a.transposed(), &mut work.left);
        let rows = right(self.engine, normal, &mut work.right);
        product(self.engine, &columns, &rows, Update::Add, gradients.out.weight, dim);
        add_rows(engine, upstream, gradients.out.bias);
        work.weight.pack(self.engine, Matrix::rows(self.tensors.out.weight, self.outputs, dim));
        let rows = left(self.engine, a, &mut work.left);
        let below = work.narrow.floats(count * dim);
        product(self.engine, &rows, &work.weight.right(self.engine), Update::Set, below, dim);
        let last = &stash.states[layers][..count * dim];
        let Affine { weight, bias } = &mut gradients.norm;
        layer_norm_weight_gradient(engine, last, &stash.statistics, below, weight, bias);
        let mut memory = std::mem::take(&mut work.gradient);
        let gradient = memory.floats(count * dim);
        gradient.fill(0.0);
        let scale = self.tensors.norm.weight;
        layer_norm_gradient(engine, last, &stash.statistics, scale, below, gradient);
        if let Some(kept) = self.dropout {
            kept.apply(self.engine, gradient, 0);
        }
        for index in (0..layers).rev() {
            let (x, pre) = (&stash.states[index], &stash.pre[index]);
            let weights = &mut gradients.convolutions[index];
            self.layer(index).backward(x, lengths, pre, gradient, weights, work);
        }
        for (row, &id) in gradient.chunks_exact(dim).zip(ids) {
            add(engine, &mut gradients.token[id as usize * dim..][..dim], row);
        }
        if let Some(embedded) = embedded {
            embedded.copy_from_slice(gradient);
        }
        work.gradient = memory;
    }
}

/// One convolution of a stack.
struct Convolution<'a> {
    engine: Engine,
    dim: usize,
    width: usize,
    dilation: usize,
    tensors: Affine<&'a [f32]>,
}

impl Convolution<'_> {
    /// Blocks of positions: sequence start, its length, first position, count.
    fn blocks(lengths: &[usize]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
        let starts = lengths.iter().scan(0, |next, &length| {
            let start = *next;
            *next += length;
            Some((start, length))
        });
        starts.flat_map(|(start, length)| {
            (0..length)
                .step_by(ROWS)
                .map(move |first| (start, length, first, ROWS.min(length - first)))
        })
    }

    /// The source of each tap of a position, if it is in the sequence.
    fn source(&self, position: usize, tap: usize, length: usize) -> Option<usize> {
        let source =
            (position + tap * self.dilation).checked_sub(self.width / 2 * self.dilation)?;
        (source < length).then_some(source)
    }

    /// The neighbours of `count` positions from `first` on: count × (width dim).
    fn gather(&self, x: &[f32], length: usize, first: usize, count: usize, columns: &mut [f32]) {
        let (dim, wide) = (self.dim, self.width * self.dim);
        for tap in 0..self.width {
            // Positions whose neighbour is in the sequence are a stretch.
            let (ahead, back) = (tap * self.dilation, self.width / 2 * self.dilation);
            let start = back.saturating_sub(ahead).clamp(first, first + count);
            let end = (length + back).saturating_sub(ahead).clamp(start, first + count);
            let rows = |from: usize, to: usize| (from - first) * wide..(to - first) * wide;
            for row in [rows(first, start), rows(end, first + count)] {
                for row in columns[row].chunks_exact_mut(wide) {
                    row[tap * dim..][..dim].fill(0.0);
                }
            }
            if start < end {
                let source = &x[(start + ahead - back) * dim..(end + ahead - back) * dim];
                copy_tap(self.engine, source, dim, wide, tap * dim, &mut columns[rows(start, end)]);
            }
        }
    }

    /// `y = x + gelu(conv(x))`, both positions × dim; `pre` receives GELU's input.
    fn forward(
        &self,
        x: &[f32],
        lengths: &[usize],
        y: &mut [f32],
        pre: &mut [f32],
        work: &mut ConvolutionWork,
    ) {
        let (dim, wide, engine) = (self.dim, self.width * self.dim, self.engine);
        let ConvolutionWork { columns, left: packed, weight, permuted, .. } = work;
        let columns = columns.floats(ROWS * wide);
        let permuted = self.taps_first(permuted.floats(dim * wide));
        weight.pack(self.engine, Matrix::rows(permuted, dim, wide).transposed());
        for (start, length, first, count) in Self::blocks(lengths) {
            let sequence = &x[start * dim..][..length * dim];
            self.gather(sequence, length, first, count, columns);
            let rows = left(self.engine, Matrix::rows(columns, count, wide), packed);
            let range = (start + first) * dim..(start + first + count) * dim;
            let (y, pre) = (&mut y[range.clone()], &mut pre[range.clone()]);
            product(self.engine, &rows, &weight.right(self.engine), Update::Set, pre, dim);
            bias_gelu(engine, pre, self.tensors.bias, y);
            add(engine, y, &x[range]);
        }
    }

    /// Adds to `gradient`, that of `y` on entry, what reaches `x` through the convolution, and to
    /// `weights` their gradients.
    fn backward(
        &self,
        x: &[f32],
        lengths: &[usize],
        pre: &[f32],
        gradient: &mut [f32],
        weights: &mut Affine<&mut [f32]>,
        work: &mut ConvolutionWork,
    ) {
        let (dim, wide, engine) = (self.dim, self.width * self.dim, self.engine);
        let ConvolutionWork {
            columns,
            narrow,
            left: packed,
            right: other,
            weight,
            permuted,
            weights: sums,
            ..
        } = work;
        let columns = columns.floats(ROWS * wide);
        let permuted = self.taps_first(permuted.floats(dim * wide));
        weight.pack(self.engine, Matrix::rows(permuted, dim, wide));
        let sums = sums.floats(dim * wide);
        sums.fill(0.0);
        let total: usize = lengths.iter().sum();
        // The slopes of all positions first: the gradient of x is then added in place.
        let memory = narrow.floats((total + ROWS) * dim);
        let (slopes, values) = memory.split_at_mut(total * dim);
        slopes.copy_from_slice(&gradient[..total * dim]);
        for (slopes, pre) in slopes.chunks_mut(ROWS * dim).zip(pre.chunks(ROWS * dim)) {
            gelu_gradient(engine, &pre[..slopes.len()], &mut values[..slopes.len()], slopes);
        }
        for (start, length, first, count) in Self::blocks(lengths) {
            let upstream = &slopes[(start + first) * dim..][..count * dim];
            self.gather(&x[start * dim..][..length * dim], length, first, count, columns);
            let a = left(self.engine, Matrix::rows(upstream, count, dim).transposed(), packed);
            let b = right(self.engine, Matrix::rows(columns, count, wide), other);
            product(self.engine, &a, &b, Update::Add, sums, wide);
            add_rows(engine, upstream, weights.bias);
            let rows = left(self.engine, Matrix::rows(upstream, count, dim), packed);
            let below = &mut columns[..count * wide];
            product(self.engine, &rows, &weight.right(self.engine), Update::Set, below, wide);
            for (row, below) in below.chunks_exact(wide).enumerate() {
                for (tap, below) in below.chunks_exact(dim).enumerate() {
                    if let Some(source) = self.source(first + row, tap, length) {
                        let target = &mut gradient[(start + source) * dim..][..dim];
                        target.iter_mut().zip(below).for_each(|(sum, g)| *sum += g);
                    }
                }
            }
        }
        for (weights, sums) in weights.weight.chunks_exact_mut(wide).zip(sums.chunks_exact(wide)) {
            for (i, value) in weights.iter_mut().enumerate() {
                let (input, tap) = (i / self.width, i % self.width);
                *value += sums[tap * dim + input];
            }
        }
    }

    /// The weight as (output, tap, input), the order of the columns.
    fn taps_first<'b>(&self, out: &'b mut [f32]) -> &'b [f32] {
        let wide = self.width * self.dim;
        for (out, weight) in out.chunks_exact_mut(wide).zip(self.tensors.weight.chunks_exact(wide))
        {
            for (i, value) in out.iter_mut().enumerate() {
                let (tap, input) = (i / self.dim, i % self.dim);
                *value = weight[input * self.width + tap];
            }
        }
        out
    }
}

vectorized! {
    /// Copies rows of `dim` values into rows of `wide` values, from column `first` on.
    fn copy_tap(source: &[f32], dim: usize, wide: usize, first: usize, columns: &mut [f32]) {
        for (source, row) in source.chunks_exact(dim).zip(columns.chunks_exact_mut(wide)) {
            let row = &mut row[first..first + dim];
            // Vectors at a time: a library call a row would cost more than the copy.
            let (vectors, rest) = source.as_chunks::<16>();
            let (row_vectors, row_rest) = row.as_chunks_mut::<16>();
            for (row, vector) in row_vectors.iter_mut().zip(vectors) {
                *row = *vector;
            }
            for (value, source) in row_rest.iter_mut().zip(rest) {
                *value = *source;
            }
        }
    }
}
