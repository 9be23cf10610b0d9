use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::Split;

use crate::config::{Config, Inputs};

/// What is typed: the masks and how they are probed.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Tokenized windows with their taxa
    #[arg(long, value_name = "PARQUET")]
    pub tokens: PathBuf,
    /// Masks of these windows; repeat for further tables, each of other methods or ranks
    #[arg(long, required = true, value_name = "PARQUET")]
    pub masks: Vec<PathBuf>,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    pub output: PathBuf,
    /// Probe the masks of this split only [default: all masks]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name))]
    pub split: Option<Split>,
    /// Bins that every mask is resampled to
    #[arg(long, value_name = "N", default_value_t = Config::default().bins)]
    pub bins: u32,
    /// Records that a taxon must have in each half; windows of other taxa are left out
    #[arg(long, value_name = "N", default_value_t = Config::default().min_records)]
    pub min_records: u32,
    /// Bootstrap replicates behind each interval; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = Config::default().replicates)]
    pub replicates: u32,
    /// Seed of the halves, of the order of examples and of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

impl Stage for Options {
    const NAME: &'static str = "probe";
    const ABOUT: &'static str = "Measure how well the mask alone tells the taxon";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            bins: self.bins,
            min_records: self.min_records,
            split: self.split,
            replicates: self.replicates,
        };
        let inputs = Inputs { tokens: self.tokens, masks: self.masks };
        crate::run(&config, self.seed, &inputs, &self.output, context)
    }
}
