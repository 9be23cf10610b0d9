//! A mask optimised for each window alone, with the aim of DiffMask (De Cao et al. 2020): the kept
//! tokens must keep the prediction and the removed ones must not, with as few tokens kept as
//! possible.
//!
//! Hard masks go forward and the gradient of their sigmoids comes back, as in the Explainer's
//! training: soft masks would only be scaled down, which a layer norm undoes.

use candle_core::{D, Result, Tensor, Var};
use readlens_batch::for_each_batch;
use readlens_nn::{Classifier, Explained, Pass, TokenBatch, WindowTokens, losses, masking};

use crate::objective::{Objective, Scores, real_values};
use crate::settings::OptimizedMask;

/// Logit of every token before the first step: all are kept.
const START: f32 = 1.0;
/// Adam's decay rates and the term under its root (Kingma & Ba 2015).
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;
/// Added to a class's logit to leave it out of a sum.
const LEFT_OUT: f64 = -1e9;

/// The logits after the last step.
pub(super) fn scores(
    objective: &Objective<'_>,
    optimization: OptimizedMask,
) -> readlens_fault::Result<Scores> {
    objective.check_interrupt()?;
    let windows = objective.windows();
    let passes = 2 * optimization.steps * windows.len() * objective.outputs().len();
    objective.count(passes, passes);
    let rows: Vec<WindowTokens> = windows.iter().map(|window| window.tokens).collect();
    let classifier = objective.network()?;
    let scores =
        for_each_batch(&rows, classifier.device(), "optimising masks", |batch, indices| {
            let mut scores: Vec<Vec<Vec<f64>>> = vec![Vec::new(); indices.len()];
            for &output in objective.outputs() {
                let logits =
                    optimize((objective, classifier), batch, indices, output, optimization)?;
                for (scores, logits) in
                    scores.iter_mut().zip(real_values(&logits, batch, &rows, indices)?)
                {
                    scores.push(logits.into_iter().map(f64::from).collect());
                }
            }
            Ok(scores)
        })?;
    // An interrupt ends the optimisation early.
    objective.check_interrupt()?;
    Ok(scores)
}

/// Logits `(batch, tokens)` of the masks of one output.
fn optimize(
    (objective, classifier): (&Objective<'_>, &Classifier),
    batch: &TokenBatch,
    windows: &[usize],
    output: Explained,
    optimization: OptimizedMask,
) -> Result<Tensor> {
    let device = classifier.device();
    let shape = batch.dims()?;
    let mut logits = vec![START; shape.0 * shape.1];
    let mut moments = vec![[0f64; 2]; logits.len()];
    for step in 1..=optimization.steps {
        if objective.check_interrupt().is_err() {
            break;
        }
        let variable = Var::from_tensor(&Tensor::from_slice(&logits, shape, device)?)?;
        let soft = candle_nn::ops::sigmoid(variable.as_tensor())?;
        let area = losses::area(&soft, batch)?.sum_all()?;
        let kept = masking::straight_through(&soft)?;
        let loss = (misfit((objective, classifier), batch, &kept, windows, output)?
            + (area * optimization.area_weight)?)?;
        let gradients = loss.backward()?;
        let Some(gradient) = gradients.get(&variable) else {
            candle_core::bail!("no gradient has reached the mask");
        };
        let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
        let corrections = BETAS.map(|beta| 1.0 - beta.powi(step as i32));
        for ((logit, moments), gradient) in logits.iter_mut().zip(&mut moments).zip(gradient) {
            let gradient = f64::from(gradient);
            for ((moment, beta), seen) in
                moments.iter_mut().zip(BETAS).zip([gradient, gradient * gradient])
            {
                *moment = beta * *moment + (1.0 - beta) * seen;
            }
            let root = (moments[1] / corrections[1]).sqrt() + EPSILON;
            let move_by = optimization.learning_rate * moments[0] / corrections[0] / root;
            *logit = (f64::from(*logit) - move_by) as f32;
        }
    }
    Tensor::from_vec(logits, shape, device)
}

/// `−ln p(target)` of the kept tokens plus `−ln(1 − p(target))` of the removed ones, the mean over
/// the output's ranks, summed over rows.
fn misfit(
    (objective, classifier): (&Objective<'_>, &Classifier),
    batch: &TokenBatch,
    kept: &Tensor,
    windows: &[usize],
    output: Explained,
) -> Result<Tensor> {
    let forward = |mask: &Tensor| classifier.forward(batch, Some(mask), &mut Pass::inference());
    let of_kept = forward(&masking::complete(kept, batch)?)?;
    let of_removed = forward(&masking::complete_inverse(kept, batch)?)?;
    let ranks = objective.ranks(output);
    let weight = 1.0 / ranks.len() as f64;
    let mut sum: Option<Tensor> = None;
    for rank in ranks {
        let targets = objective.targets(windows, rank, kept.device())?;
        let log_p = candle_nn::ops::log_softmax(&of_kept[rank], D::Minus1)?.gather(&targets, 1)?;
        let mut term = log_p.sum_all()?.neg()?;
        // With one taxon there is nothing else to say.
        if of_removed[rank].dim(1)? > 1 {
            term = (term - log_of_others(&of_removed[rank], &targets)?.sum_all()?)?;
        }
        let term = (term * weight)?;
        sum = Some(match sum {
            None => term,
            Some(sum) => (sum + term)?,
        });
    }
    sum.ok_or_else(|| candle_core::Error::msg("a classifier without ranks"))
}

/// `ln(1 − p(target))`, `(batch, 1)`, which does not vanish where `p` is 1 in f32.
fn log_of_others(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let left_out = Tensor::full(LEFT_OUT as f32, targets.shape(), logits.device())?;
    let left_out = logits.zeros_like()?.detach().scatter_add(targets, &left_out, 1)?;
    log_sum(&(logits + left_out)?)? - log_sum(logits)?
}

/// `ln Σ exp`, `(batch, 1)`.
fn log_sum(logits: &Tensor) -> Result<Tensor> {
    let largest = logits.detach().max_keepdim(D::Minus1)?;
    logits.broadcast_sub(&largest)?.exp()?.sum_keepdim(D::Minus1)?.log()? + largest
}
