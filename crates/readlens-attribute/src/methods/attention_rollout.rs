//! Attention followed through the blocks (Abnar & Zuidema 2020, eq. 1).

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;
use readlens_fault::Result;
use readlens_nn::{Pooling, TokenBatch};

use crate::objective::{Objective, Scores, Window};

/// How much of the pooled state comes from each token's position: the mean over heads, half of it
/// replaced by the residual connection, multiplied up from the first block to the last; then the
/// row of CLS, or the mean of all rows.
///
/// The tokens of a patch have the value of their position. An end that the encoder adds passes
/// attention on, and has no score: it stands behind the tokens. No target is involved: every output
/// has the same scores.
pub(super) fn scores(objective: &Objective<'_>) -> Result<Scores> {
    objective.check_interrupt()?;
    objective.count(objective.windows().len(), 0);
    // One window at a time: attention takes memory with the square of the positions.
    let of_window = |window: &Window<'_>| {
        let scores =
            rollout(objective, window).map_err(Objective::failed("following attention"))?;
        Ok(vec![scores; objective.outputs().len()])
    };
    objective.windows().par_iter().map(of_window).collect()
}

fn rollout(objective: &Objective<'_>, window: &Window<'_>) -> candle_core::Result<Vec<f64>> {
    if window.real == 0 {
        return Ok(Vec::new());
    }
    let classifier = objective.classifier();
    let Some(transformer) = classifier.transformer() else {
        candle_core::bail!("only a transformer has attention");
    };
    let batch = TokenBatch::new(&[window.tokens], DType::F32, classifier.device())?;
    let mut rolled: Option<Tensor> = None;
    transformer.encoder().observe_attention(&batch, None, &mut |probabilities| {
        let attention = probabilities.mean(1)?.squeeze(0)?;
        let identity = Tensor::eye(attention.dim(0)?, attention.dtype(), attention.device())?;
        let with_residual = ((attention + identity)? * 0.5)?;
        rolled = Some(match rolled.take() {
            None => with_residual,
            Some(below) => with_residual.matmul(&below)?,
        });
        Ok(())
    })?;
    let Some(rolled) = rolled else { candle_core::bail!("an encoder without blocks") };
    let pooled = match transformer.pooling() {
        Pooling::Cls => rolled.get(0)?,
        Pooling::Mean => rolled.mean(D::Minus2)?,
    };
    let positions: Vec<f32> = pooled.to_vec1()?;
    let (first, patch) = (usize::from(batch.has_cls), transformer.encoder().config().patch);
    Ok((0..window.real).map(|t| f64::from(positions[first + t / patch])).collect())
}
