//! What an encoder computes otherwise than those that are trained here.

use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// Added under the square root of a layer norm's variance, unless an architecture says otherwise.
pub(crate) const NORM_EPSILON: f64 = 1e-5;

/// How an encoder knows where a token stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// A learned vector of each place is added to the token's embedding.
    #[default]
    Learned,
    /// Queries and keys are turned by angles that grow with the place (Su et al. 2021): the first
    /// half of a head is paired with its second half, and the base is 10000.
    Rotary,
    /// Scores of attention fall with the distance, by a slope of each head (Press et al. 2022), to
    /// both sides alike.
    Alibi,
}

/// What stands between the two layers of a feed-forward unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedForward {
    /// The exact GELU.
    #[default]
    Gelu,
    /// The GELU approximated by a hyperbolic tangent.
    GeluTanh,
    /// The first layer is twice as wide: the exact GELU of its first half times its second half
    /// (Shazeer 2020).
    GatedGelu,
    /// The same with `x · sigmoid(x)` in the place of the GELU.
    GatedSilu,
}

/// What an encoder computes otherwise than those that are trained here; that of an imported model.
/// The default is our own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// How it knows where a token stands.
    pub positions: Positions,
    /// Angles of rotary positions from one place to the next, in radians, for each pair of channels
    /// of a head; none for `10000^(−2i / width)`. Checkpoints hold them rounded, and were trained
    /// with them as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequencies: Option<Vec<f32>>,
    /// What stands between the two layers of a feed-forward unit.
    pub unit: FeedForward,
    /// Whether a learned vector of all tokens, the tensor `type`, is added to each embedding behind
    /// the mask.
    pub token_type: bool,
    /// What is added under the square root of a layer norm's variance; none for 1e-5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm_epsilon: Option<f64>,
    /// Whether the encoder itself puts an end token, SEP, behind the last token of each row. It is
    /// never masked, and no table of tokens has it.
    pub end: bool,
}

impl Architecture {
    /// Whether it is our own, which the fused kernels compute.
    pub fn is_own(&self) -> bool {
        *self == Self::default()
    }

    /// What is added under the square root of a layer norm's variance.
    pub(crate) fn epsilon(&self) -> f64 {
        self.norm_epsilon.unwrap_or(NORM_EPSILON)
    }

    /// Refuses what cannot work with heads of `head` channels and patches of `patch` tokens.
    pub(super) fn validate(&self, head: usize, patch: usize) -> Result<()> {
        if self.positions == Positions::Rotary && !head.is_multiple_of(2) {
            return Err(Fault::usage(format!(
                "rotary positions need heads of an even width, not {head}: change dim or heads"
            )));
        }
        let wanted = if self.positions == Positions::Rotary { head / 2 } else { 0 };
        if let Some(found) = &self.frequencies
            && (found.len() != wanted || !found.iter().all(|angle| angle.is_finite()))
        {
            return Err(Fault::usage(format!(
                "frequencies must be {wanted} numbers, one for each pair of channels of a head"
            )));
        }
        if self.end && patch > 1 {
            return Err(Fault::usage(format!(
                "an end token needs a patch of 1, not {patch}: it stands alone"
            )));
        }
        match self.norm_epsilon {
            Some(epsilon) if !(1e-20..=0.1).contains(&epsilon) => {
                Err(Fault::usage(format!("norm_epsilon must be 1e-20 to 0.1, not {epsilon}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn only_the_default_is_our_own() {
        assert!(Architecture::default().is_own());
        let found: Architecture = serde_json::from_str(r#"{"positions":"alibi"}"#).unwrap();
        assert_eq!(found, Architecture { positions: Positions::Alibi, ..Default::default() });
        assert!(!found.is_own());
        assert!(serde_json::from_str::<Architecture>(r#"{"position":"alibi"}"#).is_err());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let rotary = Architecture { positions: Positions::Rotary, ..Default::default() };
        assert!(rotary.validate(6, 1).is_ok());
        assert!(rotary.validate(5, 1).unwrap_err().to_string().contains("even width, not 5"));
        let end = Architecture { end: true, ..Default::default() };
        assert!(end.validate(5, 1).is_ok());
        assert!(end.validate(5, 2).unwrap_err().to_string().contains("patch of 1, not 2"));
        for epsilon in [0.0, -1.0, f64::NAN, 1.0] {
            let wrong = Architecture { norm_epsilon: Some(epsilon), ..Default::default() };
            assert!(wrong.validate(4, 1).is_err(), "{epsilon}");
        }
    }
}
