use readlens_batch::RandomMasks;
use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// Everything that decides the combination, apart from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Exponents of joint decoding; none leaves the ranks alone.
    pub joint: Option<Joint>,
    /// Masks that the second copy of each validation window is seen through.
    pub masks: RandomMasks,
    /// Seed of the masks, and of the sample where there are many windows.
    pub seed: u64,
}

/// Exponents of joint decoding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// Of the probabilities of the taxa above.
    pub above: f64,
    /// Of the probability of the children.
    pub below: f64,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let Some(Joint { above, below }) = self.joint else { return Ok(()) };
        for (name, exponent) in [("above", above), ("below", below)] {
            if !(0.0..=100.0).contains(&exponent) {
                return Err(Fault::usage(format!("{name} must be 0 to 100, not {exponent}")));
            }
        }
        Ok(())
    }
}
