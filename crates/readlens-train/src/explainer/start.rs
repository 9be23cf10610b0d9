//! Where the masks of an Explainer that queries begin.
//!
//! Where evidence is repeated the loss has two minima: a small mask that keeps one copy, and a
//! large one that keeps all. Training goes down into the nearer one. So it begins near the lower
//! one.

use candle_core::Tensor;
use readlens_batch::{explain, predict};
use readlens_fault::{Fault, Result};
use readlens_nn::objective::LossWeights;
use readlens_nn::{Classifier, Explained, Explainer, Parameters, WindowTokens};

use super::cost::{classification, of_shape, uninformative};

/// Fractions of the tokens that are tried.
const AREAS: [f64; 8] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6];
/// Windows that they are tried on.
pub(crate) const TRIED: usize = 300;
/// Bias of the output, one for each mask.
const BIAS: &str = "out.bias";

/// What the masks are tried with.
pub(crate) struct Trial<'a> {
    pub(crate) classifier: &'a Classifier,
    pub(crate) rows: &'a [WindowTokens<'a>],
    /// Target of each row, per rank.
    pub(crate) targets: &'a [Vec<Option<usize>>],
    pub(crate) weights: LossWeights,
}

/// Sets the bias of the output so that the masks begin at the area at which the untrained scores
/// have the least loss of hard masks, or at the area that is `wanted`.
///
/// # Errors
/// A network cannot compute.
pub(crate) fn begin(
    explainer: &Explainer,
    parameters: &Parameters,
    trial: &Trial<'_>,
    wanted: Option<f64>,
) -> Result<()> {
    if trial.rows.is_empty() {
        return Ok(());
    }
    let logits = explain(explainer, Some(trial.classifier), trial.rows, None)?;
    let outputs = explainer.config().masks.len();
    let mut biases = Vec::with_capacity(outputs);
    for (output, explained) in Explained::by(outputs).into_iter().enumerate() {
        let scores: Vec<&[f32]> = logits.iter().map(|row| row[output].as_slice()).collect();
        let areas = wanted.map_or_else(|| AREAS.to_vec(), |area| vec![area]);
        let mut best: Option<(f64, f64, f32)> = None;
        for area in areas {
            let threshold = quantile(&scores, area);
            let loss = match wanted {
                Some(_) => 0.0,
                None => trial.loss(&scores, threshold, explained)?,
            };
            if best.is_none_or(|(least, ..)| loss < least) {
                best = Some((loss, area, threshold));
            }
        }
        if let Some((_, area, threshold)) = best {
            tracing::info!("masks begin at area {area}");
            biases.push(-threshold);
        }
    }
    let failed = |e| Fault::failed("setting where masks begin", e);
    let bias = Tensor::new(biases, explainer.device()).map_err(failed)?;
    let Some((_, variable)) = parameters.iter().find(|(name, _)| *name == BIAS) else {
        return Err(Fault::failed("setting where masks begin", format!("there is no {BIAS}")));
    };
    variable.set(&bias).map_err(failed)
}

impl Trial<'_> {
    /// The loss of the masks of all tokens above a threshold, for the ranks that they explain.
    fn loss(&self, scores: &[&[f32]], threshold: f32, explained: Explained) -> Result<f64> {
        let hard = |of: fn(bool) -> bool| -> Vec<Vec<f32>> {
            let value = |&score: &f32| f32::from(u8::from(of(score > threshold)));
            scores.iter().map(|row| row.iter().map(value).collect()).collect()
        };
        let (masks, inverse) = (hard(|is_above| is_above), hard(|is_above| !is_above));
        let kept = predict(self.classifier, self.rows, Some(&masks))?;
        let hidden = predict(self.classifier, self.rows, Some(&inverse))?;
        let ranks = explained.ranks(self.targets.first().map_or(0, Vec::len));
        let count = ranks.len().max(1) as f64;
        let evidence = ranks.map(|rank| {
            classification(&kept, self.targets, rank).unwrap_or(0.0)
                + uninformative(&hidden, rank, &self.weights)
        });
        Ok(evidence.sum::<f64>() / count + of_shape(&masks, &self.weights))
    }
}

/// The value that a share of all scores lies above.
fn quantile(scores: &[&[f32]], share: f64) -> f32 {
    let mut all: Vec<f32> = scores.iter().copied().flatten().copied().collect();
    all.sort_by(|a, b| b.total_cmp(a));
    let place = (share * all.len() as f64) as usize;
    all.get(place.min(all.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_scores_lies_above_their_quantile() {
        let scores: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let halves = [&scores[..50], &scores[50..]];
        for share in [0.02, 0.1, 0.6] {
            let threshold = quantile(&halves, share);
            let above = scores.iter().filter(|&&score| score > threshold).count();
            assert_eq!(above, (share * 100.0) as usize, "{share}");
        }
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
