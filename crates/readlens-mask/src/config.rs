use readlens_fault::{Fault, Result};
use readlens_nn::{Precision, Selection};
use readlens_tables::vocabulary::{Name, Split};
use serde::Serialize;

/// Everything that decides the masks, apart from the inputs and the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Name in the column `method`.
    pub method: Name,
    /// Number in the column `replicate`, from 1.
    pub replicate: u32,
    /// Only windows of this split; none: all.
    pub split: Option<Split>,
    /// Which tokens count as read; none: as the Explainer was trained.
    pub selection: Option<Selection>,
    /// The classifier's gradient beside the Explainer's logits; none: only as the Explainer was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient: Option<AddedGradient>,
    /// Neighbouring tokens that a logit is averaged over, odd; 1 for none.
    pub smoothing: usize,
    /// Tokens of a block over which logits are averaged, after smoothing; 1 for none.
    pub patch: usize,
    /// Frame offsets averaged onto bases, from 1 to the stride.
    pub frames: u32,
    /// Precision of the networks' products.
    pub precision: Precision,
}

/// A gradient of the classifier that is added to the z-scores of an Explainer's logits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AddedGradient {
    /// Values of the uniform masks at which it is taken, each in `(0, 1]`.
    pub levels: Vec<f64>,
    /// Weight of its z-scores.
    pub weight: f64,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if let Some(Selection::Share { share }) = self.selection
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(Fault::usage(format!("area must be in (0, 1], not {share}")));
        }
        if self.smoothing.is_multiple_of(2) || self.patch == 0 {
            return Err(Fault::usage("smoothing must be odd and patch 1 or more"));
        }
        if self.replicate == 0 {
            return Err(Fault::usage("--replicate is 0; replicates are counted from 1"));
        }
        if self.frames == 0 {
            return Err(Fault::usage("frames must be 1 or more"));
        }
        Ok(())
    }
}
