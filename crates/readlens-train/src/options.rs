use clap::{ArgAction, Args};
use readlens_batch::{Augmentation, DeviceOption};
use readlens_fit::FitConfig;
use readlens_kmer::Tokenization;
use readlens_nn::DeviceKind;

/// Options of the training loop that both training stages have.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct FitOptions {
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Maximum number of passes over the training windows [default: the preset's for a classifier,
    /// 20 for an Explainer]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Make only as many of these passes as take about so many hours, measured before the first
    /// [default: no limit]
    #[arg(long, value_name = "HOURS")]
    hours: Option<f64>,
    /// Stop after so many epochs without a better validation score [default: never stop early]
    #[arg(long, value_name = "N")]
    patience: Option<u32>,
    /// Windows per optimiser step [default: the preset's for a classifier, 32 for an Explainer]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Largest learning rate [default: the preset's for a classifier, 0.005 for an Explainer]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Fraction of the steps over which the learning rate rises, at least 0 and below 1
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1, hide_short_help = true)]
    warm_up: f64,
    /// Decoupled weight decay of matrices
    #[arg(long, value_name = "RATE", default_value_t = 0.01, hide_short_help = true)]
    weight_decay: f64,
    /// Norm to which larger gradients are clipped; rows of tables are not
    #[arg(long, value_name = "NORM", default_value_t = 1.0, hide_short_help = true)]
    clip: f64,
    /// Parts that a batch is cut into, for threads to work on; their gradients are added up, so
    /// that more parts let a larger batch fit into memory. Another number of parts rounds
    /// differently; another number of threads does not
    #[arg(long, value_name = "N", default_value_t = 4, hide_short_help = true)]
    shards: usize,
    /// Where networks compute; cuda needs a build with CUDA
    #[arg(
        long,
        value_enum,
        value_name = "DEVICE",
        default_value_t,
        help_heading = "Running",
        hide_short_help = true
    )]
    device: DeviceOption,
}

impl FitOptions {
    /// Where networks compute.
    pub(crate) fn device(&self) -> DeviceKind {
        self.device.into()
    }

    /// The configuration, with the stage's own defaults where nothing was chosen.
    pub(crate) fn config(&self, epochs: u32, batch: usize, learning_rate: f64) -> FitConfig {
        FitConfig {
            epochs: self.epochs.unwrap_or(epochs),
            hours: self.hours,
            batch: self.batch.unwrap_or(batch),
            shards: self.shards,
            learning_rate: self.learning_rate.unwrap_or(learning_rate),
            table_learning_rate: 0.0,
            warm_up: self.warm_up,
            weight_decay: self.weight_decay,
            clip: self.clip,
            patience: self.patience,
            seed: self.seed,
        }
    }
}

/// Other readings of each window, in both training stages.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Augmentation")]
pub(crate) struct AugmentationOptions {
    /// Read every window in a random frame, drawn anew each epoch [default: true, and false for
    /// windows in their reading frame]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    frame_offset: Option<bool>,
    /// Read half of the windows as their reverse complement
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set)]
    reverse_complement: bool,
}

impl AugmentationOptions {
    /// The choice as the stages hold it, for windows of `tokenization`.
    pub(crate) fn config(&self, tokenization: &Tokenization) -> Augmentation {
        Augmentation {
            frame_offset: self.frame_offset.unwrap_or(tokenization.orientation.is_none()),
            reverse_complement: self.reverse_complement,
        }
    }
}
