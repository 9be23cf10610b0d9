use candle_core::{D, DType, Device, Tensor};
use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use readlens_nn::{Classifier, Explainer, Pass, TokenBatch, WindowTokens, masking};

/// Padded tokens of one inference batch: enough to fill the matrix kernels, small enough for
/// the cache.
const BATCH_TOKENS: usize = 8192;

/// Runs `compute` over `rows` of tokens in batches of similar length, on all threads, and gives
/// one result per row in the order of `rows`.
///
/// `compute` gets the batch, on `device`, and the indices of its rows.
///
/// # Errors
/// `compute` fails, or gives another number of results than rows.
pub fn for_each_batch<R: Send>(
    rows: &[WindowTokens],
    device: &Device,
    what: &str,
    compute: impl Fn(&TokenBatch, &[usize]) -> candle_core::Result<Vec<R>> + Sync,
) -> Result<Vec<R>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| rows[i].ids.len());
    let mut batches: Vec<&[usize]> = Vec::new();
    let mut rest = order.as_slice();
    while !rest.is_empty() {
        // Rows come from short to long: the batch's last row decides its width.
        let fits = |count: &usize| count * rows[rest[count - 1]].ids.len().max(1) <= BATCH_TOKENS;
        let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
        let (batch, others) = rest.split_at(count);
        batches.push(batch);
        rest = others;
    }
    let failed = |e: candle_core::Error| Fault::failed(what, e);
    let results: Vec<Vec<R>> = batches
        .par_iter()
        .map(|indices| {
            let tokens: Vec<WindowTokens> = indices.iter().map(|&i| rows[i]).collect();
            let batch = TokenBatch::new(&tokens, DType::F32, device).map_err(failed)?;
            let results = compute(&batch, indices).map_err(failed)?;
            if results.len() != indices.len() {
                return Err(Fault::failed(
                    what,
                    "a batch gave another number of results than rows",
                ));
            }
            Ok(results)
        })
        .collect::<Result<_>>()?;
    let mut slots: Vec<Option<R>> = (0..rows.len()).map(|_| None).collect();
    for (indices, results) in batches.iter().zip(results) {
        for (&index, result) in indices.iter().zip(results) {
            slots[index] = Some(result);
        }
    }
    Ok(slots.into_iter().flatten().collect())
}

/// Probabilities per row and rank, `[row][rank][taxon]`, of `rows` under `masks`.
///
/// `masks`: one factor per real token of each row (CLS excluded), or none for whole rows.
///
/// # Errors
/// A row is too long for the classifier or the computation fails.
pub fn predict(
    classifier: &Classifier,
    rows: &[WindowTokens],
    masks: Option<&[Vec<f32>]>,
) -> Result<Vec<Vec<Vec<f32>>>> {
    for_each_batch(rows, classifier.device(), "predicting taxa", |batch, indices| {
        let mask = masks.map(|masks| {
            let values: Vec<&[f32]> = indices.iter().map(|&i| masks[i].as_slice()).collect();
            masking::complete(&batch.place(&values)?, batch)
        });
        let mask = mask.transpose()?;
        let logits = classifier.forward(batch, mask.as_ref(), &mut Pass::inference())?;
        let ranks: Vec<Vec<Vec<f32>>> = logits
            .iter()
            .map(|l| probabilities(l)?.to_vec2())
            .collect::<candle_core::Result<_>>()?;
        Ok((0..indices.len()).map(|i| ranks.iter().map(|rank| rank[i].clone()).collect()).collect())
    })
}

/// Probabilities of logits, `(batch, taxa)`.
///
/// # Errors
/// candle refuses the operation.
pub fn probabilities(logits: &Tensor) -> candle_core::Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?.exp()?;
    shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)
}

/// Mask logits of the real tokens of `rows`, `[row][mask][token]`; `classifier` is for an Explainer
/// that uses its gradient or queries it. They are of what the classifier predicts for each row, or
/// of the classes that `asked` has for it, one per rank of the classifier.
///
/// # Errors
/// A row is too long for a network, the Explainer lacks the classifier that it must be told of, or
/// the computation fails.
pub fn explain(
    explainer: &Explainer,
    classifier: Option<&Classifier>,
    rows: &[WindowTokens],
    asked: Option<&[Vec<u32>]>,
) -> Result<Vec<Vec<Vec<f32>>>> {
    let used = classifier.filter(|_| explainer.needs_classifier());
    for_each_batch(rows, explainer.device(), "computing masks", |batch, indices| {
        let asked: Option<Vec<Vec<u32>>> = asked.map(|asked| {
            let ranks = asked.first().map_or(0, Vec::len);
            let of_rank = |rank: usize| indices.iter().map(|&i| asked[i][rank]).collect();
            (0..ranks).map(of_rank).collect()
        });
        let hints = used.map(|used| explainer.hints_for(used, batch, asked.as_deref()));
        let hints = hints.transpose()?;
        let hints = hints.unwrap_or_default();
        let logits = explainer.forward(batch, &hints, &mut Pass::inference())?;
        let logits = logits.transpose(1, 2)?.contiguous()?.to_vec3::<f32>()?;
        let first = usize::from(batch.has_cls);
        let of_row = |(masks, &index): (Vec<Vec<f32>>, &usize)| {
            masks.into_iter().map(|mask| mask[first..rows[index].ids.len()].to_vec()).collect()
        };
        Ok(logits.into_iter().zip(indices).map(of_row).collect())
    })
}

/// The most likely class of each rank.
pub fn most_likely_classes(ranks: &[Vec<f32>]) -> Vec<u32> {
    ranks.iter().map(|probabilities| most_likely(probabilities) as u32).collect()
}

/// Index of the first of the largest probabilities.
pub fn most_likely(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (i, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = i;
        }
    }
    best
}

/// Entropy of `p` divided by its maximum, `ln K`; 0 for a single taxon.
pub fn relative_entropy(p: &[f32]) -> f32 {
    if p.len() < 2 {
        return 0.0;
    }
    let entropy: f32 = p.iter().filter(|&&p| p > 0.0).map(|&p| -p * p.ln()).sum();
    (entropy / (p.len() as f32).ln()).clamp(0.0, 1.0)
}
