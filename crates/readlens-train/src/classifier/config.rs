use readlens_batch::{Augmentation, MaskKind, RandomMasks};
use readlens_fault::{Fault, Result};
use readlens_fit::FitConfig;
use readlens_nn::{BagConfig, EncoderConfig, MaskSite, NormPlace, Pooling};
use serde::{Deserialize, Serialize};

/// Sizes to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// 1 layer of 32: for tests and first tries.
    Tiny,
    /// 2 layers of 64 on patches of 4 tokens: minutes on two cores.
    #[default]
    Small,
    /// 4 layers of 128 on patches of 2 tokens.
    Medium,
    /// A k-mer bag of 512 beside 2 layers of 64 on patches of 12 tokens: for genomes, where
    /// evidence is spread out and k-mer counts say more than places; tokens with stride 1.
    Bag,
    /// BERTax's size: 12 layers of 250, 5 heads, post-LN, CLS pooling, no patches.
    Bertax,
}

/// Probability of zeroing a hidden activation of a k-mer bag in training: it sees thousands of
/// features of tens of thousands of windows.
pub(crate) const BAG_DROPOUT: f64 = 0.5;

/// Shape of the classifier, apart from what the data decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Width of embeddings and blocks.
    pub dim: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub feed_forward: usize,
    /// Tokens joined into one position.
    pub patch: usize,
    /// Where layer norms stand.
    pub norm: NormPlace,
    /// How positions become one vector.
    pub pooling: Pooling,
    /// A k-mer bag beside the encoder, if there is one.
    pub bag: Option<BagConfig>,
    /// Probability of zeroing an activation in training.
    pub dropout: f64,
    /// What a mask makes of an embedding.
    pub mask_site: MaskSite,
    /// Maximum number of tokens of a window, CLS included; `None` for that of the longest window in
    /// the table.
    pub max_tokens: Option<usize>,
}

impl Preset {
    /// The preset's shape.
    pub fn model(self) -> ModelConfig {
        let (dim, layers, heads, feed_forward, patch) = match self {
            Self::Tiny => (32, 1, 2, 64, 4),
            Self::Small => (64, 2, 4, 256, 4),
            Self::Medium => (128, 4, 4, 512, 2),
            Self::Bag => (64, 2, 4, 256, 12),
            Self::Bertax => (250, 12, 5, 1024, 1),
        };
        let as_published = self == Self::Bertax;
        ModelConfig {
            dim,
            layers,
            heads,
            feed_forward,
            patch,
            norm: if as_published { NormPlace::Post } else { NormPlace::Pre },
            pooling: if as_published { Pooling::Cls } else { Pooling::Mean },
            bag: (self == Self::Bag).then_some(BagConfig { hidden: 512, dropout: BAG_DROPOUT }),
            dropout: 0.1,
            mask_site: MaskSite::Embedding,
            max_tokens: None,
        }
    }

    /// The preset's largest learning rate.
    pub fn learning_rate(self) -> f64 {
        match self {
            Self::Tiny | Self::Small => 3e-3,
            Self::Medium | Self::Bag => 1e-3,
            Self::Bertax => 1e-4,
        }
    }
}

impl ModelConfig {
    /// The encoder for a vocabulary and the longest window of the data.
    pub(crate) fn encoder(&self, vocabulary: usize, longest: usize) -> EncoderConfig {
        EncoderConfig {
            vocabulary,
            max_tokens: self.max_tokens.unwrap_or(longest),
            dim: self.dim,
            layers: self.layers,
            heads: self.heads,
            feed_forward: self.feed_forward,
            patch: self.patch,
            norm: self.norm,
            embedding_norm: true,
            dropout: self.dropout,
            mask_site: self.mask_site,
        }
    }
}

/// Everything that decides the trained classifier, apart from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Ranks to predict, highest first; empty: all of the table.
    pub ranks: Vec<String>,
    /// Shape of the network.
    pub model: ModelConfig,
    /// How it is trained.
    pub fit: FitConfig,
    /// Other readings of each window.
    pub augmentation: Augmentation,
    /// Masks that a part of the batch is seen through.
    pub masks: RandomMasks,
    /// Whether rare taxa weigh as much as frequent ones.
    pub class_weights: bool,
    /// Whether labels are dealt out at random among records: a classifier for sanity checks.
    pub permute_labels: bool,
}

impl Config {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Fault::Usage`] naming the value to change.
    pub fn validate(&self) -> Result<()> {
        self.fit.validate()?;
        // Any vocabulary and length will do to check the rest before the data is read.
        self.model.encoder(1 << 10, 1).validate()?;
        self.model.bag.as_ref().map_or(Ok(()), BagConfig::validate)?;
        let probability = self.masks.probability;
        if !(0.0..=1.0).contains(&probability) {
            return Err(Fault::usage(format!(
                "mask-probability must be in [0, 1], not {probability}"
            )));
        }
        match self.masks.kind {
            MaskKind::Tokens { unit: 0 } | MaskKind::Uniform { unit: 0 } => {
                Err(Fault::usage("mask-unit must be 1 or more, not 0"))
            }
            MaskKind::Blocks(_) | MaskKind::Tokens { .. } | MaskKind::Uniform { .. } => Ok(()),
        }
    }

    /// Whether no window is ever seen whole: validation windows are then masked too.
    pub(crate) fn masks_all(&self) -> bool {
        self.masks.probability >= 1.0
    }
}
