//! A whole transformer encoder over (masked) token embeddings, forward and backward.

use crate::embedding::{Embedding, EmbeddingGradients, MaskSite, Tokens};
use crate::layer::{Kept, Layer, LayerShape, LayerStash, LayerWork, NormPlace};
use crate::norm::{layer_norm, layer_norm_gradient, layer_norm_weight_gradient};
use crate::product::{Matrix, PackedRight, Update, left, product, right};
use crate::rows::{add_bias, add_rows};
use crate::{Affine, Buffer, EncoderTensors, Engine, LayerTensors};

/// Shape of an encoder.
#[derive(Clone, Copy, Debug)]
pub struct EncoderShape {
    /// Width of embeddings and blocks.
    pub dim: usize,
    /// Attention heads; divides `dim`.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub feed_forward: usize,
    /// Tokens that the stem joins into one position; 1 for no stem.
    pub patch: usize,
    /// Where norms stand.
    pub norm: NormPlace,
    /// What a mask makes of an embedding.
    pub site: MaskSite,
    /// First token id that is a k-mer: [`MaskSite::Mean`] averages the embeddings from here on.
    pub first_kmer: usize,
    /// Whether each sequence opens with CLS, which the stem leaves alone.
    pub has_cls: bool,
}

/// What leaves the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The state of every position, positions × dim.
    States,
    /// The mean state of each sequence, sequences × dim.
    Mean,
    /// The first state of each sequence, sequences × dim.
    First,
}

/// Dropout of one pass: after the embedding (tokens × dim), then per block after attention and
/// after the feed-forward layers (positions × dim).
#[derive(Debug)]
pub struct EncoderDropout {
    /// After the embedding.
    pub embedding: Kept,
    /// Per block.
    pub layers: Vec<[Kept; 2]>,
}

/// What the backward pass needs; memory that can serve any number of passes, one after the other.
#[derive(Debug, Default)]
pub struct EncoderStash {
    /// Positions of each sequence.
    positions: Vec<usize>,
    embedded: Buffer,
    /// Inputs of the blocks, and the output of the last one.
    states: Vec<Buffer>,
    layers: Vec<LayerStash>,
    statistics: Vec<[f32; 2]>,
}

/// Memory that passes reuse.
#[derive(Debug, Default)]
pub struct EncoderWork {
    layer: LayerWork,
    patches: Vec<f32>,
    gradient: Buffer,
    narrow: Buffer,
    left: Buffer,
    right: Buffer,
    weight: PackedRight,
}

/// An encoder at work.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// How to compute.
    pub engine: Engine,
    /// Its shape.
    pub shape: EncoderShape,
    /// Its weights.
    pub tensors: EncoderTensors<&'a [f32]>,
    /// What leaves it.
    pub output: Output,
    /// Dropout, in training.
    pub dropout: Option<&'a EncoderDropout>,
}

impl EncoderShape {
    /// Positions that `tokens` tokens of a sequence become.
    pub fn positions(&self, tokens: usize) -> usize {
        if self.patch == 1 {
            return tokens;
        }
        let cls = usize::from(self.has_cls);
        cls + tokens.saturating_sub(cls).div_ceil(self.patch)
    }
}

impl Encoder<'_> {
    fn embedding(&self) -> Embedding<'_> {
        Embedding {
            engine: self.engine,
            dim: self.shape.dim,
            site: self.shape.site,
            first_kmer: self.shape.first_kmer,
            token: self.tensors.token,
            position: self.tensors.position,
            norm: self.tensors.embedding_norm,
        }
    }

    fn layer<'b>(&'b self, index: usize, lengths: &'b [usize]) -> Layer<'b> {
        let EncoderShape { dim, heads, feed_forward, norm, .. } = self.shape;
        Layer {
            engine: self.engine,
            shape: LayerShape { dim, heads, feed_forward, norm },
            tensors: self.tensors.layers[index],
            lengths,
            kept: self.dropout.map(|d| [&d.layers[index][0], &d.layers[index][1]]),
        }
    }

    /// Encodes `tokens`; with `keep` the stash serves [`Encoder::backward`].
    ///
    /// # Panics
    /// An id or a position is outside its table, or a mask has another length than the ids.
    pub fn forward(
        &self,
        tokens: Tokens,
        keep: bool,
        stash: &mut EncoderStash,
        work: &mut EncoderWork,
    ) -> Vec<f32> {
        let dim = self.shape.dim;
        let count = tokens.ids.len();
        let embedded = stash.embedded.floats(count * dim);
        self.embedding().forward(tokens, embedded);
        if let Some(dropout) = self.dropout {
            dropout.embedding.apply(self.engine, embedded, 0);
        }
        stash.positions.clear();
        stash.positions.extend(tokens.lengths.iter().map(|&l| self.shape.positions(l)));
        let rows: usize = stash.positions.iter().sum();
        let layers = self.tensors.layers.len();
        // Without a backward pass two states and one stash are enough.
        let kept = if keep { layers + 1 } else { 2 };
        stash.states.resize_with(kept.max(stash.states.len()), Buffer::default);
        stash
            .layers
            .resize_with(stash.layers.len().max(if keep { layers } else { 1 }), Default::default);
        for state in stash.states.iter_mut().take(kept) {
            state.floats(rows * dim);
        }
        let first = stash.states[0].floats(rows * dim);
        self.join_patches(tokens.lengths, &stash.embedded[..count * dim], first, work);
        for index in 0..layers {
            let (from, to) = if keep { (index, index + 1) } else { (index % 2, (index + 1) % 2) };
            let [x, y] = stash
                .states
                .get_disjoint_mut([from, to])
                .expect("a block reads one state and writes another");
            let layer_stash = &mut stash.layers[if keep { index } else { 0 }];
            self.layer(index, &stash.positions).forward(x, y, layer_stash, keep, &mut work.layer);
        }
        let last = &stash.states[if keep { layers } else { layers % 2 }][..rows * dim];
        let mut out = Vec::new();
        match self.tensors.final_norm {
            Some(norm) => {
                out.resize(rows * dim, 0.0);
                stash.statistics.resize(rows, [0.0; 2]);
                layer_norm(self.engine, last, norm, &mut out, &mut stash.statistics);
            }
            None => out.extend_from_slice(last),
        }
        match self.output {
            Output::States => out,
            Output::Mean => self.pool(&stash.positions, &out, |states, pooled| {
                add_rows(self.engine, states, pooled);
                let share = dim as f32 / states.len() as f32;
                pooled.iter_mut().for_each(|value| *value *= share);
            }),
            Output::First => self.pool(&stash.positions, &out, |states, pooled| {
                pooled.copy_from_slice(&states[..dim]);
            }),
        }
    }

    fn pool(
        &self,
        positions: &[usize],
        states: &[f32],
        one: impl Fn(&[f32], &mut [f32]),
    ) -> Vec<f32> {
        let dim = self.shape.dim;
        let mut pooled = vec![0f32; positions.len() * dim];
        let mut first = 0;
        for (&count, pooled) in positions.iter().zip(pooled.chunks_exact_mut(dim)) {
            // A sequence without a token has a mean of zero.
            if count > 0 {
                one(&states[first * dim..][..count * dim], pooled);
            }
            first += count;
        }
        pooled
    }

    /// Adds to `gradients` (none where the weights are frozen) and to `mask` (none where its
    /// gradient is not wanted) what `upstream`, the gradient of the output, brings. The stash is of
    /// the forward pass with the same arguments.
    pub fn backward(
        &self,
        tokens: Tokens,
        upstream: &[f32],
        stash: &EncoderStash,
        mut gradients: Option<&mut EncoderTensors<&mut [f32]>>,
        mask: Option<&mut [f32]>,
        work: &mut EncoderWork,
    ) {
        let (dim, engine) = (self.shape.dim, self.engine);
        let rows: usize = stash.positions.iter().sum();
        let layers = self.tensors.layers.len();
        // Taken out of the work so that blocks can borrow the rest of it.
        let mut gradient_memory = std::mem::take(&mut work.gradient);
        let mut below_memory = std::mem::take(&mut work.narrow);
        let mut gradient = gradient_memory.floats(rows * dim);
        gradient.fill(0.0);
        self.spread(upstream, &stash.positions, gradient);
        let mut below = below_memory.floats(tokens.ids.len().max(rows) * dim);
        if let Some(norm) = self.tensors.final_norm {
            let last = &stash.states[layers][..rows * dim];
            if let Some(Affine { weight, bias }) =
                gradients.as_deref_mut().and_then(|g| g.final_norm.as_mut())
            {
                layer_norm_weight_gradient(engine, last, &stash.statistics, gradient, weight, bias);
            }
            below.fill(0.0);
            let narrow = &mut below[..rows * dim];
            layer_norm_gradient(engine, last, &stash.statistics, norm.weight, gradient, narrow);
            gradient.copy_from_slice(narrow);
        }
        for index in (0..layers).rev() {
            let weights: Option<&mut LayerTensors<&mut [f32]>> =
                gradients.as_deref_mut().map(|g| &mut g.layers[index]);
            let layer = self.layer(index, &stash.positions);
            let (x, stash) = (&stash.states[index], &stash.layers[index]);
            layer.backward(x, gradient, stash, weights, &mut work.layer);
        }
        let stem = gradients.as_deref_mut().and_then(|g| g.stem.as_mut());
        if self.tensors.stem.is_some() {
            below = &mut below[..tokens.ids.len() * dim];
            self.join_patches_gradient(tokens.lengths, stash, gradient, stem, below, work);
            std::mem::swap(&mut below, &mut gradient);
        }
        if let Some(dropout) = self.dropout {
            dropout.embedding.apply(self.engine, gradient, 0);
        }
        let mut of_embedding = EmbeddingGradients { token: None, position: None, norm: None, mask };
        if let Some(gradients) = gradients {
            of_embedding.token = Some(gradients.token);
            of_embedding.position = Some(gradients.position);
            of_embedding.norm = gradients
                .embedding_norm
                .as_mut()
                .map(|norm| Affine { weight: &mut *norm.weight, bias: &mut *norm.bias });
        }
        self.embedding().backward(tokens, gradient, &mut of_embedding);
        (work.gradient, work.narrow) = (gradient_memory, below_memory);
    }

    /// The gradient of every state from that of the output.
    fn spread(&self, upstream: &[f32], positions: &[usize], gradient: &mut [f32]) {
        let dim = self.shape.dim;
        if self.output == Output::States {
            gradient.copy_from_slice(upstream);
            return;
        }
        let mut first = 0;
        for (&count, upstream) in positions.iter().zip(upstream.chunks_exact(dim)) {
            let rows = &mut gradient[first * dim..][..count * dim];
            if self.output == Output::First && count > 0 {
                rows[..dim].copy_from_slice(upstream);
            } else {
                let share = 1.0 / count as f32;
                for row in rows.chunks_exact_mut(dim) {
                    row.iter_mut().zip(upstream).for_each(|(value, g)| *value = g * share);
                }
            }
            first += count;
        }
    }

    /// Each patch's tokens side by side, those past the end of the sequence zero: patches × (patch
    /// dim). CLS has no patch.
    fn patches(&self, lengths: &[usize], embedded: &[f32], out: &mut Vec<f32>) {
        let (dim, patch) = (self.shape.dim, self.shape.patch);
        let cls = usize::from(self.shape.has_cls);
        out.clear();
        let mut first = 0;
        for &length in lengths {
            out.extend_from_slice(&embedded[(first + cls) * dim..(first + length) * dim]);
            let body = length - cls;
            out.resize(out.len() + (body.next_multiple_of(patch) - body) * dim, 0.0);
            first += length;
        }
    }

    fn join_patches(
        &self,
        lengths: &[usize],
        embedded: &[f32],
        states: &mut [f32],
        work: &mut EncoderWork,
    ) {
        let (dim, patch) = (self.shape.dim, self.shape.patch);
        let Some(stem) = self.tensors.stem else {
            states.copy_from_slice(embedded);
            return;
        };
        self.patches(lengths, embedded, &mut work.patches);
        let count = work.patches.len() / (patch * dim);
        work.weight.pack(self.engine, Matrix::rows(stem.weight, dim, patch * dim).transposed());
        let rows = Matrix::rows(&work.patches, count, patch * dim);
        let rows = left(self.engine, rows, &mut work.left);
        let joined = work.narrow.floats(count * dim);
        product(self.engine, &rows, &work.weight.right(self.engine), Update::Set, joined, dim);
        add_bias(self.engine, joined, stem.bias);
        let (mut token, mut state, mut done) = (0, 0, 0);
        for &length in lengths {
            if self.shape.has_cls {
                states[state * dim..][..dim].copy_from_slice(&embedded[token * dim..][..dim]);
                state += 1;
            }
            let count = (length - usize::from(self.shape.has_cls)).div_ceil(patch);
            states[state * dim..][..count * dim]
                .copy_from_slice(&joined[done * dim..][..count * dim]);
            (token, state, done) = (token + length, state + count, done + count);
        }
    }

    fn join_patches_gradient(
        &self,
        lengths: &[usize],
        stash: &EncoderStash,
        upstream: &[f32],
        stem: Option<&mut Affine<&mut [f32]>>,
        below: &mut [f32],
        work: &mut EncoderWork,
    ) {
        let (dim, patch) = (self.shape.dim, self.shape.patch);
        let Some(weights) = self.tensors.stem else { return };
        let cls = usize::from(self.shape.has_cls);
        let mut bodies: Vec<f32> = Vec::with_capacity(upstream.len());
        let mut state = 0;
        for &length in lengths {
            let count = self.shape.positions(length);
            bodies.extend_from_slice(&upstream[(state + cls) * dim..(state + count) * dim]);
            state += count;
        }
        let count = bodies.len() / dim;
        if let Some(Affine { weight, bias }) = stem {
            let embedded = &stash.embedded[..lengths.iter().sum::<usize>() * dim];
            self.patches(lengths, embedded, &mut work.patches);
            let a = Matrix::rows(&bodies, count, dim).transposed();
            let a = left(self.engine, a, &mut work.left);
            let b = Matrix::rows(&work.patches, count, patch * dim);
            let b = right(self.engine, b, &mut work.right);
            product(self.engine, &a, &b, Update::Add, weight, patch * dim);
            add_rows(self.engine, &bodies, bias);
        }
        work.weight.pack(self.engine, Matrix::rows(weights.weight, dim, patch * dim));
        work.patches.resize(count * patch * dim, 0.0);
        let rows = left(self.engine, Matrix::rows(&bodies, count, dim), &mut work.left);
        let tokens = &mut work.patches[..count * patch * dim];
        let weight = work.weight.right(self.engine);
        product(self.engine, &rows, &weight, Update::Set, tokens, patch * dim);
        let (mut token, mut state, mut done) = (0, 0, 0);
        for &length in lengths {
            if cls == 1 {
                below[token * dim..][..dim].copy_from_slice(&upstream[state * dim..][..dim]);
            }
            let body = length - cls;
            below[(token + cls) * dim..][..body * dim]
                .copy_from_slice(&tokens[done * patch * dim..][..body * dim]);
            token += length;
            state += self.shape.positions(length);
            done += body.div_ceil(patch);
        }
    }
}
