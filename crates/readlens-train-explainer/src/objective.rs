//! From mask logits to the loss.

use candle_core::{DType, Result, Tensor};
use readlens_fit::Loss;
use readlens_nn::losses::{self, Uninformative};
use readlens_nn::masking;
use readlens_nn::{Classifier, Pass, TokenBatch};

use crate::config::{Config, HardMask};

/// What the masked predictions are compared with: class and weight of each row, per rank.
pub(crate) type Targets = Vec<(Vec<u32>, Vec<f64>)>;

/// A mask in both of its forms, `(batch, tokens)`.
struct Mask {
    /// What the classifier sees.
    seen: Tensor,
    /// What area and total variation act on.
    soft: Tensor,
}

/// The loss of a shard; `share_of_batch` is 1 over the rows of the whole batch, so that shards
/// add up. `logits`: `(batch, tokens, masks)`.
pub(crate) fn loss(
    config: &Config,
    classifier: &Classifier,
    batch: &TokenBatch,
    logits: &Tensor,
    budgets: &[f64],
    targets: &Targets,
    share_of_batch: f64,
) -> Result<Loss> {
    let weights = &config.weights;
    let masks = logits.dim(2)?;
    let ranks = targets.len();
    let mut classification = Tensor::zeros((), DType::F32, logits.device())?;
    let mut area = classification.clone();
    let mut variation = classification.clone();
    let kinds = [
        ("entropy", Uninformative::Entropy, weights.entropy),
        ("uniform_kl", Uninformative::UniformKl, weights.uniform_kl),
    ];
    let kinds: Vec<_> = kinds.into_iter().filter(|(_, _, weight)| *weight > 0.0).collect();
    let mut inverse_terms = vec![classification.clone(); kinds.len()];
    for output in 0..masks {
        let mask = mask_of(config.mask, &logits.narrow(2, output, 1)?.squeeze(2)?, budgets, batch)?;
        // One mask explains all ranks; otherwise each explains its own.
        let explained = if masks == 1 { 0..ranks } else { output..output + 1 };
        let off = &mut Pass::inference();
        let kept = masking::complete(&mask.seen, batch)?;
        let masked = classifier.forward(batch, Some(&kept), off)?;
        for rank in explained.clone() {
            let (classes, weights) = &targets[rank];
            classification =
                (classification + losses::cross_entropy(&masked[rank], classes, weights)?)?;
        }
        if !kinds.is_empty() {
            let hidden = masking::complete_inverse(&mask.seen, batch)?;
            let inverse = classifier.forward(batch, Some(&hidden), off)?;
            for rank in explained {
                for ((_, kind, _), sum) in kinds.iter().zip(&mut inverse_terms) {
                    let term = losses::uninformative(&inverse[rank], *kind)?.sum_all()?;
                    *sum = (&*sum + (term * (share_of_batch / ranks as f64))?)?;
                }
            }
        }
        let share = share_of_batch / masks as f64;
        area = (area + (losses::area(&mask.soft, batch)?.sum_all()? * share)?)?;
        variation =
            (variation + (losses::total_variation(&mask.soft, batch)?.sum_all()? * share)?)?;
    }
    let shape = ((&area * weights.area)? + (&variation * weights.total_variation)?)?;
    let mut total = (&classification + shape)?;
    let value = |t: &Tensor| t.to_dtype(DType::F64)?.to_scalar::<f64>();
    // Curves show the terms themselves, before their weights.
    let mut terms = vec![("classification", value(&classification)?)];
    for ((name, _, weight), term) in kinds.iter().zip(&inverse_terms) {
        total = (total + (term * *weight)?)?;
        terms.push((name, value(term)?));
    }
    terms.extend([("area", value(&area)?), ("total_variation", value(&variation)?)]);
    Ok(Loss { total, terms })
}

fn mask_of(kind: HardMask, logits: &Tensor, budgets: &[f64], batch: &TokenBatch) -> Result<Mask> {
    match kind {
        HardMask::Soft => {
            let soft = candle_nn::ops::sigmoid(logits)?;
            Ok(Mask { seen: soft.clone(), soft })
        }
        HardMask::Threshold => {
            let soft = candle_nn::ops::sigmoid(logits)?;
            Ok(Mask { seen: masking::straight_through(&soft)?, soft })
        }
        HardMask::Budget { .. } => {
            let logits = masking::standardize(logits, batch)?;
            let kept = masking::keep_share(&logits, budgets, batch)?;
            Ok(Mask { seen: kept.hard, soft: kept.soft })
        }
    }
}
