use readlens_tables::Reader;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use readlens_batch::{PrecisionOption, tokenization_of};
use readlens_fault::{Fault, Result};
use readlens_nn::Objective;
use readlens_nn::objective::{LossWeights, MaskTraining};
use readlens_stage::{Context, Stage, refuse_misplaced};

use super::config::{Config, LearnFrom, NetworkConfig, Preset, Target};
use super::price::Price;
use super::run::{Paths, run};
use crate::options::{AugmentationOptions, FitOptions};

/// Largest learning rate where none is chosen, of networks that query and of others.
const QUERY_LEARNING_RATE: f64 = 3e-3;
const LEARNING_RATE: f64 = 5e-3;
/// Width of every layer where none is chosen, of the same.
const QUERY_DIM: usize = 64;
const DIM: usize = 32;

/// Command line of `readlens-train-explainer`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet) with windows of the splits train and valid
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of the trained classifier, which stays frozen
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json, training.parquet
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Training recipe: what the Explainer learns from; other options change single values of it
    #[arg(long, value_enum, default_value_t)]
    preset: Preset,
    /// Train one mask per rank instead of one mask for all ranks
    #[arg(long)]
    mask_per_rank: bool,
    /// What the mask must keep
    #[arg(long, value_enum, value_name = "TARGET", default_value_t)]
    target: Target,
    /// Split whose windows are learned from
    #[arg(long, value_enum, value_name = "SPLIT", default_value_t)]
    learn_from: LearnFrom,

    /// Fraction of tokens that counts as read, 0 to 1; with hard, query and paper, whose Explainer
    /// finds it, the area that the price of a token is moved towards [default: 0.1, and none for
    /// these three]
    #[arg(long, value_name = "FRACTION", help_heading = "Objective")]
    area: Option<f64>,
    /// Price of a token, as a multiple of what the average token is worth to the classifier (hard,
    /// query, paper); 1 keeps what is worth more [default: 1, and for hard --area-weight]
    #[arg(long, value_name = "MULTIPLE", help_heading = "Objective")]
    token_price: Option<f64>,
    /// Move the price of a token until masks cost at most this share of what it costs to hide
    /// everything, 0 to 1 (hard, query, paper)
    #[arg(long, value_name = "SHARE", help_heading = "Objective")]
    loss_within: Option<f64>,
    /// Smallest fraction of tokens drawn in training (budget, gradient-fed,
    /// keep-and-remove) [default: the preset's]
    #[arg(long, value_name = "FRACTION", help_heading = "Objective")]
    smallest_budget: Option<f64>,
    /// Largest fraction of tokens drawn in training (budget, gradient-fed,
    /// keep-and-remove) [default: the preset's]
    #[arg(long, value_name = "FRACTION", help_heading = "Objective")]
    largest_budget: Option<f64>,
    /// Values of the uniform masks at which the classifier's gradient is taken, above 0 and at most
    /// 1 (distilled, gradient-fed) [default: 0.15]
    #[arg(long, value_name = "LEVEL,…", value_delimiter = ',', help_heading = "Objective")]
    gradient_levels: Option<Vec<f64>>,
    /// Weight of the entropy term of the inverse-masked prediction, 1 - H/ln K (hard, query,
    /// budget, paper) [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Objective", hide_short_help = true)]
    entropy_weight: Option<f64>,
    /// Weight of the divergence of the inverse-masked prediction from uniform, KL(u||p)/ln K (hard,
    /// query, budget, paper) [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Objective", hide_short_help = true)]
    uniform_kl_weight: Option<f64>,
    /// Weight of the mean mask, in the place of a price (hard, query, budget, paper) [default: the
    /// preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Objective", hide_short_help = true)]
    area_weight: Option<f64>,
    /// Weight of the mask's total variation (hard, query, budget, paper) [default: the preset's]
    #[arg(long, value_name = "WEIGHT", help_heading = "Objective", hide_short_help = true)]
    total_variation_weight: Option<f64>,

    /// Kind of network [default: query for query and keep-and-remove, transformer for
    /// paper, convolutional otherwise]
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Network")]
    network: Option<NetworkKind>,
    /// Width of every layer [default: 64 for query, 32 otherwise]
    #[arg(long, value_name = "N", help_heading = "Network")]
    dim: Option<usize>,
    /// Tokens that a convolution spans, odd (convolutional, query) [default: 5]
    #[arg(long, value_name = "N", help_heading = "Network")]
    width: Option<usize>,
    /// Dilation of each convolution (convolutional) [default: 1,2,4,8]
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = "Network")]
    dilations: Option<Vec<usize>>,
    /// Number of blocks (transformer) or of convolutions (query) [default: 2]
    #[arg(long, value_name = "N", help_heading = "Network", hide_short_help = true)]
    layers: Option<usize>,
    /// Attention heads, a divisor of dim (transformer) [default: 4]
    #[arg(long, value_name = "N", help_heading = "Network", hide_short_help = true)]
    heads: Option<usize>,
    /// Width of the feed-forward layers (transformer) [default: 4 times dim]
    #[arg(long, value_name = "N", help_heading = "Network", hide_short_help = true)]
    feed_forward: Option<usize>,
    /// Number of neighbouring tokens that a mask logit is averaged over, odd; 1 for no average
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Network")]
    smoothing: usize,
    /// Probability of zeroing an activation in training, at least 0 and below 1
    #[arg(long, value_name = "P", default_value_t = 0.0, help_heading = "Network")]
    dropout: f64,

    #[command(flatten)]
    fit: FitOptions,
    #[command(flatten)]
    augmentation: AugmentationOptions,
    /// Number format of the frozen classifier's matrix products; bf16 is faster and less exact,
    /// where the processor has it
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        help_heading = "Running",
        hide_short_help = true
    )]
    precision: PrecisionOption,
}

/// As typed; see [`NetworkConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NetworkKind {
    /// Residual dilated convolutions
    Convolutional,
    /// A transformer encoder
    Transformer,
    /// Queries of the predicted class to the classifier's embeddings
    Query,
}

impl Preset {
    /// As typed.
    fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Query => "query",
            Self::Budget => "budget",
            Self::Paper => "paper",
            Self::Distilled => "distilled",
            Self::GradientFed => "gradient-fed",
            Self::KeepAndRemove => "keep-and-remove",
        }
    }
}

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Query,
            Self::KeepAndRemove,
            Self::Hard,
            Self::Budget,
            Self::Paper,
            Self::Distilled,
            Self::GradientFed,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Hard => {
                "hard masks; the Explainer finds the area; for evidence that stands in one place"
            }
            Self::Query => {
                "asks each token what it says for the predicted class; the Explainer finds the area; \
                 one pass of the classifier and no gradient at inference"
            }
            Self::Budget => {
                "hard masks of drawn areas; for redundant evidence, such as a whole gene"
            }
            Self::Paper => "soft masks and the loss of Berman et al. 2026",
            Self::Distilled => {
                "learns to predict the classifier's gradient; best localisation, no gradient at \
                 inference"
            }
            Self::KeepAndRemove => {
                "queries as well; trained to keep and to remove at areas of all sizes, so that its order \
                 of the tokens is faithful at each"
            }
            Self::GradientFed => {
                "takes the classifier's gradient as input; best faithfulness, three passes per window"
            }
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Target {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Predicted, Self::Label]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Predicted => PossibleValue::new("predicted")
                .help("the classifier's own prediction for the whole window, right or wrong"),
            Self::Label => PossibleValue::new("label")
                .help("the label; windows without a label at a rank are left out at that rank"),
        })
    }
}

impl ValueEnum for LearnFrom {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Train, Self::Valid]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Train => PossibleValue::new("train").help("validated on the split valid"),
            Self::Valid => PossibleValue::new("valid").help(
                "the classifier has not learned from these windows; a fifth of its records validates",
            ),
        })
    }
}

impl Options {
    /// The preset's objective with the values that were typed, without those of other presets.
    fn objective(&self) -> Result<Objective> {
        let preset = self.preset.name();
        let budgets = [
            ("--smallest-budget", self.smallest_budget.is_some()),
            ("--largest-budget", self.largest_budget.is_some()),
        ];
        let levels = [("--gradient-levels", self.gradient_levels.is_some())];
        let weights = [
            ("--entropy-weight", self.entropy_weight.is_some()),
            ("--uniform-kl-weight", self.uniform_kl_weight.is_some()),
            ("--area-weight", self.area_weight.is_some()),
            ("--total-variation-weight", self.total_variation_weight.is_some()),
        ];
        let refuse_budgets = || {
            refuse_misplaced(
                "the presets budget, gradient-fed and keep-and-remove",
                preset,
                &budgets,
            )
        };
        let refuse_levels =
            || refuse_misplaced("the presets distilled and gradient-fed", preset, &levels);
        let refuse_weights =
            || refuse_misplaced("the presets hard, query, budget and paper", preset, &weights);

        let mut objective = self.preset.objective();
        match &mut objective {
            Objective::Composite { mask, weights } => {
                refuse_levels()?;
                self.set_weights(weights);
                match mask {
                    MaskTraining::Soft | MaskTraining::Threshold => {
                        refuse_budgets()?;
                    }
                    MaskTraining::Budget { budgets, area } => {
                        set(area, self.area);
                        set(&mut budgets.smallest, self.smallest_budget);
                        set(&mut budgets.largest, self.largest_budget);
                    }
                }
            }
            Objective::Distilled { levels, area } => {
                refuse_budgets()?;
                refuse_weights()?;
                set(levels, self.gradient_levels.clone());
                set(area, self.area);
            }
            Objective::KeepAndRemove { levels, budgets, area } => {
                refuse_weights()?;
                if levels.is_empty() {
                    refuse_levels()?;
                }
                set(levels, self.gradient_levels.clone());
                set(&mut budgets.smallest, self.smallest_budget);
                set(&mut budgets.largest, self.largest_budget);
                set(area, self.area);
            }
        }
        Ok(objective)
    }

    /// How the weight of the mask's area is found: one of four options says it.
    fn price(&self) -> Result<Price> {
        let finds_area = matches!(self.preset, Preset::Hard | Preset::Query | Preset::Paper);
        let of_price = [
            ("--token-price", self.token_price.is_some()),
            ("--loss-within", self.loss_within.is_some()),
        ];
        if !finds_area {
            refuse_misplaced("the presets hard, query and paper", self.preset.name(), &of_price)?;
            return Ok(self.preset.price());
        }
        let prices = [
            ("--area-weight", self.area_weight.map(|_| Price::Weight)),
            ("--token-price", self.token_price.map(Price::Worth)),
            ("--area", self.area.map(Price::Area)),
            ("--loss-within", self.loss_within.map(Price::Loss)),
        ];
        let mut given = prices.iter().filter_map(|(name, price)| Some((name, (*price)?)));
        match (given.next(), given.next()) {
            (Some((one, _)), Some((other, _))) => Err(Fault::usage(format!(
                "{one} and {other} both say what a token costs: give one of them"
            ))),
            (Some((_, price)), None) => Ok(price),
            (None, _) => Ok(self.preset.price()),
        }
    }

    fn set_weights(&self, weights: &mut LossWeights) {
        set(&mut weights.entropy, self.entropy_weight);
        set(&mut weights.uniform_kl, self.uniform_kl_weight);
        set(&mut weights.area, self.area_weight);
        set(&mut weights.total_variation, self.total_variation_weight);
    }

    fn network(&self) -> Result<NetworkConfig> {
        match self.network_kind() {
            NetworkKind::Query => {
                let dilations = [("--dilations", self.dilations.is_some())];
                refuse_misplaced("--network convolutional", "query", &dilations)?;
                let blocks = [
                    ("--heads", self.heads.is_some()),
                    ("--feed-forward", self.feed_forward.is_some()),
                ];
                refuse_misplaced("--network transformer", "query", &blocks)?;
                if matches!(self.preset, Preset::Distilled | Preset::GradientFed) {
                    return Err(Fault::usage(
                        "--network query is for presets whose masks the classifier sees: query, \
                         keep-and-remove, hard, budget and paper",
                    ));
                }
                Ok(NetworkConfig::Query {
                    dim: self.dim.unwrap_or(QUERY_DIM),
                    width: self.width.unwrap_or(5),
                    layers: self.layers.unwrap_or(2),
                })
            }
            NetworkKind::Convolutional => {
                let others = [
                    ("--layers", self.layers.is_some()),
                    ("--heads", self.heads.is_some()),
                    ("--feed-forward", self.feed_forward.is_some()),
                ];
                refuse_misplaced("--network transformer", "convolutional", &others)?;
                Ok(NetworkConfig::Convolutional {
                    dim: self.dim.unwrap_or(DIM),
                    width: self.width.unwrap_or(5),
                    dilations: self.dilations.clone().unwrap_or_else(|| vec![1, 2, 4, 8]),
                })
            }
            NetworkKind::Transformer => {
                let others =
                    [("--width", self.width.is_some()), ("--dilations", self.dilations.is_some())];
                refuse_misplaced("the other networks", "transformer", &others)?;
                if self.preset == Preset::GradientFed {
                    return Err(Fault::usage(
                        "--network transformer does not fit --preset gradient-fed: only a \
                         convolutional Explainer reads a gradient",
                    ));
                }
                Ok(NetworkConfig::Transformer {
                    dim: self.dim.unwrap_or(DIM),
                    layers: self.layers.unwrap_or(2),
                    heads: self.heads.unwrap_or(4),
                    feed_forward: self.feed_forward.unwrap_or(4 * self.dim.unwrap_or(DIM)),
                })
            }
        }
    }

    /// The kind that was typed, or else the preset's.
    fn network_kind(&self) -> NetworkKind {
        let of_preset = match self.preset {
            Preset::Paper => NetworkKind::Transformer,
            Preset::Query | Preset::KeepAndRemove => NetworkKind::Query,
            Preset::Hard | Preset::Budget | Preset::Distilled | Preset::GradientFed => {
                NetworkKind::Convolutional
            }
        };
        self.network.unwrap_or(of_preset)
    }

    fn learning_rate(&self) -> f64 {
        match self.network_kind() {
            NetworkKind::Query => QUERY_LEARNING_RATE,
            NetworkKind::Convolutional | NetworkKind::Transformer => LEARNING_RATE,
        }
    }

    fn config(&self) -> Result<Config> {
        Ok(Config {
            network: self.network()?,
            dropout: self.dropout,
            smoothing: self.smoothing,
            mask_per_rank: self.mask_per_rank,
            target: self.target,
            learn_from: self.learn_from,
            precision: self.precision.into(),
            objective: self.objective()?,
            price: self.price()?,
            fit: self.fit.config(20, 32, self.learning_rate()),
            augmentation: self.augmentation.config(&tokenization_of(&Reader::open(&self.tokens)?)?),
        })
    }
}

/// Replaces a value of the preset by the one that was typed, if there is one.
fn set<T>(value: &mut T, typed: Option<T>) {
    if let Some(typed) = typed {
        *value = typed;
    }
}

impl Stage for Options {
    const NAME: &'static str = "train-explainer";
    const ABOUT: &'static str = "Train the Explainer that shows what the frozen classifier reads";

    fn run(self, context: &Context) -> Result<()> {
        let config = self.config()?;
        let paths = Paths { tokens: self.tokens, classifier: self.classifier, output: self.output };
        run(&config, &paths, self.fit.device(), context)
    }
}
