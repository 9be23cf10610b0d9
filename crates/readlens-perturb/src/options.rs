use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_nn::{DeviceKind, Precision};
use readlens_stage::{Context, Stage};

use crate::run::{Config, Paths, run};

/// Command line of `readlens-perturb`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet)
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of the classifier
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Mask table (Parquet) of any attribution method, in the order of the token table
    #[arg(long, value_name = "FILE")]
    masks: PathBuf,
    /// Table of predictions to write (Parquet)
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Only windows of this split [default: all that have a mask]
    #[arg(long, value_name = "SPLIT", value_parser = ["train", "valid", "test"])]
    split: Option<String>,
    /// Seed of the random controls
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Precision of matrix products, f32 or bf16; bf16 is faster on processors that have it
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Where networks compute, cpu or cuda; cuda needs a build with it
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceKind::Cpu, help_heading = "Running")]
    device: DeviceKind,
}

impl Stage for Options {
    const NAME: &'static str = "perturb";
    const ABOUT: &'static str = "Predict under every mask, its inverse and controls of equal area";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config { split: self.split, seed: self.seed, precision: self.precision };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            masks: self.masks,
            output: self.output,
        };
        run(&config, &paths, self.device, context)
    }
}
