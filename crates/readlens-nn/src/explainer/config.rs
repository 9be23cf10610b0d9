//! The shape of an Explainer, as `config.json` holds it, and what it may be.

use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use super::query::QueryConfig;
use crate::encoder::{EncoderConfig, MAX_TOKENS, check_vocabulary};
use crate::explained::Explained;
use crate::objective::check_levels;
use crate::selection::Selection;

/// Maximum number of tokens that one convolution may span.
const MAXIMUM_REACH: usize = 1 << 14;
/// Maximum width of a convolution in tokens.
const MAXIMUM_WIDTH: usize = (1 << 10) - 1;
/// Maximum number of channels of a convolutional Explainer.
const MAXIMUM_DIM: usize = 1 << 14;

/// Kind and shape of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ExplainerNetwork {
    /// Residual dilated convolutions over token embeddings.
    Convolutional {
        /// Number of token ids.
        vocabulary: usize,
        /// Width of the embedding and of every layer.
        dim: usize,
        /// Tokens that a convolution spans; odd.
        width: usize,
        /// Dilation of each layer.
        dilations: Vec<usize>,
    },
    /// A transformer encoder without stem, as in the paper.
    Transformer(EncoderConfig),
    /// Queries of the predicted class to the classifier's own embeddings.
    Query(QueryConfig),
}

/// How an Explainer uses a gradient of the frozen classifier: [`crate::mask_gradient`] for the
/// classifier's own prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "GradientFile", into = "GradientFile")]
pub enum GradientUse {
    /// The network reads it, and adds it to its logits with a weight that it learns, from 1 on.
    Read {
        /// Uniform masks at which it is taken, each in `(0, 1]`.
        levels: Vec<f64>,
    },
    /// It is added to the z-scores of the network's logits with a fixed weight.
    Added {
        /// Uniform masks at which it is taken, each in `(0, 1]`.
        levels: Vec<f64>,
        /// That weight.
        weight: f64,
    },
}

/// [`GradientUse`] as `config.json` holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GradientFile {
    levels: Vec<f64>,
    is_input: bool,
    weight: f64,
}

impl From<GradientFile> for GradientUse {
    fn from(GradientFile { levels, is_input, weight }: GradientFile) -> Self {
        if is_input { Self::Read { levels } } else { Self::Added { levels, weight } }
    }
}

impl From<GradientUse> for GradientFile {
    fn from(gradient: GradientUse) -> Self {
        match gradient {
            GradientUse::Read { levels } => Self { levels, is_input: true, weight: 1.0 },
            GradientUse::Added { levels, weight } => Self { levels, is_input: false, weight },
        }
    }
}

impl GradientUse {
    /// Uniform masks at which the gradient is taken.
    pub fn levels(&self) -> &[f64] {
        match self {
            Self::Read { levels } | Self::Added { levels, .. } => levels,
        }
    }

    fn validate(&self, network: &ExplainerNetwork) -> Result<()> {
        check_levels(self.levels())?;
        match self {
            Self::Read { .. } if !matches!(network, ExplainerNetwork::Convolutional { .. }) => {
                Err(Fault::usage("only a convolutional Explainer reads a gradient"))
            }
            Self::Added { weight, .. } if !weight.is_finite() => {
                Err(Fault::usage(format!("gradient-weight must be a number, not {weight}")))
            }
            Self::Read { .. } | Self::Added { .. } => Ok(()),
        }
    }
}

/// Shape of an Explainer, as `config.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainerConfig {
    /// The network.
    pub network: ExplainerNetwork,
    /// What each of its masks explains: `all`, or one rank each.
    pub masks: Vec<String>,
    /// Tokens that a mask logit is averaged over, odd; 1 for none. Longer stretches are easier to
    /// read, for the classifier and for people.
    pub smoothing: usize,
    /// A gradient of the classifier beside the network, if there is one.
    #[serde(rename = "guide", default, skip_serializing_if = "Option::is_none")]
    pub gradient: Option<GradientUse>,
    /// Which tokens count as read.
    pub selection: Selection,
    /// Tokens of the longest window that its classifier reads; none in Explainers of earlier
    /// versions, which did not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// How the windows it reads must be tokenized.
    pub tokenization: Tokenization,
}

impl ExplainerConfig {
    /// What each of its masks explains.
    pub fn explained(&self) -> Vec<Explained> {
        Explained::by(self.masks.len())
    }

    /// Tokens of the longest window that it can explain: its classifier reads no longer one, as far
    /// as it says so, and nor may it itself.
    pub fn longest_window(&self) -> usize {
        let own = match &self.network {
            ExplainerNetwork::Transformer(encoder) => encoder.max_tokens,
            ExplainerNetwork::Convolutional { .. } | ExplainerNetwork::Query(_) => MAX_TOKENS,
        };
        self.max_tokens.map_or(own, |of_classifier| of_classifier.min(own))
    }

    /// Refuses shapes that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        if self.masks.is_empty() || self.masks.len() > 1 << 16 {
            return Err(Fault::usage("an Explainer gives at least one mask"));
        }
        if self.smoothing.is_multiple_of(2) || self.smoothing > 1 << 10 {
            let found = self.smoothing;
            return Err(Fault::usage(format!(
                "smoothing must be odd and below 1,024, not {found}"
            )));
        }
        if let Selection::Share { share } = self.selection
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(Fault::usage(format!(
                "the fraction of tokens to keep must be in (0, 1], not {share}"
            )));
        }
        self.gradient.as_ref().map_or(Ok(()), |gradient| gradient.validate(&self.network))?;
        match &self.network {
            ExplainerNetwork::Query(query) => query.validate(),
            ExplainerNetwork::Transformer(encoder) => {
                encoder.validate()?;
                encoder.check_vocabulary(&self.tokenization)?;
                if encoder.patch > 1 {
                    return Err(Fault::usage("a transformer Explainer has no stem: set patch = 1"));
                }
                Ok(())
            }
            ExplainerNetwork::Convolutional { vocabulary, dim, width, dilations } => {
                check_vocabulary(*vocabulary, &self.tokenization)?;
                let sound =
                    *vocabulary > 0 && *vocabulary <= 1 << 24 && *dim > 0 && *dim <= MAXIMUM_DIM;
                if !sound {
                    return Err(Fault::usage(format!(
                        "a convolutional Explainer needs a vocabulary and a dim of 1 to {MAXIMUM_DIM}, \
                         not {dim}"
                    )));
                }
                if width.is_multiple_of(2) || *width > MAXIMUM_WIDTH {
                    return Err(Fault::usage(format!(
                        "a convolutional Explainer needs an odd width of at most {MAXIMUM_WIDTH}, not \
                         {width}"
                    )));
                }
                let reaches_too_far =
                    |&d: &usize| d == 0 || d.saturating_mul(*width) > MAXIMUM_REACH;
                if dilations.is_empty() || dilations.iter().any(reaches_too_far) {
                    return Err(Fault::usage(format!(
                        "dilations must be one or more positive numbers, and times width at most {MAXIMUM_REACH}"
                    )));
                }
                Ok(())
            }
        }
    }
}
