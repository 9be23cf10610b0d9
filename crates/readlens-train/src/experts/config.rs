use readlens_batch::RandomMasks;
use readlens_channels::Channel;
use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// Largest memory that can be asked for, in MiB.
const LARGEST_MEMORY: u64 = 1 << 20;

/// Everything that decides the experts, apart from their inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ranks to predict, highest first; empty: all of the table.
    pub ranks: Vec<String>,
    /// What the experts count.
    pub channels: Vec<Channel>,
    /// Weight of the prior that a taxon is like all windows, in occurrences for each row of a
    /// channel's table.
    pub prior: f64,
    /// Most memory that the ratios may take, in MiB.
    pub memory: u64,
    /// Masks that the second copy of each validation window is seen through.
    pub masks: RandomMasks,
    /// Seed of the masks, and of the sample where there are many windows.
    pub seed: u64,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        let prior = self.prior;
        if !(1e-9..=1e9).contains(&prior) {
            return Err(Fault::usage(format!("prior must be 1e-9 to 1e9, not {prior}")));
        }
        if !(1..=LARGEST_MEMORY).contains(&self.memory) {
            let memory = self.memory;
            return Err(Fault::usage(format!(
                "memory must be 1 to {LARGEST_MEMORY} MiB, not {memory}"
            )));
        }
        Ok(())
    }
}
