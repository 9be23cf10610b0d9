//! The shape of an Explainer, as `config.json` holds it, and what it may be.

use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use crate::encoder::{EncoderConfig, check_vocabulary};

/// Most tokens that one convolution may span.
const MOST_REACH: usize = 1 << 14;

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
}

/// Which tokens count as read: what turns mask logits into a hard mask.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// Those with a mask above 1/2: the Explainer decides how many.
    Threshold,
    /// The stated share of the window's tokens with the largest logits.
    Share {
        /// In `(0, 1]`.
        share: f64,
    },
}

/// A gradient of the frozen classifier beside the network: [`crate::mask_gradient`] for its own prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuideConfig {
    /// Uniform masks at which it is taken, each in `(0, 1]`.
    pub levels: Vec<f64>,
    /// Whether the network reads it and learns its weight, from 1 on; otherwise it is added to the
    /// z-scores of the network's logits with the fixed `weight`.
    pub is_input: bool,
    /// That weight.
    pub weight: f64,
}

impl GuideConfig {
    fn validate(&self, network: &ExplainerNetwork) -> Result<()> {
        let sound = |level: &f64| *level > 0.0 && *level <= 1.0;
        if self.levels.is_empty() || self.levels.len() > 100 || !self.levels.iter().all(sound) {
            return Err(Fault::usage("gradient levels must be 1 to 100 numbers in (0, 1]"));
        }
        if !self.weight.is_finite() {
            return Err(Fault::usage("the weight of the gradient must be a number"));
        }
        if self.is_input && matches!(network, ExplainerNetwork::Transformer(_)) {
            return Err(Fault::usage("only a convolutional Explainer reads a gradient"));
        }
        Ok(())
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide: Option<GuideConfig>,
    /// Number of taxa of each rank where the network reads the predicted taxa; empty where it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<usize>,
    /// Which tokens count as read.
    pub selection: Selection,
    /// How the windows it reads must be tokenized.
    pub tokenization: Tokenization,
}

impl ExplainerConfig {
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
                "the share of tokens to keep must be in (0, 1], not {share}"
            )));
        }
        self.guide.as_ref().map_or(Ok(()), |guide| guide.validate(&self.network))?;
        if self.conditions.len() > 1 << 10 || self.conditions.iter().any(|&n| n == 0 || n > 1 << 24)
        {
            return Err(Fault::usage(
                "an Explainer is told a predicted taxon of each rank or none",
            ));
        }
        match &self.network {
            ExplainerNetwork::Transformer(encoder) => {
                if !self.conditions.is_empty() {
                    return Err(Fault::usage(
                        "only a convolutional Explainer reads predicted taxa",
                    ));
                }
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
                    *vocabulary > 0 && *vocabulary <= 1 << 24 && *dim > 0 && *dim <= 1 << 14;
                if !sound || width.is_multiple_of(2) || *width > 1 << 10 {
                    return Err(Fault::usage(
                        "a convolutional Explainer needs a vocabulary, a dim and an odd width",
                    ));
                }
                if dilations.is_empty()
                    || dilations.iter().any(|&d| d == 0 || d * width > MOST_REACH)
                {
                    return Err(Fault::usage(format!(
                        "dilations must be one or more positive numbers, and times width at most {MOST_REACH}"
                    )));
                }
                Ok(())
            }
        }
    }
}
