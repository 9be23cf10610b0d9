use candle_core::{Result, Tensor};

use super::{Frozen, Loss, value};
use crate::explained::Explained;
use crate::masking;

/// `(1 − p | keep) + (p | remove)` of the target's probability, the mean over rows and ranks.
/// `logits`: `(batch, tokens, masks)`.
pub(super) fn loss(frozen: &Frozen, logits: &Tensor, explained: &[Explained]) -> Result<Loss> {
    let ranks = frozen.targets.len();
    let (keep, remove) = (frozen.keep(), frozen.remove());
    let mut kept = Tensor::zeros((), logits.dtype(), logits.device())?;
    let mut removed = kept.clone();
    let mut whole = 0.0;
    for (output, explained) in explained.iter().enumerate() {
        let scores = logits.narrow(2, output, 1)?.squeeze(2)?;
        let scores = masking::standardize(&scores, frozen.batch)?;
        let seen = masking::keep_share(&scores, &keep, frozen.batch)?.hard;
        let hidden = masking::keep_share(&scores, &remove, frozen.batch)?.hard;
        let with = frozen.under(&seen)?;
        let without = frozen.under(&hidden.affine(-1.0, 1.0)?)?;
        for rank in explained.ranks(ranks) {
            kept = (kept + frozen.probability(&with[rank], rank)?)?;
            removed = (removed + frozen.probability(&without[rank], rank)?)?;
            whole += frozen.targets[rank].weights.iter().sum::<f64>();
        }
    }
    let terms = vec![("kept", value(&kept)?), ("removed", value(&removed)?)];
    let total = ((removed - kept)? + whole)?;
    Ok(Loss { total, terms })
}
