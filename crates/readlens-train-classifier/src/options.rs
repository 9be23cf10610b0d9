use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use readlens_batch::{BlockMasks, MaskKind, RandomMasks};
use readlens_fault::Result;
use readlens_stage::{Context, Stage};
use readlens_training::{AugmentationOptions, FitOptions};

use crate::config::{BAG_DROPOUT, Config, Preset};
use crate::run::{Paths, run};

/// Command line of `readlens-train-classifier`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet) with the splits train and valid
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json, training.parquet
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Shape and learning rate to start from
    #[arg(long, value_enum, default_value_t)]
    preset: Preset,
    /// Ranks to predict, highest first [default: all rank columns of the table]
    #[arg(long, value_name = "RANK,…", value_delimiter = ',')]
    ranks: Vec<String>,

    /// Let rare taxa weigh as much as frequent ones
    #[arg(long, help_heading = "Training")]
    class_weights: bool,
    /// Deal the labels out at random among the records of each split, lineages whole: a classifier
    /// that can only learn by heart, for sanity checks
    #[arg(long, help_heading = "Training")]
    permute_labels: bool,

    /// Width of embeddings and blocks [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    dim: Option<usize>,
    /// Number of blocks [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    layers: Option<usize>,
    /// Attention heads; divides dim [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    heads: Option<usize>,
    /// Width of the feed-forward layers [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    feed_forward: Option<usize>,
    /// Tokens that the stem joins into one position, 1 for no stem [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    patch: Option<usize>,
    /// Probability of silencing an activation, 0 to 1 [default: the preset's]
    #[arg(long, value_name = "P", help_heading = "Network")]
    dropout: Option<f64>,
    /// Hidden width of a k-mer bag beside the encoder, 0 for none [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Network")]
    bag: Option<usize>,
    /// Probability of silencing a hidden activation of the k-mer bag, 0 to 1
    #[arg(long, value_name = "P", default_value_t = BAG_DROPOUT, help_heading = "Network")]
    bag_dropout: f64,
    /// Layer norms before or after attention and feed-forward [default: the preset's]
    #[arg(long, value_name = "PLACE", value_parser = ["pre", "post"], help_heading = "Network")]
    norm: Option<String>,
    /// How positions become one vector [default: the preset's]
    #[arg(long, value_name = "POOLING", value_parser = ["mean", "cls"], help_heading = "Network")]
    pooling: Option<String>,
    /// What hidden tokens look like: nothing (the paper's product) or the mean k-mer
    #[arg(long, value_name = "BASELINE", value_parser = ["zero", "mean"], default_value = "zero", help_heading = "Network")]
    baseline: String,
    /// Most tokens of a window, CLS included [default: those of the longest window]
    #[arg(long, value_name = "N", help_heading = "Network")]
    max_tokens: Option<usize>,

    /// Share of windows seen through a random mask, 0 to 1; with 1 validation windows are masked too
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, help_heading = "Augmentation")]
    mask_probability: f64,
    /// What random masks look like
    #[arg(long, value_enum, default_value_t, value_name = "KIND", help_heading = "Augmentation")]
    mask_kind: MaskKindOption,
    /// Neighbouring tokens kept or hidden together by the kinds tokens and uniform
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Augmentation")]
    mask_unit: usize,
    /// Smallest share of tokens in a block mask
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, help_heading = "Augmentation")]
    mask_smallest: f64,
    /// Largest share of tokens in a block mask
    #[arg(long, value_name = "SHARE", default_value_t = 0.6, help_heading = "Augmentation")]
    mask_largest: f64,
    /// Most blocks of a block mask
    #[arg(long, value_name = "N", default_value_t = 6, help_heading = "Augmentation")]
    mask_blocks: usize,
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
    /// Each token kept with probability 1/2, for itself: with --mask-probability 1 the independent
    /// judge of EVAL-X
    Tokens,
    /// As tokens, with a probability drawn from 0 to 1 for each window: a judge that has seen small
    /// and large shares too, the better one for networks on patches
    Uniform,
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
    fn mask_kind(&self) -> MaskKind {
        match self.mask_kind {
            MaskKindOption::Blocks => MaskKind::Blocks(BlockMasks {
                smallest: self.mask_smallest,
                largest: self.mask_largest,
                most_blocks: self.mask_blocks,
            }),
            MaskKindOption::Tokens => MaskKind::Tokens { unit: self.mask_unit },
            MaskKindOption::Uniform => MaskKind::Uniform { unit: self.mask_unit },
        }
    }

    fn config(&self) -> Config {
        use readlens_nn::{BagConfig, MaskSite, NormPlace, Pooling};
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
        model.bag = hidden.map(|hidden| BagConfig { hidden, dropout: self.bag_dropout });
        model.dropout = self.dropout.unwrap_or(model.dropout);
        model.max_tokens = self.max_tokens;
        model.norm = match self.norm.as_deref() {
            Some("post") => NormPlace::Post,
            Some(_) => NormPlace::Pre,
            None => model.norm,
        };
        model.pooling = match self.pooling.as_deref() {
            Some("cls") => Pooling::Cls,
            Some(_) => Pooling::Mean,
            None => model.pooling,
        };
        if self.baseline == "mean" {
            model.mask_site = MaskSite::Mean;
        }
        Config {
            ranks: self.ranks.clone(),
            model,
            fit: self.fit.config(60, self.preset.learning_rate()),
            augmentation: self.augmentation.config(),
            masks: RandomMasks { probability: self.mask_probability, kind: self.mask_kind() },
            class_weights: self.class_weights,
            permute_labels: self.permute_labels,
        }
    }
}

impl Stage for Options {
    const NAME: &'static str = "train-classifier";
    const ABOUT: &'static str = "Train the token classifier that is to be explained";

    fn run(self, context: &Context) -> Result<()> {
        let config = self.config();
        let device = self.fit.device();
        run(&config, &Paths { tokens: self.tokens, output: self.output }, device, context)
    }
}
