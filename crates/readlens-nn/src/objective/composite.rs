use candle_core::{Result, Tensor};

use super::{Frozen, Loss, LossWeights, MaskTraining, value};
use crate::batch::TokenBatch;
use crate::explained::Explained;
use crate::losses::{self, Uninformative};
use crate::masking;

/// A mask in both of its forms, `(batch, tokens)`.
struct Mask {
    /// What the classifier sees.
    seen: Tensor,
    /// What area and total variation act on.
    soft: Tensor,
}

/// The weighted sum of the terms. `logits`: `(batch, tokens, masks)`.
pub(super) fn loss(
    training: MaskTraining,
    weights: &LossWeights,
    frozen: &Frozen,
    logits: &Tensor,
    explained: &[Explained],
) -> Result<Loss> {
    let Frozen { batch, targets, .. } = *frozen;
    let (keep, row_weight) = (frozen.keep(), frozen.row_weight());
    let ranks = targets.len();
    let mut classification = Tensor::zeros((), logits.dtype(), logits.device())?;
    let mut area = classification.clone();
    let mut hard_area = 0.0;
    let mut variation = classification.clone();
    let finds_area = matches!(training, MaskTraining::Soft | MaskTraining::Threshold);
    let kinds = [
        ("entropy", Uninformative::Entropy, weights.entropy),
        ("uniform_kl", Uninformative::UniformKl, weights.uniform_kl),
    ];
    let kinds: Vec<_> = kinds.into_iter().filter(|(_, _, weight)| *weight > 0.0).collect();
    let mut inverse_terms = vec![classification.clone(); kinds.len()];
    for (output, of_output) in explained.iter().enumerate() {
        let logits = logits.narrow(2, output, 1)?.squeeze(2)?;
        let mask = mask_of(training, &logits, &keep, batch)?;
        let masked = frozen.under(&mask.seen)?;
        for rank in of_output.ranks(ranks) {
            let term = losses::cross_entropy(&masked[rank], &targets[rank])?;
            classification = (classification + term)?;
        }
        if !kinds.is_empty() {
            let inverse = frozen.under(&mask.seen.affine(-1.0, 1.0)?)?;
            for rank in of_output.ranks(ranks) {
                for ((_, kind, _), sum) in kinds.iter().zip(&mut inverse_terms) {
                    let term = losses::uninformative(&inverse[rank], *kind)?.sum_all()?;
                    *sum = (&*sum + (term * (row_weight / ranks as f64))?)?;
                }
            }
        }
        let weight = row_weight / explained.len() as f64;
        area = (area + (losses::area(&mask.soft, batch)?.sum_all()? * weight)?)?;
        if finds_area {
            let hard = logits.detach().gt(0.0)?.to_dtype(logits.dtype())?;
            hard_area += value(&losses::area(&hard, batch)?.sum_all()?)? * weight;
        }
        variation =
            (variation + (losses::total_variation(&mask.soft, batch)?.sum_all()? * weight)?)?;
    }
    let shape = ((&area * weights.area)? + (&variation * weights.total_variation)?)?;
    let mut total = (&classification + shape)?;
    let mut terms = vec![("classification", value(&classification)?)];
    for ((name, _, weight), term) in kinds.iter().zip(&inverse_terms) {
        total = (total + (term * *weight)?)?;
        terms.push((name, value(term)?));
    }
    terms.extend([("area", value(&area)?), ("total_variation", value(&variation)?)]);
    if finds_area {
        terms.push(("hard_area", hard_area));
    }
    Ok(Loss { total, terms })
}

fn mask_of(
    training: MaskTraining,
    logits: &Tensor,
    budgets: &[f64],
    batch: &TokenBatch,
) -> Result<Mask> {
    match training {
        MaskTraining::Soft => {
            let soft = candle_nn::ops::sigmoid(logits)?;
            Ok(Mask { seen: soft.clone(), soft })
        }
        MaskTraining::Threshold => {
            let soft = candle_nn::ops::sigmoid(logits)?;
            Ok(Mask { seen: masking::straight_through(&soft)?, soft })
        }
        MaskTraining::Budget { .. } => {
            let logits = masking::standardize(logits, batch)?;
            let kept = masking::keep_share(&logits, budgets, batch)?;
            Ok(Mask { seen: kept.hard, soft: kept.soft })
        }
    }
}
