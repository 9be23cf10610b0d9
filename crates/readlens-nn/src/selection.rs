use serde::{Deserialize, Serialize};

/// Which tokens count as read: what turns mask logits into a hard mask.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// Those with a mask above 1/2: the Explainer decides how many.
    Threshold,
    /// The stated fraction of the window's tokens, those with the largest logits.
    Share {
        /// In `(0, 1]`.
        share: f64,
    },
}
