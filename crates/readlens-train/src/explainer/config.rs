use readlens_batch::Augmentation;
use readlens_fault::{Fault, Result};
use readlens_fit::FitConfig;
use readlens_nn::{
    Architecture, ClassifierConfig, EncoderConfig, EvidenceShape, ExplainerNetwork, MaskSite,
    NormPlace, Objective, Precision, QueryConfig,
};
use serde::{Deserialize, Serialize};

use super::price::Price;

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

/// Whose windows are learned from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnFrom {
    /// Those of the split train; valid validates.
    #[default]
    Train,
    /// Those of the split valid, which the classifier has not learned from; a fifth of its records
    /// validates.
    Valid,
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
    /// Queries of the predicted class to the classifier's own embeddings, and convolutions of
    /// their scores.
    Query {
        /// Width of the convolutions.
        dim: usize,
        /// Tokens a convolution spans.
        width: usize,
        /// Number of convolutions.
        layers: usize,
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
    /// The network for the classifier's shape, vocabulary and longest window.
    pub(crate) fn network(
        &self,
        classifier: &ClassifierConfig,
        max_tokens: usize,
        dropout: f64,
    ) -> ExplainerNetwork {
        let vocabulary = classifier.tokenization.vocabulary_size();
        match self.clone() {
            Self::Query { dim, width, layers } => ExplainerNetwork::Query(QueryConfig {
                evidence: EvidenceShape::of(classifier),
                hidden: dim,
                width,
                layers,
            }),
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
                    architecture: Architecture::default(),
                })
            }
        }
    }
}

/// Objectives to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// [`Objective::query`]: the Explainer queries the classifier.
    #[default]
    Query,
    /// [`Objective::hard`].
    Hard,
    /// [`Objective::budget`].
    Budget,
    /// [`Objective::paper`].
    Paper,
    /// [`Objective::distilled`]: the best at localisation.
    Distilled,
    /// [`Objective::gradient_fed`]: the best at faithfulness.
    GradientFed,
    /// [`Objective::keep_and_remove`]: the Explainer queries the classifier.
    KeepAndRemove,
}

impl Preset {
    /// How its weight of the mask's area is found.
    pub fn price(self) -> Price {
        match self {
            Self::Paper | Self::Query => Price::Worth(1.0),
            Self::Hard
            | Self::Budget
            | Self::Distilled
            | Self::GradientFed
            | Self::KeepAndRemove => Price::Weight,
        }
    }

    /// What the preset learns from.
    pub fn objective(self) -> Objective {
        match self {
            Self::Hard => Objective::hard(),
            Self::Query => Objective::query(),
            Self::Budget => Objective::budget(),
            Self::Paper => Objective::paper(),
            Self::Distilled => Objective::distilled(),
            Self::GradientFed => Objective::gradient_fed(),
            Self::KeepAndRemove => Objective::keep_and_remove(),
        }
    }
}

/// Everything that decides the trained Explainer, apart from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The network.
    pub network: NetworkConfig,
    /// Probability of zeroing an activation in training.
    pub dropout: f64,
    /// Tokens that a mask logit is averaged over, odd.
    pub smoothing: usize,
    /// One mask per rank instead of one for all.
    pub mask_per_rank: bool,
    /// What the mask must keep.
    pub target: Target,
    /// Whose windows are learned from.
    #[serde(default)]
    pub learn_from: LearnFrom,
    /// Precision of the frozen classifier's products.
    pub precision: Precision,
    /// What it learns from.
    pub objective: Objective,
    /// How the weight of the mask's area is found.
    pub price: Price,
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
        self.objective.validate()?;
        self.price.validate(&self.objective)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Fault::usage(format!("dropout must be in [0, 1), not {}", self.dropout)));
        }
        Ok(())
    }
}
