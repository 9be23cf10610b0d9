//! Masks as the classifier wants them, and hard masks with soft gradients.

use candle_core::{D, DType, Result, Tensor};

use crate::batch::TokenBatch;
use crate::selection::Selection;

/// A mask as the classifier wants it: `values` on real tokens, 1 on CLS, 0 on padding.
///
/// `values`: `(batch, tokens)` in `[0, 1]`; what it says on CLS and padding is ignored.
///
/// # Errors
/// Shapes differ.
pub fn complete(values: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
    let exempt = (&batch.present - &batch.maskable)?;
    (values * &batch.maskable)? + exempt
}

/// The complement of `values` on real tokens, completed like [`complete`].
///
/// # Errors
/// Shapes differ.
pub fn complete_inverse(values: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
    complete(&values.affine(-1.0, 1.0)?, batch)
}

/// `1[values > 1/2]` forward, the gradient of `values` backward (Bengio et al. 2013, the
/// straight-through estimator).
///
/// # Errors
/// candle refuses the operation.
pub fn straight_through(values: &Tensor) -> Result<Tensor> {
    let hard = values.detach().gt(0.5)?.to_dtype(values.dtype())?;
    pass_gradient(&hard, values)
}

/// `hard` forward, the gradient of `soft` backward.
fn pass_gradient(hard: &Tensor, soft: &Tensor) -> Result<Tensor> {
    hard.detach() + (soft - soft.detach())?
}

/// A budgeted mask: of row i's real tokens, the fraction `shares[i]` with the largest logits.
#[derive(Debug)]
pub struct Budgeted {
    /// 1 on the kept tokens forward, the gradient of `soft` backward; `(batch, tokens)`.
    pub hard: Tensor,
    /// `sigmoid(logits - threshold)` with the threshold halfway between the last token kept and
    /// the first one hidden, so that kept tokens are those above 1/2; `(batch, tokens)`.
    pub soft: Tensor,
}

/// Keeps a stated fraction of each row's real tokens.
///
/// `logits`: `(batch, tokens)`; `shares`: one in `(0, 1]` per row. At least one token is kept;
/// ties go to the earlier token.
///
/// # Errors
/// Shapes differ.
pub fn keep_share(logits: &Tensor, shares: &[f64], batch: &TokenBatch) -> Result<Budgeted> {
    let (rows, tokens) = logits.dims2()?;
    let values: Vec<Vec<f32>> = logits.detach().to_dtype(DType::F32)?.to_vec2()?;
    let maskable: Vec<Vec<f32>> = batch.maskable.to_dtype(DType::F32)?.to_vec2()?;
    let mut hard = vec![0f32; rows * tokens];
    let mut thresholds = Vec::with_capacity(rows);
    for (row, share) in shares.iter().enumerate() {
        let order = rank_tokens(&values[row], &maskable[row]);
        let kept = count_of(*share, order.len());
        for &token in &order[..kept] {
            hard[row * tokens + token] = 1.0;
        }
        thresholds.push(threshold(&values[row], &order, kept));
    }
    let device = logits.device();
    let hard = Tensor::from_vec(hard, (rows, tokens), device)?.to_dtype(logits.dtype())?;
    let thresholds = Tensor::from_vec(thresholds, (rows, 1), device)?.to_dtype(logits.dtype())?;
    let soft = candle_nn::ops::sigmoid(&logits.broadcast_sub(&thresholds)?)?;
    Ok(Budgeted { hard: pass_gradient(&hard, &soft)?, soft })
}

/// The soft and the hard mask of one row at inference.
///
/// `logits`: one per real token. A fraction keeps the largest logits, and the soft mask is then
/// `sigmoid(z − threshold)` of their z-scores, so that in both ways exactly the tokens above 1/2
/// are read, up to ties at the threshold, which go to the earlier token.
pub fn select(logits: &[f32], selection: Selection) -> (Vec<f32>, Vec<bool>) {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    match selection {
        Selection::Threshold => {
            let hard = logits.iter().map(|&x| x > 0.0).collect();
            (logits.iter().map(|&x| sigmoid(x)).collect(), hard)
        }
        Selection::Share { share } => {
            let scores = z_scores(logits);
            let order = rank_tokens(&scores, &vec![1.0; scores.len()]);
            let kept = count_of(share, order.len());
            let threshold = threshold(&scores, &order, kept);
            let mut hard = vec![false; logits.len()];
            order[..kept].iter().for_each(|&token| hard[token] = true);
            (scores.iter().map(|&x| sigmoid(x - threshold)).collect(), hard)
        }
    }
}

/// Number of tokens that make up `share` of `tokens`: the nearest, but at least one of any.
pub fn count_of(share: f64, tokens: usize) -> usize {
    ((share * tokens as f64).round() as usize).clamp(1.min(tokens), tokens)
}

/// Real tokens from the largest value to the smallest, ties in token order.
fn rank_tokens(values: &[f32], maskable: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&t| maskable[t] > 0.0).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// Halfway between the last kept and the first hidden value.
fn threshold(values: &[f32], order: &[usize], kept: usize) -> f32 {
    match (kept.checked_sub(1).and_then(|last| order.get(last)), order.get(kept)) {
        (Some(&last), Some(&next)) => f32::midpoint(values[last], values[next]),
        // Everything is kept: any threshold below the smallest value.
        (Some(&last), None) => values[last] - 1.0,
        (None, _) => 0.0,
    }
}

/// Logits as z-scores over the real tokens of the row: mean 0, standard deviation 1.
///
/// A budgeted mask needs only their order; the fixed scale keeps `sigmoid(logit − threshold)`
/// from saturating, so that every token goes on being heard. Differentiable.
///
/// # Errors
/// Shapes differ.
pub fn standardize(logits: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
    let count = batch.maskable.sum_keepdim(D::Minus1)?.maximum(1.0)?;
    let mean = ((logits * &batch.maskable)?.sum_keepdim(D::Minus1)? / &count)?;
    let centred = (logits.broadcast_sub(&mean)? * &batch.maskable)?;
    let variance = (centred.sqr()?.sum_keepdim(D::Minus1)? / &count)?;
    centred.broadcast_div(&(variance + VARIANCE_FLOOR)?.sqrt()?)
}

/// Keeps constant logits from being divided by zero.
const VARIANCE_FLOOR: f64 = 1e-6;

/// [`standardize`] for one row at inference.
pub fn z_scores(logits: &[f32]) -> Vec<f32> {
    let n = logits.len().max(1) as f32;
    let mean = logits.iter().sum::<f32>() / n;
    let variance = logits.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
    let scale = (variance + VARIANCE_FLOOR as f32).sqrt();
    logits.iter().map(|x| (x - mean) / scale).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use candle_core::{Device, Var};

    fn batch() -> TokenBatch {
        TokenBatch::unframed(&[&[2, 7, 8, 9, 10], &[2, 7, 8]], DType::F32, &Device::Cpu).unwrap()
    }

    #[test]
    fn cls_is_exempt_and_padding_stays_out() {
        let batch = batch();
        let half = Tensor::full(0.25f32, (2, 5), &Device::Cpu).unwrap();
        let masked: Vec<Vec<f32>> = complete(&half, &batch).unwrap().to_vec2().unwrap();
        let inverse: Vec<Vec<f32>> = complete_inverse(&half, &batch).unwrap().to_vec2().unwrap();
        assert_eq!(masked[1], [1.0, 0.25, 0.25, 0.0, 0.0]);
        assert_eq!(inverse[1], [1.0, 0.75, 0.75, 0.0, 0.0]);
    }

    #[test]
    fn a_share_keeps_the_largest_and_its_soft_mask_agrees() {
        let logits =
            Tensor::new(&[[9f32, 0.1, 0.4, 0.2, 0.3], [9.0, 1.0, 1.0, 5.0, 5.0]], &Device::Cpu)
                .unwrap();
        let kept = keep_share(&logits, &[0.5, 0.5], &batch()).unwrap();
        let hard: Vec<Vec<f32>> = kept.hard.to_vec2().unwrap();
        assert_eq!(hard, [[0.0, 0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0, 0.0]]);
        let soft: Vec<Vec<f32>> = kept.soft.to_vec2().unwrap();
        assert!(soft[0][2] > 0.5 && soft[0][4] > 0.5 && soft[0][3] < 0.5 && soft[0][1] < 0.5);
    }

    #[test]
    fn the_straight_through_gradient_is_that_of_the_soft_mask() {
        let values = Var::new(&[0.2f32, 0.7], &Device::Cpu).unwrap();
        let weights = Tensor::new(&[3f32, 5.0], &Device::Cpu).unwrap();
        let hard = straight_through(values.as_tensor()).unwrap();
        assert_eq!(hard.to_vec1::<f32>().unwrap(), [0.0, 1.0]);
        let grads = (hard * &weights).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(grads.get(&values).unwrap().to_vec1::<f32>().unwrap(), [3.0, 5.0]);
    }
}
