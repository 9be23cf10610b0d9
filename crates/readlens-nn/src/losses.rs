//! The composite loss of Stalder et al. 2022 and Berman et al. 2026, term by term.
//!
//! Every function returns one value per row or a sum over rows, so that a batch split over
//! threads adds up to the same loss; the caller brings the weights.

use candle_core::{D, Result, Tensor};

use crate::batch::TokenBatch;
use crate::targets::Targets;

/// Weighted cross-entropy, `Σᵢ wᵢ (−ln p(yᵢ))`, a scalar. `logits`: `(batch, taxa)`; `targets`: one
/// per row.
///
/// # Errors
/// Shapes differ.
pub fn cross_entropy(logits: &Tensor, targets: &Targets) -> Result<Tensor> {
    smoothed_cross_entropy(logits, targets, 0.0)
}

/// [`cross_entropy`] with the share `smoothing` of every target spread over all taxa alike
/// (Szegedy et al. 2016, section 7).
///
/// # Errors
/// Shapes differ.
pub fn smoothed_cross_entropy(
    logits: &Tensor,
    targets: &Targets,
    smoothing: f64,
) -> Result<Tensor> {
    let Targets { classes, weights } = targets;
    let device = logits.device();
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let classes = Tensor::new(classes.as_slice(), device)?.unsqueeze(1)?;
    let weights = Tensor::new(weights.as_slice(), device)?.to_dtype(logits.dtype())?;
    let mut of_target = log_p.gather(&classes, 1)?.squeeze(1)?;
    if smoothing > 0.0 {
        of_target = ((of_target * (1.0 - smoothing))? + (log_p.mean(D::Minus1)? * smoothing)?)?;
    }
    of_target.mul(&weights)?.sum_all()?.neg()
}

/// How a prediction is pushed towards saying nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uninformative {
    /// `1 − H(p) / ln K`: 0 for a uniform prediction, 1 for a certain one. The paper's term; its
    /// gradient vanishes where the prediction is certain.
    Entropy,
    /// `KL(u ‖ p) / ln K` with `u` uniform: the same optimum, with a gradient everywhere.
    UniformKl,
}

/// The chosen term per row, `(batch)`. `logits`: `(batch, taxa)`; 0 for a rank of one taxon.
///
/// # Errors
/// Shapes differ.
pub fn uninformative(logits: &Tensor, kind: Uninformative) -> Result<Tensor> {
    let (rows, taxa) = logits.dims2()?;
    if taxa < 2 {
        return Tensor::zeros(rows, logits.dtype(), logits.device());
    }
    let most = (taxa as f64).ln();
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    match kind {
        Uninformative::Entropy => {
            let entropy = log_p.exp()?.mul(&log_p)?.sum(D::Minus1)?;
            entropy.affine(1.0 / most, 1.0)
        }
        Uninformative::UniformKl => log_p.mean(D::Minus1)?.affine(-1.0 / most, -1.0),
    }
}

/// Mean mask value over the real tokens of each row, `(batch)` in `[0, 1]`.
///
/// # Errors
/// Shapes differ.
pub fn area(mask: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
    mean_over(mask, &batch.maskable)
}

/// Mean absolute difference between neighbouring mask values (total variation).
///
/// `mask`: `(batch, tokens)` in `[0, 1]`. Pairs touching CLS or padding are left out. Returns
/// `(batch)` in `[0, 1]`, averaged over the pairs of the row; 0 means a constant mask, and also
/// a row of fewer than two real tokens. Source: Rudin, Osher & Fatemi 1992, eq. 2.1, in one
/// dimension.
///
/// # Errors
/// Shapes differ.
pub fn total_variation(mask: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
    let tokens = mask.dim(1)?;
    if tokens < 2 {
        return Tensor::zeros(mask.dim(0)?, mask.dtype(), mask.device());
    }
    let pair = |x: &Tensor| {
        Ok::<_, candle_core::Error>((x.narrow(1, 1, tokens - 1)?, x.narrow(1, 0, tokens - 1)?))
    };
    let (right, left) = pair(mask)?;
    let (right_valid, left_valid) = pair(&batch.maskable)?;
    mean_over(&(right - left)?.abs()?, &(right_valid * left_valid)?)
}

fn mean_over(values: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let total = (values * weights)?.sum(D::Minus1)?;
    total / weights.sum(D::Minus1)?.maximum(1.0)?
}
