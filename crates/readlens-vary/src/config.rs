use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// What is done to every window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Kind {
    /// The other strand is read.
    ReverseComplement,
    /// The first bases, in reading direction, are dropped.
    FrameShift {
        /// How many, 1 or more.
        bases: u32,
    },
    /// Bases are replaced by others.
    Substitute {
        /// Fraction of the known bases that are replaced, in (0, 1].
        rate: f64,
    },
}

/// What is done; goes into the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What is done to every window.
    #[serde(flatten)]
    pub kind: Kind,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the option.
    pub fn validate(&self) -> Result<()> {
        match self.kind {
            Kind::ReverseComplement => Ok(()),
            Kind::FrameShift { bases: 0 } => {
                Err(Fault::usage("--shift must be 1 base or more, not 0"))
            }
            Kind::FrameShift { .. } => Ok(()),
            Kind::Substitute { rate } if rate > 0.0 && rate <= 1.0 => Ok(()),
            Kind::Substitute { rate } => {
                Err(Fault::usage(format!("--rate must be above 0 and at most 1, not {rate}")))
            }
        }
    }
}
