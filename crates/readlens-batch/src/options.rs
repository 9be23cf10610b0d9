use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use readlens_nn::scores::Averaging;
use readlens_nn::{DeviceKind, Precision};
use readlens_predictor::Command;

use crate::model::ModelSource;
use crate::stream::Shard;

/// Options of every stage that only asks for predictions.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("model").required(true).args(["classifier", "predictor"])))]
pub struct ModelOptions {
    /// Directory of the classifier
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
    /// Command of a program that answers in the place of a classifier, such as "python my_model.py"
    ///
    /// It reads windows and masks as an Arrow IPC stream on standard input, and writes
    /// probabilities as another one on standard output: docs/any-program.md describes both. What it
    /// says on standard error goes to the log.
    #[arg(long, value_name = "COMMAND")]
    predictor: Option<String>,
    /// Seconds within which the predictor must start, give each answer, and end
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = Command::SECONDS,
        requires = "predictor",
        conflicts_with = "classifier",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        hide_short_help = true
    )]
    predictor_timeout: u32,
}

impl ModelOptions {
    /// Where what answers is found.
    pub fn source(self) -> ModelSource {
        let timeout = Duration::from_secs(u64::from(self.predictor_timeout));
        match self.predictor {
            Some(line) => ModelSource::Program(Command::new(line).within(timeout)),
            None => ModelSource::Directory(self.classifier.unwrap_or_default()),
        }
    }
}

/// Options of every stage that puts windows through trained networks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Running")]
pub struct InferenceOptions {
    /// Work on part I of N equal parts of the windows; readlens-merge joins the tables of all parts
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    #[command(flatten)]
    compute: ComputeOptions,
}

/// How and where trained networks compute.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Running")]
pub struct ComputeOptions {
    /// Number format of matrix products; bf16 is faster and less exact, where the processor has it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, hide_short_help = true)]
    precision: PrecisionOption,
    /// Where networks compute; cuda needs a build with CUDA
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t, hide_short_help = true)]
    device: DeviceOption,
}

impl InferenceOptions {
    /// The part of the windows to work on.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// How and where the networks compute.
    pub fn compute(&self) -> ComputeOptions {
        self.compute
    }
}

impl ComputeOptions {
    /// Number format of the networks' matrix products.
    pub fn precision(&self) -> Precision {
        self.precision.into()
    }

    /// Where networks compute.
    pub fn device(&self) -> DeviceKind {
        self.device.into()
    }
}

/// Options of every stage that makes masks from scores.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "From scores to masks")]
pub struct AveragingOptions {
    /// Tokens of the moving average over the scores, an odd number; 1 leaves the scores as they are
    #[arg(long, value_name = "TOKENS", default_value_t = Averaging::NONE.smoothing)]
    smoothing: usize,
    /// Tokens of a block that get one mean score, after the smoothing; 1 leaves the scores as they
    /// are
    ///
    /// Compare methods at equal block size: masks of scattered tokens have an advantage where
    /// evidence is removed.
    #[arg(long, value_name = "TOKENS", default_value_t = Averaging::NONE.patch)]
    patch: usize,
}

impl From<AveragingOptions> for Averaging {
    fn from(options: AveragingOptions) -> Self {
        Self { smoothing: options.smoothing, patch: options.patch }
    }
}

/// As typed; see [`Precision`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PrecisionOption {
    /// 32 bits
    #[default]
    F32,
    /// 16 bits with the range of 32; sums stay in 32 bits
    Bf16,
}

impl From<PrecisionOption> for Precision {
    fn from(option: PrecisionOption) -> Self {
        match option {
            PrecisionOption::F32 => Self::F32,
            PrecisionOption::Bf16 => Self::Bf16,
        }
    }
}

/// As typed; see [`DeviceKind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceOption {
    /// The processor
    #[default]
    Cpu,
    /// The first CUDA GPU
    Cuda,
}

impl From<DeviceOption> for DeviceKind {
    fn from(option: DeviceOption) -> Self {
        match option {
            DeviceOption::Cpu => Self::Cpu,
            DeviceOption::Cuda => Self::Cuda,
        }
    }
}
