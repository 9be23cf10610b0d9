use readlens_batch::{Augmentation, BlockMasks, MaskKind, RandomMasks};
use readlens_fault::{Fault, Result};
use readlens_fit::FitConfig;
use readlens_kmer::Tokenization;
use readlens_nn::{
    Architecture, BagConfig, ChannelBagConfig, CompositionConfig, EncoderConfig, MAX_TOKENS,
    MaskSite, NetworkConfig, NormPlace, Pooling, TransformerConfig,
};
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
    /// No transformer: a bag of hashed features, which learns composition and homology in minutes;
    /// best on windows in their reading frame.
    Channels,
    /// No transformer: a linear classifier of the composition.
    Composition,
}

/// Probability of zeroing a hidden activation of a k-mer bag in training: it sees thousands of
/// features of tens of thousands of windows.
pub(crate) const BAG_DROPOUT: f64 = 0.5;

/// Shape of the classifier, apart from what the data decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelConfig {
    /// A transformer over the tokens.
    Transformer(TransformerModel),
    /// A bag of hashed features.
    ChannelBag(ChannelBagConfig),
    /// A linear classifier of the composition.
    Composition(CompositionConfig),
}

/// Shape of a transformer, apart from what the data decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerModel {
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

/// Channels of windows in their reading frame: the codons and amino acids that homologous genes
/// share, the composition by codon position, and two channels that read either strand.
const FRAMED_CHANNELS: [&str; 7] =
    ["phased:6", "phased:8", "amino:3", "amino:4", "codons:3", "kmer:8", "seed:11011011011011"];
/// Channels of windows on either strand and in any frame.
const UNFRAMED_CHANNELS: [&str; 5] =
    ["kmer:6", "kmer:8", "kmer:10", "kmer:12", "seed:11011011011011"];

/// Bases that are kept or hidden together while a bag of channels is trained.
const MASKED_BASES: usize = 12;

impl Preset {
    /// The preset's shape for windows of `tokenization`.
    ///
    /// # Errors
    /// Never for the channels that are listed here.
    pub fn model(self, tokenization: &Tokenization) -> Result<ModelConfig> {
        let (dim, layers, heads, feed_forward, patch) = match self {
            Self::Tiny => (32, 1, 2, 64, 4),
            Self::Small => (64, 2, 4, 256, 4),
            Self::Medium => (128, 4, 4, 512, 2),
            Self::Bag => (64, 2, 4, 256, 12),
            Self::Bertax => (250, 12, 5, 1024, 1),
            Self::Composition => {
                let names: &[&str] = match tokenization.orientation {
                    Some(_) => &["kmer:6", "codons:1", "codons:2", "amino:2"],
                    None => &["kmer:6"],
                };
                return Ok(ModelConfig::Composition(CompositionConfig {
                    channels: names.iter().map(|name| name.parse()).collect::<Result<_>>()?,
                    dropout: 0.3,
                    mask_site: MaskSite::Embedding,
                }));
            }
            Self::Channels => {
                let names: &[&str] = match tokenization.orientation {
                    Some(_) => &FRAMED_CHANNELS,
                    None => &UNFRAMED_CHANNELS,
                };
                return Ok(ModelConfig::ChannelBag(ChannelBagConfig {
                    channels: names.iter().map(|name| name.parse()).collect::<Result<_>>()?,
                    dim: 128,
                    occurrence_dropout: 0.5,
                    dropout: 0.3,
                    mask_site: MaskSite::Embedding,
                }));
            }
        };
        let as_published = self == Self::Bertax;
        Ok(ModelConfig::Transformer(TransformerModel {
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
        }))
    }

    /// How the preset is trained on windows of `tokenization`.
    pub fn training(self, tokenization: &Tokenization) -> Training {
        let learning_rate = match self {
            Self::Tiny | Self::Small => 3e-3,
            Self::Medium | Self::Bag => 1e-3,
            Self::Bertax => 1e-4,
            Self::Channels | Self::Composition => {
                let unit = mask_unit(tokenization);
                let is_bag = self == Self::Channels;
                return Training {
                    learning_rate: if is_bag { 2e-3 } else { 1e-3 },
                    epochs: if is_bag { 4 } else { 5 },
                    batch: if is_bag { 64 } else { 256 },
                    label_smoothing: if is_bag { 0.1 } else { 0.0 },
                    masks: RandomMasks { probability: 0.75, kind: MaskKind::Uniform { unit } },
                };
            }
        };
        let kind = MaskKind::Blocks(BlockMasks::default());
        Training {
            learning_rate,
            epochs: 60,
            batch: 32,
            label_smoothing: 0.0,
            masks: RandomMasks { probability: 0.5, kind },
        }
    }
}

/// Number of neighbouring tokens that random masks keep or hide together, of windows that are read
/// base by base.
pub(crate) fn mask_unit(tokenization: &Tokenization) -> usize {
    MASKED_BASES.div_ceil(tokenization.frames().max(1) as usize)
}

/// What a preset says about training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Passes over the training windows.
    pub epochs: u32,
    /// Windows per optimiser step.
    pub batch: usize,
    /// Share of each label that is spread over all taxa.
    pub label_smoothing: f64,
    /// Masks that a part of the windows is seen through.
    pub masks: RandomMasks,
}

impl TransformerModel {
    /// The transformer for a vocabulary and the longest window of the data.
    fn network(&self, vocabulary: usize, longest: usize) -> TransformerConfig {
        let encoder = EncoderConfig {
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
            architecture: Architecture::default(),
        };
        TransformerConfig { encoder, pooling: self.pooling, bag: self.bag.clone() }
    }
}

impl ModelConfig {
    /// The network for a vocabulary and the longest window of the data.
    pub(crate) fn network(&self, vocabulary: usize, longest: usize) -> NetworkConfig {
        match self {
            Self::Transformer(model) => {
                NetworkConfig::Transformer(model.network(vocabulary, longest))
            }
            Self::ChannelBag(bag) => NetworkConfig::ChannelBag(bag.clone()),
            Self::Composition(composition) => NetworkConfig::Composition(composition.clone()),
        }
    }

    /// Maximum number of tokens of a window that it may be trained on.
    pub(crate) fn max_tokens(&self) -> usize {
        match self {
            Self::Transformer(model) => model.max_tokens.unwrap_or(MAX_TOKENS),
            Self::ChannelBag(_) | Self::Composition(_) => MAX_TOKENS,
        }
    }

    /// Probability of zeroing an activation, apart from those with a rate of their own.
    pub(crate) fn dropout(&self) -> f64 {
        match self {
            Self::Transformer(model) => model.dropout,
            Self::ChannelBag(bag) => bag.dropout,
            Self::Composition(composition) => composition.dropout,
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
    /// Share of each label that is spread over all taxa, at least 0 and below 1.
    #[serde(default)]
    pub label_smoothing: f64,
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
        match &self.model {
            ModelConfig::Transformer(model) => {
                // Any vocabulary and length will do to check the rest before the data is read.
                model.network(1 << 10, 1).encoder.validate()?;
                model.bag.as_ref().map_or(Ok(()), BagConfig::validate)?;
            }
            ModelConfig::ChannelBag(bag) if bag.mask_site == MaskSite::Mean => {
                return Err(Fault::usage(
                    "baseline mean is not for bags of channels: their tables move while they are \
                     trained, and the mean rows with them",
                ));
            }
            ModelConfig::ChannelBag(_) | ModelConfig::Composition(_) => {}
        }
        let smoothing = self.label_smoothing;
        if !(0.0..1.0).contains(&smoothing) {
            return Err(Fault::usage(format!(
                "label-smoothing must be in [0, 1), not {smoothing}"
            )));
        }
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
