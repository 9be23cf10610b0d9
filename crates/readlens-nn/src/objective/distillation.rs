use candle_core::{Result, Tensor};

use super::{Frozen, Loss, value};
use crate::explained::Explained;
use crate::mask_gradient::mask_gradient;
use crate::targets::Targets;
use crate::{losses, masking};

/// Mean squared difference between z-scores of the logits, `(batch, tokens, masks)`, and those of
/// the classifier's gradient, over real tokens, rows and masks.
pub(super) fn loss(
    frozen: &Frozen,
    logits: &Tensor,
    levels: &[f64],
    explained: &[Explained],
) -> Result<Loss> {
    let Frozen { classifier, batch, targets, .. } = *frozen;
    // z-scores have no scale: all that matters is which windows have a target.
    let targets: Vec<Targets> = targets.iter().map(Targets::unweighted).collect();
    let teacher = mask_gradient(classifier, batch, &targets, levels, explained)?;
    let mut total = Tensor::zeros((), logits.dtype(), logits.device())?;
    for output in 0..explained.len() {
        let of_output = |x: &Tensor| x.narrow(2, output, 1)?.squeeze(2);
        let scores = masking::standardize(&of_output(logits)?, batch)?;
        let difference = (scores - of_output(&teacher)?)?.sqr()?;
        let mean = losses::area(&difference, batch)?.sum_all()?;
        total = (total + (mean * (frozen.row_weight() / explained.len() as f64))?)?;
    }
    let terms = vec![("distillation", value(&total)?)];
    Ok(Loss { total, terms })
}
