use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

use crate::method::Method;
use crate::settings::LARGEST_COUNT;

/// Everything that decides the masks, apart from the inputs and the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Methods with their settings, in the order of a window's rows.
    pub methods: Vec<Method>,
    /// Only windows of this split; all windows otherwise.
    pub split: Option<Split>,
    /// Maximum number of windows, drawn without replacement; all windows otherwise.
    pub limit: Option<usize>,
    /// Fraction of the tokens that the hard mask keeps, in (0, 1].
    pub area: f64,
    /// Tokens of a block over which scores are averaged; 1 leaves them.
    pub patch: usize,
    /// Tokens of the moving mean over scores, odd; 1 leaves them.
    pub smoothing: usize,
    /// One mask per rank instead of one for all.
    pub mask_per_rank: bool,
    /// Seed of every draw.
    pub seed: u64,
    /// Precision of the classifier's products.
    pub precision: Precision,
}

impl Default for Config {
    /// No method yet, and a tenth of the tokens of every window.
    fn default() -> Self {
        Self {
            methods: Vec::new(),
            split: None,
            limit: None,
            area: 0.1,
            patch: 1,
            smoothing: 1,
            mask_per_rank: false,
            seed: 1,
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
        if self.methods.is_empty() {
            return Err(Fault::usage("name at least one --method"));
        }
        for (i, method) in self.methods.iter().enumerate() {
            if self.methods[..i].iter().any(|earlier| earlier.name() == method.name()) {
                return Err(Fault::usage(format!(
                    "--method names {} twice; write two tables, because rows are told apart by \
                     the method's name",
                    method.name()
                )));
            }
            method.check().map_err(|problem| Fault::usage(format!("--method {problem}")))?;
        }
        if !(self.area > 0.0 && self.area <= 1.0) {
            return Err(Fault::usage(format!(
                "--area must be above 0 and at most 1, not {}",
                self.area
            )));
        }
        let counts = [
            ("limit", self.limit.unwrap_or(1), usize::MAX),
            ("patch", self.patch, LARGEST_COUNT),
            ("smoothing", self.smoothing, LARGEST_COUNT),
        ];
        if let Some((name, value, largest)) = counts.into_iter().find(|(_, v, m)| v < &1 || v > m) {
            return Err(Fault::usage(format!("--{name} must be 1 to {largest}, not {value}")));
        }
        if self.smoothing.is_multiple_of(2) {
            return Err(Fault::usage(format!("--smoothing must be odd, not {}", self.smoothing)));
        }
        Ok(())
    }
}
