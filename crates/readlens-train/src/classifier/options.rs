use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use readlens_batch::{BlockMasks, MaskKind, RandomMasks};
use readlens_fault::Result;
use readlens_nn::{BagConfig, MaskSite, NormPlace, Pooling};
use readlens_stage::{Context, Stage, refuse_misplaced};

use super::config::{BAG_DROPOUT, Config, Preset};
use super::run::{Paths, run};
use crate::options::{AugmentationOptions, FitOptions};

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
    /// Shuffle labels between records, whole lineages within each split: a control that can only
    /// memorise
    #[arg(long, help_heading = "Training")]
    permute_labels: bool,

    /// Width of embeddings and blocks [default: the preset's]
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
    /// too
    #[arg(long, value_name = "FRACTION", default_value_t = 0.5, help_heading = "Augmentation")]
    mask_probability: f64,
    /// What random masks look like [default: blocks]
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Augmentation")]
    mask_kind: Option<MaskKindOption>,
    /// Number of neighbouring tokens that are kept or hidden together (tokens, uniform) [default:
    /// 1]
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
        &[Self::Tiny, Self::Small, Self::Medium, Self::Bag, Self::Bertax]
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
        })
    }
}

impl Options {
    fn mask_kind(&self) -> Result<MaskKind> {
        let of_masks =
            [("--mask-kind", self.mask_kind.is_some()), ("--mask-unit", self.mask_unit.is_some())];
        if self.mask_probability == 0.0 {
            refuse_misplaced("a --mask-probability above 0", "0", &of_masks)?;
        }
        let unit = self.mask_unit.unwrap_or(1);
        Ok(match self.mask_kind.unwrap_or_default() {
            MaskKindOption::Blocks => {
                let of_units = [("--mask-unit", self.mask_unit.is_some())];
                refuse_misplaced("--mask-kind tokens and uniform", "blocks", &of_units)?;
                MaskKind::Blocks(BlockMasks::default())
            }
            MaskKindOption::Tokens => MaskKind::Tokens { unit },
            MaskKindOption::Uniform => MaskKind::Uniform { unit },
        })
    }

    fn config(&self) -> Result<Config> {
        let mut model = self.preset.model();
        let sizes = [
            (&mut model.dim, self.dim),
            (&mut model.layers, self.layers),
            (&mut model.heads, self.heads),
            (&mut model.feed_forward, self.feed_forward),
            (&mut model.patch, self.patch),
        ];
        for (size, chosen) in sizes {
            *size = chosen.unwrap_or(*size);
        }
        let hidden = self.bag.or(model.bag.map(|bag| bag.hidden)).filter(|hidden| *hidden > 0);
        model.bag = hidden.map(|hidden| BagConfig { hidden, dropout: BAG_DROPOUT });
        model.dropout = self.dropout.unwrap_or(model.dropout);
        model.max_tokens = self.max_tokens;
        model.norm = match self.norm {
            Some(NormOption::Pre) => NormPlace::Pre,
            Some(NormOption::Post) => NormPlace::Post,
            None => model.norm,
        };
        model.pooling = match self.pooling {
            Some(PoolingOption::Mean) => Pooling::Mean,
            Some(PoolingOption::Cls) => Pooling::Cls,
            None => model.pooling,
        };
        model.mask_site = match self.baseline {
            BaselineOption::Zero => MaskSite::Embedding,
            BaselineOption::Mean => MaskSite::Mean,
        };
        Ok(Config {
            ranks: self.ranks.clone(),
            model,
            fit: self.fit.config(60, self.preset.learning_rate()),
            augmentation: self.augmentation.config(&self.tokens)?,
            masks: RandomMasks { probability: self.mask_probability, kind: self.mask_kind()? },
            class_weights: self.class_weights,
            permute_labels: self.permute_labels,
        })
    }
}

impl Stage for Options {
    const NAME: &'static str = "train-classifier";
    const ABOUT: &'static str = "Train the classifier that is to be explained";

    fn run(self, context: &Context) -> Result<()> {
        let config = self.config()?;
        let device = self.fit.device();
        run(&config, &Paths { tokens: self.tokens, output: self.output }, device, context)
    }
}
