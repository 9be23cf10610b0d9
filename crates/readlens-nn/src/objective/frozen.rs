use candle_core::{D, Result, Tensor};

use crate::batch::TokenBatch;
use crate::classifier::Classifier;
use crate::masking;
use crate::pass::Pass;
use crate::targets::Targets;

/// Fractions of a row's tokens to keep and to remove, each in `(0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budgets {
    /// Fraction of the tokens that the classifier is to see alone.
    pub keep: f64,
    /// Fraction of the tokens that it is not to see.
    pub remove: f64,
}

impl Budgets {
    /// The whole row, for objectives without budgets.
    pub const WHOLE: Self = Self { keep: 1.0, remove: 1.0 };
}

/// The frozen classifier with some rows of a batch and what it should say of them.
#[derive(Clone, Copy, Debug)]
pub struct Frozen<'a> {
    /// The classifier; no gradient is computed for its weights.
    pub classifier: &'a Classifier,
    /// The rows.
    pub batch: &'a TokenBatch,
    /// Per rank; the weights of the whole batch add up to 1 over rows and ranks.
    pub targets: &'a [Targets],
    /// One per row.
    pub budgets: &'a [Budgets],
    /// Number of rows of the whole batch.
    pub batch_rows: usize,
}

impl Frozen<'_> {
    /// Weight of a row in a mean over the whole batch.
    pub(super) fn row_weight(&self) -> f64 {
        1.0 / self.batch_rows as f64
    }

    /// Logits per rank under `mask`, which is 1 on what is seen, `(batch, tokens)`.
    pub(super) fn under(&self, mask: &Tensor) -> Result<Vec<Tensor>> {
        let mask = masking::complete(mask, self.batch)?;
        self.classifier.forward(self.batch, Some(&mask), &mut Pass::inference())
    }

    /// Weighted sum of the target's probability over the rows, at `rank`.
    pub(super) fn probability(&self, logits: &Tensor, rank: usize) -> Result<Tensor> {
        let Targets { classes, weights } = &self.targets[rank];
        let p = candle_nn::ops::softmax(logits, D::Minus1)?;
        let classes = Tensor::new(classes.as_slice(), logits.device())?.unsqueeze(1)?;
        let weights = Tensor::new(weights.as_slice(), logits.device())?.to_dtype(p.dtype())?;
        p.gather(&classes, 1)?.squeeze(1)?.mul(&weights)?.sum_all()
    }

    pub(super) fn keep(&self) -> Vec<f64> {
        self.budgets.iter().map(|budgets| budgets.keep).collect()
    }

    pub(super) fn remove(&self) -> Vec<f64> {
        self.budgets.iter().map(|budgets| budgets.remove).collect()
    }
}
