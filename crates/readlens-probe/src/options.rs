use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{BootstrapOptions, Context, Stage, one_of};
use readlens_tables::vocabulary::Split;

use crate::config::{Config, Inputs};

/// What is typed: the masks and how they are probed.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize, with taxa
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Mask table of these windows; repeat for further tables, each with other methods or ranks
    #[arg(long, required = true, value_name = "PARQUET")]
    masks: Vec<PathBuf>,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Probe only masks of this split [default: all masks]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name, Split::meaning))]
    split: Option<Split>,
    /// Values that every mask is resampled to, 1 to 4096
    #[arg(long, value_name = "N", default_value_t = Config::default().bins, hide_short_help = true)]
    bins: u32,
    /// Minimum number of records of a taxon in each half of the data; rarer taxa are left out
    #[arg(
        long,
        value_name = "N",
        default_value_t = Config::default().min_records,
        hide_short_help = true
    )]
    min_records: u32,
    /// Also retrain linear models on what the masks keep and on what they remove, at these shares
    /// of the tokens, beside random tokens and blurred noise (ROAR, EVAL-X and STRIPE-X)
    #[arg(long, value_name = "SHARE", value_delimiter = ',', hide_short_help = true)]
    retrain: Vec<f32>,
    #[command(flatten)]
    bootstrap: BootstrapOptions,
}

impl Stage for Options {
    const NAME: &'static str = "probe";
    const ABOUT: &'static str =
        "Measure what the mask alone tells, and what linear models learn under it";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            bins: self.bins,
            min_records: self.min_records,
            split: self.split,
            retrain: self.retrain,
            replicates: self.bootstrap.replicates,
        };
        let inputs = Inputs { tokens: self.tokens, masks: self.masks };
        crate::run(&config, self.bootstrap.seed, &inputs, &self.output, context)
    }
}
