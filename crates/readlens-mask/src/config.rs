use readlens_fault::{Fault, Result};
use readlens_nn::scores::Averaging;
use readlens_nn::{Precision, Selection};
use readlens_tables::vocabulary::{Name, Split};
use serde::Serialize;

use crate::asked::Target;

/// Everything that decides the masks, apart from the inputs and the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Name in the column `method`.
    pub method: Name,
    /// Number in the column `replicate`, from 1.
    pub replicate: u32,
    /// Only windows of this split; all windows otherwise.
    pub split: Option<Split>,
    /// Which tokens the hard mask keeps; as the Explainer was trained otherwise.
    pub selection: Option<Selection>,
    /// The classifier's gradient beside the Explainer's scores; only the Explainer's scores
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient: Option<AddedGradient>,
    /// How scores are averaged.
    #[serde(flatten)]
    pub averaging: Averaging,
    /// Frame offsets averaged onto bases, from 1 to the stride.
    pub frames: u32,
    /// Seed of the taxa of other windows that are explained; the window's own predictions are
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_class: Option<u64>,
    /// The taxon that all windows are explained for; the window's own predictions are otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
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

impl Default for Config {
    /// All windows, with the area that the Explainer was trained for.
    fn default() -> Self {
        Self {
            method: Name::explainer(),
            replicate: 1,
            split: None,
            selection: None,
            gradient: None,
            averaging: Averaging::NONE,
            frames: 1,
            wrong_class: None,
            target: None,
            precision: Precision::F32,
        }
    }
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
            return Err(Fault::usage(format!("--area must be above 0 and at most 1, not {share}")));
        }
        self.averaging.validate()?;
        if self.replicate == 0 {
            return Err(Fault::usage("--replicate is 0; replicates are counted from 1"));
        }
        if self.frames == 0 {
            return Err(Fault::usage("--frames must be 1 or more, not 0"));
        }
        Ok(())
    }
}
