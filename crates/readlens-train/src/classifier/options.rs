use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use readlens_batch::{BlockMasks, MaskKind, RandomMasks, tokenization_of};
use readlens_channels::Channel;
use readlens_fault::Result;
use readlens_fit::FitConfig;
use readlens_kmer::Tokenization;
use readlens_nn::{BagConfig, ChannelBagConfig, CompositionConfig, MaskSite, NormPlace, Pooling};
use readlens_stage::{Context, Stage, refuse_misplaced};
use readlens_tables::Reader;

use super::config::{BAG_DROPOUT, Config, ModelConfig, Preset, TransformerModel};
use super::run::{Paths, run};
use crate::options::{AugmentationOptions, FitOptions};

/// Largest learning rate of tables, unless another is asked for.
const TABLE_LEARNING_RATE: f64 = 0.06;

/// Command line of `readlens-train-classifier`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet) with windows of the splits train and valid
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json, training.parquet
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Shape and learning rate to start from; other options change single values of it
    #[arg(long, value_enum, default_value_t)]
    preset: Preset,
    /// Ranks to predict, highest first [default: all rank columns of the table]
    #[arg(long, value_name = "RANK,…", value_delimiter = ',')]
    ranks: Vec<String>,

    /// Weigh rare taxa as much as frequent ones
    #[arg(long, help_heading = "Training")]
    class_weights: bool,
    /// Share of each label that is spread over all taxa, at least 0 and below 1 [default: the
    /// preset's]
    #[arg(long, value_name = "SHARE", help_heading = "Training", hide_short_help = true)]
    label_smoothing: Option<f64>,
    /// Largest learning rate of the tables of a bag of channels [default: 0.06]
    #[arg(long, value_name = "RATE", help_heading = "Training", hide_short_help = true)]
    table_learning_rate: Option<f64>,
    /// Shuffle labels between records, whole lineages within each split: a control that can only
    /// memorise
    #[arg(long, help_heading = "Training")]
    permute_labels: bool,

    /// Width of embeddings and blocks, or of the rows of a bag's tables [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    dim: Option<usize>,
    /// Number of blocks [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    layers: Option<usize>,
    /// Attention heads, a divisor of dim [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    heads: Option<usize>,
    /// Width of the feed-forward layers [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network", hide_short_help = true)]
    feed_forward: Option<usize>,
    /// Number of tokens that the stem joins into one position, 1 for no stem [default: the
    /// preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    patch: Option<usize>,
    /// Hidden width of a k-mer bag beside the encoder, 0 for no bag [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    bag: Option<usize>,
    /// Features of the presets channels and composition, such as kmer:8, seed:1101011 and, of
    /// windows in their reading frame, phased:6, codons:3 and amino:4; @N behind one is the number
    /// of its table's rows [default: the preset's]
    #[arg(long, value_name = "CHANNEL,…", value_delimiter = ',', help_heading = "Network")]
    channels: Vec<String>,
    /// Probability of leaving out an occurrence of a feature in training, at least 0 and below 1
    /// [default: the preset's]
    #[arg(long, value_name = "P", help_heading = "Network", hide_short_help = true)]
    occurrence_dropout: Option<f64>,
    /// Probability of zeroing an activation in training, at least 0 and below 1 [default: the
    /// preset's]
    #[arg(long, value_name = "P", help_heading = "Network", hide_short_help = true)]
    dropout: Option<f64>,
    /// Where layer norms stand [default: the preset's]
    #[arg(
        long,
        value_enum,
        value_name = "PLACE",
        help_heading = "Network",
        hide_short_help = true
    )]
    norm: Option<NormOption>,
    /// How positions become one vector [default: the preset's]
    #[arg(
        long,
        value_enum,
        value_name = "POOLING",
        help_heading = "Network",
        hide_short_help = true
    )]
    pooling: Option<PoolingOption>,
    /// What hidden tokens look like
    #[arg(long, value_enum, value_name = "BASELINE", default_value_t, help_heading = "Network")]
    baseline: BaselineOption,
    /// Maximum number of tokens of a window, CLS included [default: that of the longest window]
    #[arg(long, value_name = "N", help_heading = "Network", hide_short_help = true)]
    max_tokens: Option<usize>,

    /// Fraction of windows seen through a random mask, 0 to 1; with 1 validation windows are masked
    /// too [default: the preset's]
    #[arg(long, value_name = "FRACTION", help_heading = "Augmentation")]
    mask_probability: Option<f64>,
    /// What random masks look like [default: the preset's]
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Augmentation")]
    mask_kind: Option<MaskKindOption>,
    /// Number of neighbouring tokens that are kept or hidden together (tokens, uniform) [default:
    /// 1, or the preset's]
    #[arg(long, value_name = "N", help_heading = "Augmentation", hide_short_help = true)]
    mask_unit: Option<usize>,
    #[command(flatten)]
    fit: FitOptions,
    #[command(flatten)]
    augmentation: AugmentationOptions,
}

/// As typed; see [`MaskKind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MaskKindOption {
    /// Contiguous blocks, kept or hidden
    #[default]
    Blocks,
    /// Each token is kept with probability 1/2, independently; with --mask-probability 1 the
    /// independent judge of EVAL-X
    Tokens,
    /// As tokens, with a probability drawn from 0 to 1 for each window: the better judge of
    /// networks with patches, because it has seen small and large fractions too
    Uniform,
}

/// As typed; see [`NormPlace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NormOption {
    /// Before attention and feed-forward layers
    Pre,
    /// After them, as in BERT
    Post,
}

/// As typed; see [`Pooling`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PoolingOption {
    /// The mean over all positions
    Mean,
    /// The state of CLS
    Cls,
}

/// As typed; see [`MaskSite`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BaselineOption {
    /// Nothing: the mask multiplies the embedding, as in the paper
    #[default]
    Zero,
    /// The mean embedding of all k-mers
    Mean,
}

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Tiny,
            Self::Small,
            Self::Medium,
            Self::Bag,
            Self::Bertax,
            Self::Channels,
            Self::Composition,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Tiny => PossibleValue::new("tiny").help("1 layer of 32: for first tries"),
            Self::Small => {
                PossibleValue::new("small").help("2 layers of 64 on patches of 4 tokens")
            }
            Self::Medium => {
                PossibleValue::new("medium").help("4 layers of 128 on patches of 2 tokens")
            }
            Self::Bag => PossibleValue::new("bag")
                .help("a k-mer bag of 512 beside 2 layers of 64 on patches of 12 tokens"),
            Self::Bertax => {
                PossibleValue::new("bertax").help("12 layers of 250, post-LN, CLS pooling")
            }
            Self::Composition => PossibleValue::new("composition")
                .help("a linear classifier of counts of k-mers, codons and amino acids"),
            Self::Channels => PossibleValue::new("channels")
                .help("a bag of hashed features and no transformer: best in the reading frame"),
        })
    }
}

impl Options {
    fn masks(&self, preset: RandomMasks) -> Result<RandomMasks> {
        let of_masks =
            [("--mask-kind", self.mask_kind.is_some()), ("--mask-unit", self.mask_unit.is_some())];
        let probability = self.mask_probability.unwrap_or(preset.probability);
        if probability == 0.0 {
            refuse_misplaced("a --mask-probability above 0", "0", &of_masks)?;
        }
        let unit = |preset: usize| self.mask_unit.unwrap_or(preset);
        let kind = match (self.mask_kind, preset.kind) {
            (Some(MaskKindOption::Blocks), _) | (None, MaskKind::Blocks(_)) => {
                let of_units = [("--mask-unit", self.mask_unit.is_some())];
                refuse_misplaced("--mask-kind tokens and uniform", "blocks", &of_units)?;
                MaskKind::Blocks(BlockMasks::default())
            }
            (Some(MaskKindOption::Tokens), _) => MaskKind::Tokens { unit: unit(1) },
            (Some(MaskKindOption::Uniform), _) => MaskKind::Uniform { unit: unit(1) },
            (None, MaskKind::Tokens { unit: preset }) => MaskKind::Tokens { unit: unit(preset) },
            (None, MaskKind::Uniform { unit: preset }) => MaskKind::Uniform { unit: unit(preset) },
        };
        Ok(RandomMasks { probability, kind })
    }

    fn config(&self, tokenization: &Tokenization) -> Result<Config> {
        let preset = self.preset.training(tokenization);
        let model = match self.preset.model(tokenization)? {
            ModelConfig::Transformer(model) => ModelConfig::Transformer(self.transformer(model)?),
            ModelConfig::ChannelBag(bag) => ModelConfig::ChannelBag(self.channel_bag(bag)?),
            ModelConfig::Composition(preset) => ModelConfig::Composition(self.composition(preset)?),
        };
        let table_learning_rate = match model {
            ModelConfig::Transformer(_) | ModelConfig::Composition(_) => 0.0,
            ModelConfig::ChannelBag(_) => self.table_learning_rate.unwrap_or(TABLE_LEARNING_RATE),
        };
        let fit = self.fit.config(preset.epochs, preset.batch, preset.learning_rate);
        Ok(Config {
            ranks: self.ranks.clone(),
            model,
            fit: FitConfig { table_learning_rate, ..fit },
            augmentation: self.augmentation.config(tokenization),
            masks: self.masks(preset.masks)?,
            label_smoothing: self.label_smoothing.unwrap_or(preset.label_smoothing),
            class_weights: self.class_weights,
            permute_labels: self.permute_labels,
        })
    }

    fn transformer(&self, preset: TransformerModel) -> Result<TransformerModel> {
        let of_features = [("--channels", !self.channels.is_empty())];
        refuse_misplaced("presets without a transformer", "a transformer", &of_features)?;
        self.refuse_options_of_bags("a transformer")?;
        let hidden = self.bag.or(preset.bag.map(|bag| bag.hidden)).filter(|hidden| *hidden > 0);
        Ok(TransformerModel {
            dim: self.dim.unwrap_or(preset.dim),
            layers: self.layers.unwrap_or(preset.layers),
            heads: self.heads.unwrap_or(preset.heads),
            feed_forward: self.feed_forward.unwrap_or(preset.feed_forward),
            patch: self.patch.unwrap_or(preset.patch),
            bag: hidden.map(|hidden| BagConfig { hidden, dropout: BAG_DROPOUT }),
            dropout: self.dropout.unwrap_or(preset.dropout),
            max_tokens: self.max_tokens,
            norm: match self.norm {
                Some(NormOption::Pre) => NormPlace::Pre,
                Some(NormOption::Post) => NormPlace::Post,
                None => preset.norm,
            },
            pooling: match self.pooling {
                Some(PoolingOption::Mean) => Pooling::Mean,
                Some(PoolingOption::Cls) => Pooling::Cls,
                None => preset.pooling,
            },
            mask_site: self.baseline.into(),
        })
    }

    fn refuse_options_of_bags(&self, chosen: &str) -> Result<()> {
        let of_bags = [
            ("--occurrence-dropout", self.occurrence_dropout.is_some()),
            ("--table-learning-rate", self.table_learning_rate.is_some()),
        ];
        refuse_misplaced("--preset channels", chosen, &of_bags)
    }

    /// Refuses options of transformers for a preset without one; gives the channels.
    fn channels(&self, preset: Vec<Channel>) -> Result<Vec<Channel>> {
        let of_transformers = [
            ("--layers", self.layers.is_some()),
            ("--heads", self.heads.is_some()),
            ("--feed-forward", self.feed_forward.is_some()),
            ("--patch", self.patch.is_some()),
            ("--bag", self.bag.is_some()),
            ("--norm", self.norm.is_some()),
            ("--pooling", self.pooling.is_some()),
            ("--max-tokens", self.max_tokens.is_some()),
        ];
        refuse_misplaced("presets with a transformer", "one without", &of_transformers)?;
        let channels = self.channels.iter().map(|channel| channel.parse());
        let channels: Vec<Channel> = channels.collect::<Result<_>>()?;
        Ok(if channels.is_empty() { preset } else { channels })
    }

    fn composition(&self, preset: CompositionConfig) -> Result<CompositionConfig> {
        let of_dim = [("--dim", self.dim.is_some())];
        refuse_misplaced("the other presets", "composition", &of_dim)?;
        self.refuse_options_of_bags("composition")?;
        Ok(CompositionConfig {
            channels: self.channels(preset.channels)?,
            dropout: self.dropout.unwrap_or(preset.dropout),
            mask_site: self.baseline.into(),
        })
    }

    fn channel_bag(&self, preset: ChannelBagConfig) -> Result<ChannelBagConfig> {
        Ok(ChannelBagConfig {
            channels: self.channels(preset.channels)?,
            dim: self.dim.unwrap_or(preset.dim),
            occurrence_dropout: self.occurrence_dropout.unwrap_or(preset.occurrence_dropout),
            dropout: self.dropout.unwrap_or(preset.dropout),
            mask_site: self.baseline.into(),
        })
    }
}

impl From<BaselineOption> for MaskSite {
    fn from(option: BaselineOption) -> Self {
        match option {
            BaselineOption::Zero => Self::Embedding,
            BaselineOption::Mean => Self::Mean,
        }
    }
}

impl Stage for Options {
    const NAME: &'static str = "train-classifier";
    const ABOUT: &'static str = "Train the classifier that is to be explained";

    fn run(self, context: &Context) -> Result<()> {
        let config = self.config(&tokenization_of(&Reader::open(&self.tokens)?)?)?;
        let device = self.fit.device();
        run(&config, &Paths { tokens: self.tokens, output: self.output }, device, context)
    }
}
