//! One pass of the model over the windows of a chunk.

use readlens_batch::{Model, as_read, for_each_batch, log_of, probabilities};
use readlens_fault::Result;
use readlens_nn::{Pass, WindowTokens};
use readlens_tables::tokens::TokenRow;

use crate::answer::log_probabilities;

/// What the model says of one window, by rank and taxon.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Logarithms of the probabilities of a program, which gives no logits.
    pub(crate) logits: Vec<Vec<f32>>,
    /// The probabilities that every stage computes of these logits.
    pub(crate) p: Vec<Vec<f32>>,
}

impl Said {
    /// Logarithms of the probabilities. They are finite where a probability is too small for a
    /// float: one window must not rule a taxon of the record out.
    pub(crate) fn log_p(&self) -> Vec<Vec<f64>> {
        let of_rank =
            |logits: &Vec<f32>| log_probabilities(logits.iter().map(|logit| f64::from(*logit)));
        self.logits.iter().map(of_rank).collect()
    }
}

/// Predicts windows, each once and whole.
pub(crate) fn say(model: &dyn Model, rows: &[TokenRow]) -> Result<Vec<Said>> {
    let windows: Vec<WindowTokens> = rows.iter().map(as_read).collect();
    let Some(classifier) = model.network() else {
        let said = |p: Vec<Vec<f32>>| Said { logits: p.iter().map(|p| log_of(p)).collect(), p };
        return Ok(model.predict(&windows, None)?.into_iter().map(said).collect());
    };
    for_each_batch(&windows, classifier.device(), "predicting taxa", |batch, indices| {
        let logits = classifier.forward(batch, None, &mut Pass::inference())?;
        let mut said: Vec<Said> =
            indices.iter().map(|_| Said { logits: Vec::new(), p: Vec::new() }).collect();
        for logits in &logits {
            let p: Vec<Vec<f32>> = probabilities(logits)?.to_vec2()?;
            let logits: Vec<Vec<f32>> = logits.to_vec2()?;
            for ((said, logits), p) in said.iter_mut().zip(logits).zip(p) {
                said.logits.push(logits);
                said.p.push(p);
            }
        }
        Ok(said)
    })
}
