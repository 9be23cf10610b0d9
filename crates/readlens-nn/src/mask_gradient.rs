//! The gradient of the frozen classifier with respect to its mask: what an Explainer may be given
//! beside the tokens, or learn from.

use candle_core::{D, Result, Tensor, Var};

use crate::batch::TokenBatch;
use crate::classifier::Classifier;
use crate::explained::Explained;
use crate::losses;
use crate::masking;
use crate::pass::Pass;
use crate::targets::Targets;

/// z-scores over each row's real tokens of `∂ ln p(class) / ∂ m_t` at the uniform mask `m = level`,
/// averaged over `levels`; `(batch, tokens, masks)`, without a graph.
///
/// There is one mask for each of `explained`; over all ranks it is the gradient of the sum of their
/// log probabilities. `targets`: one per rank, whose weights are those of that sum. Near level 0
/// the gradient measures what a token adds when little else is visible; at level 1 redundant tokens
/// have zero gradient. The path is the masking's own, so that the reference is the masking's own
/// baseline (Sundararajan et al. 2017 for the path).
///
/// # Errors
/// Rows do not fit the classifier, or shapes differ.
pub fn mask_gradient(
    classifier: &Classifier,
    batch: &TokenBatch,
    targets: &[Targets],
    levels: &[f64],
    explained: &[Explained],
) -> Result<Tensor> {
    let mut sums: Vec<Tensor> = vec![batch.maskable.zeros_like()?; explained.len()];
    for &level in levels {
        let values = (batch.maskable.zeros_like()? + level)?;
        let mask = Var::from_tensor(&masking::complete(&values, batch)?)?;
        let logits = classifier.forward(batch, Some(mask.as_tensor()), &mut Pass::inference())?;
        let cross_entropies = logits.iter().zip(targets);
        let cross_entropies: Vec<Tensor> = cross_entropies
            .map(|(logits, targets)| losses::cross_entropy(logits, targets))
            .collect::<Result<_>>()?;
        for (explained, sum) in explained.iter().zip(&mut sums) {
            let ranks = explained.ranks(cross_entropies.len());
            let total = Tensor::stack(&cross_entropies[ranks], 0)?.sum_all()?;
            let Some(gradient) = total.backward()?.remove(&mask) else {
                candle_core::bail!("the classifier gave its mask no gradient");
            };
            let scores = masking::standardize(&gradient.detach().neg()?, batch)?;
            *sum = (&*sum + (scores / levels.len() as f64)?)?;
        }
    }
    Tensor::stack(&sums, 2)
}

/// [`mask_gradient`] for the classes that the classifier itself predicts for the whole rows. A
/// label is never part of it.
///
/// # Errors
/// As [`mask_gradient`].
pub fn predicted_mask_gradient(
    classifier: &Classifier,
    batch: &TokenBatch,
    levels: &[f64],
    explained: &[Explained],
) -> Result<Tensor> {
    let logits = classifier.forward(batch, None, &mut Pass::inference())?;
    let weights = vec![1.0; batch.dims()?.0];
    let predicted = |logits: &Tensor| {
        let classes = logits.argmax(D::Minus1)?.to_vec1()?;
        Ok(Targets { classes, weights: weights.clone() })
    };
    let targets: Vec<Targets> = logits.iter().map(predicted).collect::<Result<_>>()?;
    mask_gradient(classifier, batch, &targets, levels, explained)
}
