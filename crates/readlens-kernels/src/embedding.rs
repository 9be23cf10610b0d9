//! Token and position embedding under a mask, and its layer norm.

use crate::norm::{layer_norm, layer_norm_gradient, layer_norm_weight_gradient};
use crate::vectorized::{lane_sum, vectorized};
use crate::{Affine, Engine};

/// Where a mask m is multiplied into the embedding E of a token at position P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskSite {
    /// `m E + P`.
    Embedding,
    /// `m E + (1 − m) Ē + P` with `Ē` the mean embedding of the ids from `first` on.
    Mean {
        /// First id that counts.
        first: usize,
    },
    /// `m (E + P)`.
    Sum,
    /// `m LN(E + P)`.
    Norm,
}

/// Rows that are embedded together.
const ROWS: usize = 64;

/// The tensors of the embedding.
#[derive(Clone, Copy)]
pub(crate) struct Embedding<'a> {
    pub(crate) engine: Engine,
    pub(crate) dim: usize,
    pub(crate) site: MaskSite,
    pub(crate) token: &'a [f32],
    pub(crate) position: &'a [f32],
    pub(crate) norm: Option<Affine<&'a [f32]>>,
}

/// The tokens of ragged sequences.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// Ids of all sequences, one after the other.
    pub ids: &'a [u32],
    /// Tokens of each sequence.
    pub lengths: &'a [usize],
    /// One factor per token; none leaves the input whole.
    pub mask: Option<&'a [f32]>,
}

impl Tokens<'_> {
    /// Position of each token in its sequence.
    fn positions(&self) -> Vec<usize> {
        self.lengths.iter().flat_map(|&length| 0..length).collect()
    }
}

/// Gradients of the embedding's tensors and of the mask, to be added to.
pub(crate) struct EmbeddingGradients<'a> {
    pub(crate) token: Option<&'a mut [f32]>,
    pub(crate) position: Option<&'a mut [f32]>,
    pub(crate) norm: Option<Affine<&'a mut [f32]>>,
    pub(crate) mask: Option<&'a mut [f32]>,
}

impl Embedding<'_> {
    fn token(&self, id: u32) -> &[f32] {
        &self.token[id as usize * self.dim..][..self.dim]
    }

    fn position(&self, position: usize) -> &[f32] {
        &self.position[position * self.dim..][..self.dim]
    }

    /// The mean embedding, where the site needs it.
    fn mean(&self, is_masked: bool) -> Vec<f32> {
        let (MaskSite::Mean { first }, true) = (self.site, is_masked) else {
            return vec![0.0; self.dim];
        };
        let mut mean = vec![0f32; self.dim];
        let rows = &self.token[first * self.dim..];
        crate::rows::add_rows(self.engine, rows, &mut mean);
        let count = (rows.len() / self.dim) as f32;
        mean.iter_mut().for_each(|value| *value /= count);
        mean
    }

    /// What the norm sees, for the tokens from `first` on.
    fn sums(
        &self,
        tokens: Tokens,
        positions: &[usize],
        mean: &[f32],
        first: usize,
        out: &mut [f32],
    ) {
        for (row, out) in out.chunks_exact_mut(self.dim).enumerate() {
            let (e, p) =
                (self.token(tokens.ids[first + row]), self.position(positions[first + row]));
            let m = tokens.mask.map_or(1.0, |mask| mask[first + row]);
            let pairs = out.iter_mut().zip(e).zip(p);
            match self.site {
                MaskSite::Embedding => pairs.for_each(|((out, e), p)| *out = m * e + p),
                MaskSite::Sum => pairs.for_each(|((out, e), p)| *out = m * (e + p)),
                MaskSite::Norm => pairs.for_each(|((out, e), p)| *out = e + p),
                MaskSite::Mean { .. } => pairs
                    .zip(mean)
                    .for_each(|(((out, e), p), mean)| *out = m * e + (1.0 - m) * mean + p),
            }
        }
    }

    /// `out` receives tokens × dim.
    pub(crate) fn forward(&self, tokens: Tokens, out: &mut [f32]) {
        let (dim, engine) = (self.dim, self.engine);
        let (positions, mean) = (tokens.positions(), self.mean(tokens.mask.is_some()));
        let mut sums = vec![0f32; ROWS * dim];
        for (block, out) in out.chunks_mut(ROWS * dim).enumerate() {
            let first = block * ROWS;
            let Some(norm) = self.norm else {
                self.sums(tokens, &positions, &mean, first, out);
                self.after_norm(tokens, first, out);
                continue;
            };
            let sums = &mut sums[..out.len()];
            self.sums(tokens, &positions, &mean, first, sums);
            layer_norm(engine, sums, norm, out, &mut [[0.0; 2]; ROWS][..out.len() / dim]);
            self.after_norm(tokens, first, out);
        }
    }

    fn after_norm(&self, tokens: Tokens, first: usize, out: &mut [f32]) {
        if let (MaskSite::Norm, Some(mask)) = (self.site, tokens.mask) {
            for (row, m) in out.chunks_exact_mut(self.dim).zip(&mask[first..]) {
                row.iter_mut().for_each(|value| *value *= m);
            }
        }
    }

    /// From the gradient of the output (changed on the way) to those of the tensors and the mask.
    pub(crate) fn backward(
        &self,
        tokens: Tokens,
        upstream: &mut [f32],
        gradients: &mut EmbeddingGradients,
    ) {
        let (dim, engine) = (self.dim, self.engine);
        let (positions, mean) = (tokens.positions(), self.mean(tokens.mask.is_some()));
        let (mut sums, mut normal) = (vec![0f32; ROWS * dim], vec![0f32; ROWS * dim]);
        let mut below = vec![0f32; ROWS * dim];
        let mut mean_gradient = vec![0f32; dim];
        let has_mean = matches!(self.site, MaskSite::Mean { .. }) && gradients.token.is_some();
        for (block, upstream) in upstream.chunks_mut(ROWS * dim).enumerate() {
            let first = block * ROWS;
            let (sums, normal) = (&mut sums[..upstream.len()], &mut normal[..upstream.len()]);
            let below = &mut below[..upstream.len()];
            self.sums(tokens, &positions, &mean, first, sums);
            let mut statistics = [[0f32; 2]; ROWS];
            let statistics = &mut statistics[..upstream.len() / dim];
            match self.norm {
                Some(norm) => layer_norm(engine, sums, norm, normal, statistics),
                None => normal.copy_from_slice(sums),
            }
            if let (MaskSite::Norm, Some(mask)) = (self.site, tokens.mask) {
                if let Some(gradient) = &mut gradients.mask {
                    dot_rows(engine, normal, upstream, dim, &mut gradient[first..]);
                }
                for (row, m) in upstream.chunks_exact_mut(dim).zip(&mask[first..]) {
                    row.iter_mut().for_each(|value| *value *= m);
                }
            }
            match self.norm {
                Some(norm) => {
                    if let Some(Affine { weight, bias }) = &mut gradients.norm {
                        layer_norm_weight_gradient(
                            engine, sums, statistics, upstream, weight, bias,
                        );
                    }
                    below.fill(0.0);
                    layer_norm_gradient(engine, sums, statistics, norm.weight, upstream, below);
                }
                None => below.copy_from_slice(upstream),
            }
            for (row, below) in below.chunks_exact(dim).enumerate() {
                let (id, position) = (tokens.ids[first + row], positions[first + row]);
                let m = tokens.mask.map_or(1.0, |mask| mask[first + row]);
                if let Some(gradient) = &mut gradients.mask {
                    let (e, p) = (self.token(id), self.position(position));
                    let slope = match self.site {
                        MaskSite::Embedding => dot(engine, below, e),
                        MaskSite::Mean { .. } => dot(engine, below, e) - dot(engine, below, &mean),
                        MaskSite::Sum => dot(engine, below, e) + dot(engine, below, p),
                        MaskSite::Norm => 0.0,
                    };
                    gradient[first + row] += slope;
                }
                let of_token = if self.site == MaskSite::Norm { 1.0 } else { m };
                let of_position = if self.site == MaskSite::Sum { m } else { 1.0 };
                if let Some(gradient) = &mut gradients.token {
                    let gradient = &mut gradient[id as usize * dim..][..dim];
                    gradient.iter_mut().zip(below).for_each(|(sum, g)| *sum += of_token * g);
                }
                if let Some(gradient) = &mut gradients.position {
                    let gradient = &mut gradient[position * dim..][..dim];
                    gradient.iter_mut().zip(below).for_each(|(sum, g)| *sum += of_position * g);
                }
                if has_mean {
                    mean_gradient.iter_mut().zip(below).for_each(|(sum, g)| *sum += (1.0 - m) * g);
                }
            }
        }
        if let (MaskSite::Mean { first }, Some(gradient)) = (self.site, &mut gradients.token) {
            let rows = &mut gradient[first * dim..];
            let count = (rows.len() / dim) as f32;
            for row in rows.chunks_exact_mut(dim) {
                row.iter_mut().zip(&mean_gradient).for_each(|(sum, g)| *sum += g / count);
            }
        }
    }
}

vectorized! {
    /// `Σ a b`.
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        lane_sum!((x, y) in (a, b) => x * y)
    }

    /// `sums[row] += Σ a b` over each row.
    fn dot_rows(a: &[f32], b: &[f32], width: usize, sums: &mut [f32]) {
        for ((a, b), sum) in a.chunks_exact(width).zip(b.chunks_exact(width)).zip(sums) {
            *sum += lane_sum!((x, y) in (a, b) => x * y);
        }
    }
}
