use readlens_batch::Augmentation;
use readlens_fault::{Fault, Result};
use readlens_fit::FitConfig;
use readlens_nn::{
    EncoderConfig, ExplainerNetwork, GuideConfig, MaskSite, NormPlace, Precision, Selection,
};
use serde::{Deserialize, Serialize};

/// What the Explainer must keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The classifier's own prediction for the whole input, right or wrong.
    #[default]
    Predicted,
    /// The label; windows without one are left out at that rank.
    Label,
}

/// How the mask becomes what the classifier sees during training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HardMask {
    /// The soft mask itself, as in the paper.
    Soft,
    /// `1[m > 1/2]` forward, the gradient of `m` backward; the Explainer decides the area.
    Threshold,
    /// The `a · n` tokens with the largest logits, `a` drawn log-uniformly for each window; for
    /// redundant evidence, where any small part suffices and no area is the right one.
    Budget {
        /// Smallest share of tokens.
        smallest: f64,
        /// Largest share of tokens.
        largest: f64,
        /// Share that counts as read at inference.
        share: f64,
    },
}

impl HardMask {
    /// What a trained Explainer does at inference.
    pub fn selection(self) -> Selection {
        match self {
            Self::Soft | Self::Threshold => Selection::Threshold,
            Self::Budget { share, .. } => Selection::Share { share },
        }
    }
}

/// What the Explainer learns from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// The composite loss on the masked and the inverse-masked prediction.
    #[default]
    Composite,
    /// The z-scores of the classifier's gradient with respect to the mask at uniform masks of these
    /// levels: mean squared difference to the z-scores of the logits.
    Distilled {
        /// Each in `(0, 1]`.
        levels: Vec<f64>,
    },
    /// `(1 − p | keep the first a · n tokens) + (p | remove the first b · n)`, with `a` and `b` drawn
    /// independently from the budgets and `p` the probability of the target.
    KeepAndRemove,
}

/// Weights of the terms of [`Objective::Composite`]; classification has weight 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// `1 − H/ln K` of the inverse-masked prediction.
    pub entropy: f64,
    /// `KL(u‖p)/ln K` of the inverse-masked prediction.
    pub uniform_kl: f64,
    /// Mean mask.
    pub area: f64,
    /// Mean absolute difference of neighbours.
    pub total_variation: f64,
}

/// Kind and size of the Explainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NetworkConfig {
    /// Residual dilated convolutions.
    Convolutional {
        /// Width of every layer.
        dim: usize,
        /// Tokens a convolution spans.
        width: usize,
        /// Dilation of each layer.
        dilations: Vec<usize>,
    },
    /// A transformer encoder.
    Transformer {
        /// Width of embeddings and blocks.
        dim: usize,
        /// Number of blocks.
        layers: usize,
        /// Attention heads.
        heads: usize,
        /// Width of the feed-forward layers.
        feed_forward: usize,
    },
}

impl NetworkConfig {
    /// The network for a vocabulary and the classifier's longest window.
    pub(crate) fn network(
        &self,
        vocabulary: usize,
        max_tokens: usize,
        dropout: f64,
    ) -> ExplainerNetwork {
        match self.clone() {
            Self::Convolutional { dim, width, dilations } => {
                ExplainerNetwork::Convolutional { vocabulary, dim, width, dilations }
            }
            Self::Transformer { dim, layers, heads, feed_forward } => {
                ExplainerNetwork::Transformer(EncoderConfig {
                    vocabulary,
                    max_tokens,
                    dim,
                    layers,
                    heads,
                    feed_forward,
                    patch: 1,
                    norm: NormPlace::Pre,
                    embedding_norm: true,
                    dropout,
                    mask_site: MaskSite::Embedding,
                })
            }
        }
    }
}

/// Losses and masks to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Straight-through hard masks and uniform-kl: the Explainer finds the area. For evidence
    /// that stands in one place.
    #[default]
    Hard,
    /// Budgeted top-k masks: for redundant evidence, such as a whole gene.
    Budget,
    /// The paper's: soft masks, classification + entropy + area + total variation.
    Paper,
    /// Learns the classifier's gradient at a low uniform mask, so that none is needed at inference:
    /// the best at localisation.
    Distilled,
    /// [`Preset::Distilled`], with the gradient itself added at inference.
    DistilledWithGradient,
    /// Reads the gradient and learns to keep and to remove at budgets of all sizes: the best at
    /// faithfulness.
    GradientFed,
}

impl Preset {
    /// The preset's mask and loss weights.
    pub fn mask_and_weights(self) -> (HardMask, LossWeights) {
        let weights = |entropy, uniform_kl, area, total_variation| LossWeights {
            entropy,
            uniform_kl,
            area,
            total_variation,
        };
        let budgets = |smallest, largest| HardMask::Budget { smallest, largest, share: 0.1 };
        let none = weights(0.0, 0.0, 0.0, 0.0);
        match self {
            Self::Hard => (HardMask::Threshold, weights(0.0, 1.0, 1.0, 0.1)),
            Self::Paper => (HardMask::Soft, weights(1.0, 0.0, 1.0, 0.1)),
            Self::Budget => (budgets(0.03, 0.3), none),
            Self::Distilled | Self::DistilledWithGradient | Self::GradientFed => {
                (budgets(0.01, 0.5), none)
            }
        }
    }

    /// What the preset learns from; `levels` are the gradient's.
    pub fn objective(self, levels: &[f64]) -> Objective {
        match self {
            Self::Hard | Self::Budget | Self::Paper => Objective::Composite,
            Self::Distilled | Self::DistilledWithGradient => {
                Objective::Distilled { levels: levels.to_vec() }
            }
            Self::GradientFed => Objective::KeepAndRemove,
        }
    }

    /// The gradient beside the preset's network.
    pub fn guide(self, levels: &[f64]) -> Option<GuideConfig> {
        let levels = levels.to_vec();
        match self {
            Self::Hard | Self::Budget | Self::Paper | Self::Distilled => None,
            Self::DistilledWithGradient => {
                Some(GuideConfig { levels, is_input: false, weight: GRADIENT_WEIGHT })
            }
            Self::GradientFed => Some(GuideConfig { levels, is_input: true, weight: 1.0 }),
        }
    }
}

/// Weight of the gradient's z-scores beside those of a distilled network.
const GRADIENT_WEIGHT: f64 = 0.5;

/// Everything that decides the trained Explainer, apart from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The network.
    pub network: NetworkConfig,
    /// Probability of silencing an activation in training.
    pub dropout: f64,
    /// Tokens that a mask logit is averaged over, odd.
    pub smoothing: usize,
    /// One mask per rank instead of one for all.
    pub mask_per_rank: bool,
    /// What the mask must keep.
    pub target: Target,
    /// What the classifier sees during training.
    pub mask: HardMask,
    /// Precision of the frozen classifier's products.
    pub precision: Precision,
    /// What it learns from.
    pub objective: Objective,
    /// The loss, where it is composite.
    pub weights: LossWeights,
    /// A gradient of the classifier beside the network.
    pub guide: Option<GuideConfig>,
    /// Whether the network is told the classifier's prediction.
    pub conditioned: bool,
    /// How it is trained.
    pub fit: FitConfig,
    /// Other readings of each window.
    pub augmentation: Augmentation,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        self.fit.validate()?;
        let LossWeights { entropy, uniform_kl, area, total_variation } = self.weights;
        let weights = [
            ("entropy-weight", entropy),
            ("uniform-kl-weight", uniform_kl),
            ("area-weight", area),
            ("total-variation-weight", total_variation),
        ];
        for (name, weight) in weights {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Fault::usage(format!("{name} must be 0 or more, not {weight}")));
            }
        }
        if let HardMask::Budget { smallest, largest, share } = self.mask {
            let sound = 0.0 < smallest && smallest <= largest && largest <= 1.0;
            if !(sound && 0.0 < share && share <= 1.0) {
                return Err(Fault::usage(format!(
                    "budgets must satisfy 0 < smallest <= largest <= 1 and 0 < area <= 1, not \
                     {smallest}, {largest} and {share}"
                )));
            }
        }
        if let Objective::Distilled { levels } = &self.objective
            && (levels.is_empty() || !levels.iter().all(|level| *level > 0.0 && *level <= 1.0))
        {
            return Err(Fault::usage(format!("gradient-levels must be in (0, 1], not {levels:?}")));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Fault::usage(format!("dropout must be in [0, 1), not {}", self.dropout)));
        }
        Ok(())
    }
}
