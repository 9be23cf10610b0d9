use std::path::PathBuf;

use clap::Args;
use readlens_batch::Shard;
use readlens_fault::Result;
use readlens_nn::{DeviceKind, Precision};
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::{Removal, Split};

use crate::config::{Config, Paths};
use crate::run::run;

/// Command line of `readlens-perturb`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet)
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of the classifier
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Mask table (Parquet) of any attribution methods, in the order of the token table; repeat the option for several
    /// tables, each with methods or ranks of its own
    #[arg(long, value_name = "FILE", required = true)]
    masks: Vec<PathBuf>,
    /// Table of predictions to write (Parquet)
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Only windows of this split [default: all that have a mask]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name))]
    split: Option<Split>,
    /// At most so many windows, drawn by seed [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Keep and remove the tokens with the largest mask, and random blocks, at twelve shares from 1 to 90 %
    #[arg(long, help_heading = "Operators")]
    graded: bool,
    /// Besides the classifier's own masking, remove what is hidden in these ways
    #[arg(
        long,
        value_name = "WAYS",
        value_parser = one_of(Removal::ALL, Removal::name),
        value_delimiter = ',',
        default_value = "own",
        help_heading = "Operators"
    )]
    removal: Vec<Removal>,
    /// Draws of the soft operators, which keep or remove each token with the probability that its mask says
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Operators")]
    soft_draws: u32,
    /// Random subsets of the tokens to keep, for infidelity
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Operators")]
    subsets: u32,
    /// Directory of an independent classifier of the same tokenization and ranks, trained on random masks, that
    /// judges the masks too
    #[arg(long, value_name = "DIR", help_heading = "Operators")]
    judge: Option<PathBuf>,
    /// Seed of the random controls
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Precision of matrix products, f32 or bf16; bf16 is faster on processors that have it
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Only the i-th of n equal parts of the windows; join them with readlens-merge
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Where networks compute, cpu or cuda; cuda needs a build with it
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceKind::Cpu, help_heading = "Running")]
    device: DeviceKind,
}

impl Stage for Options {
    const NAME: &'static str = "perturb";
    const ABOUT: &'static str = "Predict under every mask, its inverse and controls of equal area";

    fn run(self, context: &Context) -> Result<()> {
        let mut removals = self.removal;
        removals.sort_unstable();
        removals.dedup();
        let config = Config {
            split: self.split,
            limit: self.limit,
            graded: self.graded,
            removals,
            soft_draws: self.soft_draws,
            subsets: self.subsets,
            seed: self.seed,
            precision: self.precision,
        };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            masks: self.masks,
            judge: self.judge,
            output: self.output,
        };
        run(&config, &paths, self.shard, self.device, context)
    }
}
