use readlens_fault::Result;
use readlens_nn::{Loss, WeightGradients};
use serde::{Deserialize, Serialize};

/// The split a figure was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Training examples.
    Train,
    /// Validation examples.
    Valid,
}

/// One figure of a step or an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// From 1.
    pub epoch: u32,
    /// From 1 since the start; none for a figure of the whole epoch.
    pub step: Option<u32>,
    /// Where it was taken.
    pub split: Split,
    /// Rank it belongs to, where it belongs to one.
    pub rank: Option<String>,
    /// What was measured.
    pub term: String,
    /// The figure.
    pub value: f64,
}

/// What is to be learned.
pub trait Task: Sync {
    /// A part of a batch, ready for the network.
    type Shard: Send + Sync;

    /// Number of training examples.
    fn examples(&self) -> usize;

    /// Prepares the batch of these example indices, cut into `shards` parts by
    /// [`crate::shards_of`]. Anything random comes from `(seed, epoch, step)`.
    ///
    /// # Errors
    /// An example cannot be prepared.
    fn prepare(
        &self,
        indices: &[usize],
        shards: usize,
        epoch: u32,
        step: u32,
    ) -> Result<Vec<Self::Shard>>;

    /// The loss of a shard; the network that is trained computes in a pass of training with
    /// `gradients`.
    ///
    /// # Errors
    /// candle refuses an operation.
    fn loss(&self, shard: &Self::Shard, gradients: &WeightGradients) -> candle_core::Result<Loss>;

    /// Told after every step what the terms of its loss came to, the names of [`Loss`], and told
    /// again of all steps before when a training goes on from a checkpoint. `pace` is the step's
    /// learning rate as a share of the largest.
    fn stepped(&self, _terms: &[(&str, f64)], _pace: f64) {}

    /// Figures on the validation split after `epoch`, and the score that early stopping
    /// maximises; no score means that the last weights are the best.
    ///
    /// # Errors
    /// A computation fails.
    fn validate(&self, epoch: u32) -> Result<(Vec<Figure>, Option<f64>)>;
}

/// Who watches the training.
pub trait Observer {
    /// After every optimiser step: `done` of `total` steps, and the batch's loss.
    fn stepped(&self, done: u32, total: u32, loss: f64);

    /// After every epoch.
    fn finished_epoch(&self, epoch: u32, figures: &[Figure]);

    /// Whether the user has asked to stop.
    fn is_interrupted(&self) -> bool;
}
