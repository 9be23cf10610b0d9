//! The settings that belong to one method, and how they are written behind its name.

use serde::Serialize;

/// Largest count of any setting: a larger one would not end.
pub(crate) const LARGEST_COUNT: usize = 1 << 20;

/// Settings of integrated gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IntegratedGradients {
    /// Points of the path from the hidden to the whole input.
    pub steps: usize,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self { steps: 20 }
    }
}

/// What occlusion hides at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Occlusion {
    /// Tokens that are hidden together.
    pub width: usize,
    /// Tokens from one hidden stretch to the next, at most the width.
    pub stride: usize,
}

impl Default for Occlusion {
    fn default() -> Self {
        Self { width: 4, stride: 2 }
    }
}

/// The samples and the linear model of LIME.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lime {
    /// Masked inputs per window.
    pub samples: usize,
    /// Tokens of a feature.
    pub segment: usize,
    /// Width of the kernel on cosine distances, which are 0 to 1. The lime package has 0.25.
    pub kernel_width: f64,
    /// Weight of the squared coefficients.
    pub ridge: f64,
}

impl Default for Lime {
    fn default() -> Self {
        Self { samples: 500, segment: 2, kernel_width: 1.0, ridge: 1.0 }
    }
}

/// The coalitions of kernel SHAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KernelShap {
    /// Coalitions per window; all of them where there are no more.
    pub samples: usize,
    /// Tokens of a player.
    pub segment: usize,
}

impl Default for KernelShap {
    fn default() -> Self {
        Self { samples: 500, segment: 2 }
    }
}

/// How a window's own mask is optimised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OptimizedMask {
    /// Steps of Adam.
    pub steps: usize,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Weight of the mask's area in the loss.
    pub area_weight: f64,
}

impl Default for OptimizedMask {
    fn default() -> Self {
        Self { steps: 100, learning_rate: 0.1, area_weight: 1.0 }
    }
}

/// A setting of a method: its name on the command line, what it is and where its value is.
pub(crate) struct Setting<'a> {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    value: Value<'a>,
}

/// A value with the numbers that it may be.
enum Value<'a> {
    /// 1 to [`LARGEST_COUNT`].
    Count(&'a mut usize),
    /// Above 0.
    Positive(&'a mut f64),
    /// 0 or more.
    Weight(&'a mut f64),
}

impl<'a> Setting<'a> {
    pub(crate) fn count(name: &'static str, value: &'a mut usize, meaning: &'static str) -> Self {
        Self { name, meaning, value: Value::Count(value) }
    }

    pub(crate) fn positive(name: &'static str, value: &'a mut f64, meaning: &'static str) -> Self {
        Self { name, meaning, value: Value::Positive(value) }
    }

    pub(crate) fn weight(name: &'static str, value: &'a mut f64, meaning: &'static str) -> Self {
        Self { name, meaning, value: Value::Weight(value) }
    }

    /// The value as it is typed.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Value::Count(count) => count.to_string(),
            Value::Positive(number) | Value::Weight(number) => number.to_string(),
        }
    }

    /// Takes a typed value; its range is for [`check`](Self::check).
    pub(crate) fn set(&mut self, text: &str) -> Result<(), String> {
        let is_read = match &mut self.value {
            Value::Count(count) => text.parse().map(|value| **count = value).is_ok(),
            Value::Positive(number) | Value::Weight(number) => {
                text.parse().map(|value| **number = value).is_ok()
            }
        };
        is_read.then_some(()).ok_or_else(|| self.problem(text))
    }

    /// Refuses a value out of range.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_in_range = match &self.value {
            Value::Count(count) => (1..=LARGEST_COUNT).contains(&**count),
            Value::Positive(number) => **number > 0.0 && number.is_finite(),
            Value::Weight(number) => **number >= 0.0 && number.is_finite(),
        };
        is_in_range.then_some(()).ok_or_else(|| self.problem(&self.text()))
    }

    fn problem(&self, found: &str) -> String {
        let range = match self.value {
            Value::Count(_) => format!("a whole number from 1 to {LARGEST_COUNT}"),
            Value::Positive(_) => "a number above 0".to_owned(),
            Value::Weight(_) => "a number of at least 0".to_owned(),
        };
        format!("{} must be {range}, not {found}", self.name)
    }
}
