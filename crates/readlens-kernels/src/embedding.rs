//! Token and position embedding under a mask, and its layer norm.

use serde::{Deserialize, Serialize};

use crate::norm::{layer_norm, layer_norm_gradient, layer_norm_weight_gradient};
use crate::vectorized::{lane_sum, vectorized};
use crate::{Affine, Engine};

/// What a mask `m` makes of the embedding `E` of a token, before its position is added.
///
/// Both act before the embedding's layer norm on the token alone. A layer norm undoes any scaling
/// of its whole input, so a mask on token and position together would act only near zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskSite {
    /// `m E`: hidden tokens lose their embedding and keep their position. The paper's product.
    #[default]
    Embedding,
    /// `m E + (1 − m) Ē` with `Ē` the mean embedding of all k-mers: hidden tokens look average.
    Mean,
}

/// Rows that are embedded together.
const ROWS: usize = 64;

/// The tensors of the embedding.
#[derive(Clone, Copy)]
pub(crate) struct Embedding<'a> {
    pub(crate) engine: Engine,
    pub(crate) dim: usize,
    pub(crate) site: MaskSite,
    /// First token id that is a k-mer; the mean embedding is over the ids from here on.
    pub(crate) first_kmer: usize,
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
        let mut mean = vec![0f32; self.dim];
        if self.site == MaskSite::Embedding || !is_masked {
            return mean;
        }
        let rows = &self.token[self.first_kmer * self.dim..];
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
                MaskSite::Mean => pairs
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
                continue;
            };
            let sums = &mut sums[..out.len()];
            self.sums(tokens, &positions, &mean, first, sums);
            layer_norm(engine, sums, norm, out, &mut [[0.0; 2]; ROWS][..out.len() / dim]);
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
        let has_mean = self.site == MaskSite::Mean && gradients.token.is_some();
        for (block, upstream) in upstream.chunks_mut(ROWS * dim).enumerate() {
            let first = block * ROWS;
            let (sums, normal) = (&mut sums[..upstream.len()], &mut normal[..upstream.len()]);
            let below = &mut below[..upstream.len()];
            self.sums(tokens, &positions, &mean, first, sums);
            let mut statistics = [[0f32; 2]; ROWS];
            let statistics = &mut statistics[..upstream.len() / dim];
            if let Some(norm) = self.norm {
                layer_norm(engine, sums, norm, normal, statistics);
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
                    let slope = dot(engine, below, self.token(id));
                    gradient[first + row] += match self.site {
                        MaskSite::Embedding => slope,
                        MaskSite::Mean => slope - dot(engine, below, &mean),
                    };
                }
                if let Some(gradient) = &mut gradients.token {
                    let gradient = &mut gradient[id as usize * dim..][..dim];
                    gradient.iter_mut().zip(below).for_each(|(sum, g)| *sum += m * g);
                }
                if let Some(gradient) = &mut gradients.position {
                    let gradient = &mut gradient[position * dim..][..dim];
                    gradient.iter_mut().zip(below).for_each(|(sum, g)| *sum += g);
                }
                if has_mean {
                    mean_gradient.iter_mut().zip(below).for_each(|(sum, g)| *sum += (1.0 - m) * g);
                }
            }
        }
        if let (MaskSite::Mean, Some(gradient)) = (self.site, &mut gradients.token) {
            let rows = &mut gradient[self.first_kmer * dim..];
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
}
