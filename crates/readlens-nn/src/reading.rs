//! What an Explainer may know of the frozen classifier beside the tokens: its prediction and one gradient.

use candle_core::{D, Result, Tensor, Var};

use crate::batch::TokenBatch;
use crate::classifier::Classifier;
use crate::losses;
use crate::masking;
use crate::pass::Pass;

/// The classifier's own view of a batch. A label is never part of it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Predicted class of each row, per rank.
    pub classes: Vec<Vec<u32>>,
    /// [`mask_gradient`] for the predicted classes, `(batch, tokens, masks)`; none where it was not asked for.
    pub gradient: Option<Tensor>,
}

impl Reading {
    /// Reads `batch` with `classifier`; `levels` are those of [`mask_gradient`], none for no gradient, and
    /// `masks` is 1 for all ranks together or the number of ranks.
    ///
    /// # Errors
    /// Rows do not fit the classifier.
    pub fn of(
        classifier: &Classifier,
        batch: &TokenBatch,
        levels: &[f64],
        masks: usize,
    ) -> Result<Self> {
        let logits = classifier.forward(batch, None, &mut Pass::inference())?;
        let classes: Vec<Vec<u32>> = logits
            .iter()
            .map(|logits| logits.argmax(D::Minus1)?.to_vec1())
            .collect::<Result<_>>()?;
        let gradient = match levels {
            [] => None,
            levels => {
                let even = vec![1.0; batch.dims()?.0];
                let targets: Vec<_> = classes.iter().map(|c| (c.clone(), even.clone())).collect();
                Some(mask_gradient(classifier, batch, &targets, levels, masks)?)
            }
        };
        Ok(Self { classes, gradient })
    }
}

/// z-scores over each row's real tokens of `∂ ln p(class) / ∂ m_t` at the uniform mask `m = level`, averaged over
/// `levels`; `(batch, tokens, masks)`, without a graph.
///
/// One mask stands for all ranks together (the sum of their log probabilities) or there is one per rank. `targets`: per
/// rank the class of each row and its weight in that sum, 0 where it has none. At a low level the gradient says what a token brings where little else is seen; at 1 redundant
/// evidence has none. The path is the masking's own, so that the reference is the masking's own baseline
/// (Sundararajan et al. 2017 for the path).
///
/// # Errors
/// Rows do not fit the classifier, or shapes differ.
pub fn mask_gradient(
    classifier: &Classifier,
    batch: &TokenBatch,
    targets: &[(Vec<u32>, Vec<f64>)],
    levels: &[f64],
    masks: usize,
) -> Result<Tensor> {
    let mut sums: Vec<Tensor> = vec![batch.maskable.zeros_like()?; masks];
    for &level in levels {
        let values = (batch.maskable.zeros_like()? + level)?;
        let mask = Var::from_tensor(&masking::complete(&values, batch)?)?;
        let logits = classifier.forward(batch, Some(mask.as_tensor()), &mut Pass::inference())?;
        let surprises = logits.iter().zip(targets);
        let surprises: Vec<Tensor> = surprises
            .map(|(logits, (classes, weights))| losses::cross_entropy(logits, classes, weights))
            .collect::<Result<_>>()?;
        for (output, sum) in sums.iter_mut().enumerate() {
            let explained = if masks == 1 { &surprises[..] } else { &surprises[output..=output] };
            let total = Tensor::stack(explained, 0)?.sum_all()?;
            let Some(gradient) = total.backward()?.remove(&mask) else {
                candle_core::bail!("the classifier gave its mask no gradient");
            };
            let scores = masking::standardize(&gradient.detach().neg()?, batch)?;
            *sum = (&*sum + (scores / levels.len() as f64)?)?;
        }
    }
    Tensor::stack(&sums, 2)
}
