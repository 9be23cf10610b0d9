//! From mask logits to the loss.

use candle_core::{D, DType, Result, Tensor};
use readlens_fit::Loss;
use readlens_nn::losses::{self, Uninformative};
use readlens_nn::masking;
use readlens_nn::{Classifier, Pass, TokenBatch};

use crate::config::{Config, HardMask};

/// What the masked predictions are compared with: class and weight of each row, per rank.
pub(crate) type Targets = Vec<(Vec<u32>, Vec<f64>)>;

/// Shares of a row's tokens to keep and to remove, each in `(0, 1]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budgets {
    pub(crate) keep: f64,
    pub(crate) remove: f64,
}

/// The frozen classifier with the rows of a shard and what it should say of them.
pub(crate) struct Frozen<'a> {
    pub(crate) classifier: &'a Classifier,
    pub(crate) batch: &'a TokenBatch,
    pub(crate) targets: &'a Targets,
}

impl Frozen<'_> {
    /// Logits per rank under `mask`, which is 1 on what is seen, `(batch, tokens)`.
    fn under(&self, mask: &Tensor) -> Result<Vec<Tensor>> {
        let mask = masking::complete(mask, self.batch)?;
        self.classifier.forward(self.batch, Some(&mask), &mut Pass::inference())
    }

    /// Weighted sum of the target's probability over the rows, at `rank`.
    fn probability(&self, logits: &Tensor, rank: usize) -> Result<Tensor> {
        let (classes, weights) = &self.targets[rank];
        let p = candle_nn::ops::softmax(logits, D::Minus1)?;
        let classes = Tensor::new(classes.as_slice(), logits.device())?.unsqueeze(1)?;
        let weights = Tensor::new(weights.as_slice(), logits.device())?.to_dtype(p.dtype())?;
        p.gather(&classes, 1)?.squeeze(1)?.mul(&weights)?.sum_all()
    }
}

fn value(t: &Tensor) -> Result<f64> {
    t.to_dtype(DType::F64)?.to_scalar::<f64>()
}

/// Mean squared difference between z-scores of the logits and `teacher`, both `(batch, tokens, masks)`, over real
/// tokens, rows and masks.
pub(crate) fn distillation(
    batch: &TokenBatch,
    logits: &Tensor,
    teacher: &Tensor,
    share_of_batch: f64,
) -> Result<Loss> {
    let masks = logits.dim(2)?;
    let mut total = Tensor::zeros((), DType::F32, logits.device())?;
    for output in 0..masks {
        let of = |x: &Tensor| x.narrow(2, output, 1)?.squeeze(2);
        let scores = masking::standardize(&of(logits)?, batch)?;
        let difference = (scores - of(teacher)?)?.sqr()?;
        let mean = losses::area(&difference, batch)?.sum_all()?;
        total = (total + (mean * (share_of_batch / masks as f64))?)?;
    }
    let terms = vec![("distillation", value(&total)?)];
    Ok(Loss { total, terms })
}

/// `(1 − p | keep) + (p | remove)` of the target's probability, the mean over rows and ranks.
pub(crate) fn keep_and_remove(
    frozen: &Frozen,
    logits: &Tensor,
    budgets: &[Budgets],
) -> Result<Loss> {
    let (masks, ranks) = (logits.dim(2)?, frozen.targets.len());
    let keep: Vec<f64> = budgets.iter().map(|b| b.keep).collect();
    let remove: Vec<f64> = budgets.iter().map(|b| b.remove).collect();
    let mut kept = Tensor::zeros((), DType::F32, logits.device())?;
    let mut removed = kept.clone();
    let mut whole = 0.0;
    for output in 0..masks {
        let scores = logits.narrow(2, output, 1)?.squeeze(2)?;
        let scores = masking::standardize(&scores, frozen.batch)?;
        let seen = masking::keep_share(&scores, &keep, frozen.batch)?.hard;
        let hidden = masking::keep_share(&scores, &remove, frozen.batch)?.hard;
        let with = frozen.under(&seen)?;
        let without = frozen.under(&hidden.affine(-1.0, 1.0)?)?;
        let explained = if masks == 1 { 0..ranks } else { output..output + 1 };
        for rank in explained {
            kept = (kept + frozen.probability(&with[rank], rank)?)?;
            removed = (removed + frozen.probability(&without[rank], rank)?)?;
            whole += frozen.targets[rank].1.iter().sum::<f64>();
        }
    }
    let terms = vec![("kept", value(&kept)?), ("removed", value(&removed)?)];
    let total = ((removed - kept)? + whole)?;
    Ok(Loss { total, terms })
}

/// A mask in both of its forms, `(batch, tokens)`.
struct Mask {
    /// What the classifier sees.
    seen: Tensor,
    /// What area and total variation act on.
    soft: Tensor,
}

/// The composite loss of a shard; `share_of_batch` is 1 over the rows of the whole batch, so that shards
/// add up. `logits`: `(batch, tokens, masks)`.
pub(crate) fn composite(
    config: &Config,
    frozen: &Frozen,
    logits: &Tensor,
    budgets: &[Budgets],
    share_of_batch: f64,
) -> Result<Loss> {
    let Frozen { batch, targets, .. } = *frozen;
    let keep: Vec<f64> = budgets.iter().map(|b| b.keep).collect();
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
        let mask = mask_of(config.mask, &logits.narrow(2, output, 1)?.squeeze(2)?, &keep, batch)?;
        // One mask explains all ranks; otherwise each explains its own.
        let explained = if masks == 1 { 0..ranks } else { output..output + 1 };
        let masked = frozen.under(&mask.seen)?;
        for rank in explained.clone() {
            let (classes, weights) = &targets[rank];
            classification =
                (classification + losses::cross_entropy(&masked[rank], classes, weights)?)?;
        }
        if !kinds.is_empty() {
            let inverse = frozen.under(&mask.seen.affine(-1.0, 1.0)?)?;
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
