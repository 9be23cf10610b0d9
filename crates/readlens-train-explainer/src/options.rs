use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_nn::Precision;
use readlens_stage::{Context, Stage};
use readlens_training::{AugmentationOptions, FitOptions};

use crate::config::{Config, HardMask, NetworkConfig, Preset, Target};
use crate::run::{Paths, run};

/// Largest learning rate where none is chosen.
const LEARNING_RATE: f64 = 5e-3;

/// Command line of `readlens-train-explainer`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet) with the splits train and valid
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of the trained classifier; it stays frozen
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json, training.parquet
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Masks and loss to start from
    #[arg(long, value_enum, default_value_t)]
    preset: Preset,
    /// One mask per rank instead of one for all ranks
    #[arg(long)]
    mask_per_rank: bool,
    /// What the mask must keep: the classifier's own prediction or the label
    #[arg(long, value_name = "TARGET", value_parser = ["predicted", "label"], default_value = "predicted")]
    target: String,
    /// Precision of the frozen classifier's matrix products, f32 or bf16; bf16 is faster on processors that have it
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Share of tokens that counts as read under presets with budgets, 0 to 1
    #[arg(long, value_name = "SHARE")]
    area: Option<f64>,
    /// Smallest share of tokens drawn in training under presets with budgets [default: the preset's]
    #[arg(long, value_name = "SHARE")]
    smallest_budget: Option<f64>,
    /// Largest share of tokens drawn in training under presets with budgets [default: the preset's]
    #[arg(long, value_name = "SHARE")]
    largest_budget: Option<f64>,

    /// Uniform masks at which distilled and gradient-fed Explainers take the classifier's gradient, each in (0, 1]
    #[arg(long, value_name = "LEVEL,…", value_delimiter = ',', default_value = "0.15")]
    gradient_levels: Vec<f64>,
    /// Tell the network the classifier's prediction
    #[arg(long)]
    conditioned: bool,

    /// Weight of the inverse-masked entropy, 1 - H/ln K [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Loss")]
    entropy_weight: Option<f64>,
    /// Weight of the inverse-masked KL from uniform, over ln K [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Loss")]
    uniform_kl_weight: Option<f64>,
    /// Weight of the mean mask [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Loss")]
    area_weight: Option<f64>,
    /// Weight of the mask's total variation [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Loss")]
    total_variation_weight: Option<f64>,

    /// Kind of network [default: a transformer under the preset paper, convolutional otherwise]
    #[arg(long, value_name = "KIND", value_parser = ["convolutional", "transformer"], help_heading = "Network")]
    network: Option<String>,
    /// Width of every layer
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "Network")]
    dim: usize,
    /// Tokens a convolution spans, odd
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Network")]
    width: usize,
    /// Dilation of each convolution
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "1,2,4,8",
        help_heading = "Network"
    )]
    dilations: Vec<usize>,
    /// Blocks of a transformer
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Network")]
    layers: usize,
    /// Attention heads of a transformer
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Network")]
    heads: usize,
    /// Width of a transformer's feed-forward layers [default: 4 times dim]
    #[arg(long, value_name = "N", help_heading = "Network")]
    feed_forward: Option<usize>,
    /// Tokens that a mask logit is averaged over, odd; 1 for none
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Network")]
    smoothing: usize,
    /// Probability of silencing an activation, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0, help_heading = "Network")]
    dropout: f64,

    #[command(flatten)]
    fit: FitOptions,
    #[command(flatten)]
    augmentation: AugmentationOptions,
}

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Hard,
            Self::Budget,
            Self::Paper,
            Self::Distilled,
            Self::DistilledWithGradient,
            Self::GradientFed,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Hard => PossibleValue::new("hard")
                .help("hard masks, uniform-kl; the Explainer finds the area"),
            Self::Budget => PossibleValue::new("budget")
                .help("budgeted top-k masks, for redundant evidence such as a whole gene"),
            Self::Paper => PossibleValue::new("paper")
                .help("Berman et al. 2026: soft masks, entropy, area, total variation"),
            Self::Distilled => PossibleValue::new("distilled")
                .help("learns the classifier's gradient at a low mask; none at inference"),
            Self::DistilledWithGradient => PossibleValue::new("distilled-with-gradient")
                .help("distilled, with the gradient added at inference"),
            Self::GradientFed => PossibleValue::new("gradient-fed")
                .help("reads the gradient, learns to keep and to remove at budgets of all sizes"),
        })
    }
}

impl Options {
    fn config(&self) -> Result<Config> {
        let (mut mask, mut weights) = self.preset.mask_and_weights();
        match &mut mask {
            HardMask::Budget { smallest, largest, share } => {
                *share = self.area.unwrap_or(*share);
                *smallest = self.smallest_budget.unwrap_or(*smallest);
                *largest = self.largest_budget.unwrap_or(*largest);
            }
            HardMask::Soft | HardMask::Threshold => {
                let budgets = [self.area, self.smallest_budget, self.largest_budget];
                if budgets.iter().any(Option::is_some) {
                    return Err(Fault::usage(
                        "--area, --smallest-budget and --largest-budget belong to presets with budgets: not to hard and paper",
                    ));
                }
            }
        }
        let chosen = [
            (&mut weights.entropy, self.entropy_weight),
            (&mut weights.uniform_kl, self.uniform_kl_weight),
            (&mut weights.area, self.area_weight),
            (&mut weights.total_variation, self.total_variation_weight),
        ];
        for (weight, chosen) in chosen {
            *weight = chosen.unwrap_or(*weight);
        }
        let is_transformer = match self.network.as_deref() {
            Some(kind) => kind == "transformer",
            None => self.preset == Preset::Paper,
        };
        let network = if is_transformer {
            NetworkConfig::Transformer {
                dim: self.dim,
                layers: self.layers,
                heads: self.heads,
                feed_forward: self.feed_forward.unwrap_or(4 * self.dim),
            }
        } else {
            NetworkConfig::Convolutional {
                dim: self.dim,
                width: self.width,
                dilations: self.dilations.clone(),
            }
        };
        Ok(Config {
            network,
            dropout: self.dropout,
            smoothing: self.smoothing,
            mask_per_rank: self.mask_per_rank,
            target: if self.target == "label" { Target::Label } else { Target::Predicted },
            mask,
            precision: self.precision,
            objective: self.preset.objective(&self.gradient_levels),
            weights,
            guide: self.preset.guide(&self.gradient_levels),
            conditioned: self.conditioned,
            fit: self.fit.config(20, LEARNING_RATE),
            augmentation: self.augmentation.config(),
        })
    }
}

impl Stage for Options {
    const NAME: &'static str = "train-explainer";
    const ABOUT: &'static str = "Train the Explainer that says what the frozen classifier reads";

    fn run(self, context: &Context) -> Result<()> {
        let config = self.config()?;
        let paths = Paths { tokens: self.tokens, classifier: self.classifier, output: self.output };
        run(&config, &paths, self.fit.device(), context)
    }
}
