use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_tables::vocabulary::Split;
use serde::Serialize;

use crate::method::Method;

/// Everything that decides the masks, apart from the inputs and the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Methods, in the order of a window's rows.
    pub methods: Vec<Method>,
    /// Only windows of this split; none: all.
    pub split: Option<Split>,
    /// Only so many windows, drawn without replacement; none: all.
    pub limit: Option<usize>,
    /// Share of tokens that counts as read, in (0, 1].
    pub area: f64,
    /// Tokens over which scores are averaged in blocks; 1 leaves them.
    pub patch: usize,
    /// Tokens of the moving mean over scores, odd; 1 leaves them.
    pub smoothing: usize,
    /// One mask per rank instead of one for all.
    pub mask_per_rank: bool,
    /// Seed of every draw.
    pub seed: u64,
    /// Points of the path of integrated gradients.
    pub steps: usize,
    /// What occlusion hides.
    pub occlusion: Occlusion,
    /// Perturbed inputs per window of LIME and kernel SHAP.
    pub samples: usize,
    /// Tokens of one feature of LIME, which is one player of kernel SHAP.
    pub segment: usize,
    /// The linear model of LIME.
    pub lime: Lime,
    /// How masks are optimised.
    pub optimization: Optimization,
    /// Precision of the classifier's products.
    pub precision: Precision,
}

/// What occlusion hides at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Occlusion {
    /// Tokens hidden together.
    pub window: usize,
    /// Tokens from one stretch to the next, at most the window.
    pub stride: usize,
}

/// The linear model of LIME.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lime {
    /// Width of the kernel on cosine distances, which are 0 to 1.
    pub kernel_width: f64,
    /// Weight of the squared coefficients.
    pub ridge: f64,
}

/// How a window's own mask is optimised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Optimization {
    /// Steps of Adam.
    pub steps: usize,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Weight of the mask's area.
    pub area_weight: f64,
}

/// Largest count that any option may have: more would not end.
const MOST: usize = 1 << 20;

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if self.methods.is_empty() {
            return Err(Fault::usage("name at least one method"));
        }
        if let Some((_, twice)) =
            self.methods.iter().enumerate().find(|(i, method)| self.methods[..*i].contains(method))
        {
            return Err(Fault::usage(format!("method {twice} is named twice")));
        }
        if !(self.area > 0.0 && self.area <= 1.0) {
            return Err(Fault::usage(format!("area must be in (0, 1], not {}", self.area)));
        }
        let counts = [
            ("limit", self.limit.unwrap_or(1), usize::MAX),
            ("patch", self.patch, MOST),
            ("smoothing", self.smoothing, MOST),
            ("steps", self.steps, MOST),
            ("occlusion-window", self.occlusion.window, MOST),
            ("occlusion-stride", self.occlusion.stride, MOST),
            ("samples", self.samples, MOST),
            ("segment", self.segment, MOST),
            ("optimization-steps", self.optimization.steps, MOST),
        ];
        if let Some((name, value, most)) = counts.into_iter().find(|(_, v, m)| v < &1 || v > m) {
            return Err(Fault::usage(format!("{name} must be 1 to {most}, not {value}")));
        }
        if self.smoothing.is_multiple_of(2) {
            return Err(Fault::usage(format!("smoothing must be odd, not {}", self.smoothing)));
        }
        let Occlusion { window, stride } = self.occlusion;
        if stride > window {
            return Err(Fault::usage(format!(
                "occlusion-stride must be at most occlusion-window, so that no token is skipped: {stride} is more than {window}"
            )));
        }
        let positive = [
            ("kernel-width", self.lime.kernel_width),
            ("ridge", self.lime.ridge),
            ("optimization-rate", self.optimization.learning_rate),
        ];
        if let Some((name, value)) =
            positive.into_iter().find(|(_, v)| !(*v > 0.0 && v.is_finite()))
        {
            return Err(Fault::usage(format!("{name} must be above 0, not {value}")));
        }
        let weight = self.optimization.area_weight;
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(Fault::usage(format!("optimization-area must be 0 or more, not {weight}")));
        }
        Ok(())
    }
}
