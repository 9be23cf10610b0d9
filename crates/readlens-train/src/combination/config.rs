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

/// Exponents of joint decoding to choose from, by the accuracy on whole validation windows.
///
/// Small exponents above suit tasks whose lowest rank is well known; where most windows have no
/// known taxon of it, as where few genera are named, the ranks above must lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// Of the probabilities of the taxa above.
    pub above: Vec<f64>,
    /// Of the probability of the children.
    pub below: Vec<f64>,
}

/// Most exponents of a kind that can be tried.
const MOST_EXPONENTS: usize = 16;

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let Some(Joint { above, below }) = &self.joint else { return Ok(()) };
        for (name, exponents) in [("above", above), ("below", below)] {
            if let Some(exponent) = exponents.iter().find(|e| !(0.0..=100.0).contains(*e)) {
                return Err(Fault::usage(format!("{name} must be 0 to 100, not {exponent}")));
            }
            let count = exponents.len();
            if !(1..=MOST_EXPONENTS).contains(&count) {
                return Err(Fault::usage(format!(
                    "{name} takes 1 to {MOST_EXPONENTS} exponents, not {count}"
                )));
            }
        }
        Ok(())
    }
}
