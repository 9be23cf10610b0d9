use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::config::{Config, Inputs, Other};

/// Command line of `readlens-compare`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Tokenized windows of the reference
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Masks of these windows, on bases or on tokens
    #[arg(long, value_name = "PARQUET")]
    reference: PathBuf,
    /// Masks to compare with it, and what is different about them; may be given often, and tables of
    /// one label are averaged. Masks on tokens of a variant need its tokens too, as
    /// LABEL=MASKS,TOKENS. Usual labels: seed (every pair is compared),
    /// reverse_complement, frame_shift, substitution (the largest distance counts too),
    /// randomized-N, permuted
    #[arg(long = "other", required = true, value_name = "LABEL=PARQUET[,TOKENS]")]
    others: Vec<Other>,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Shares of the bases, those with the largest values, whose overlap is measured
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', default_values_t = Config::default().shares)]
    shares: Vec<f64>,
    /// Bootstrap replicates behind each interval; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replicates: u32,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Stage for Options {
    const NAME: &'static str = "compare";
    const ABOUT: &'static str = "Measure how well masks of the same windows agree, base by base";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config { shares: self.shares, replicates: self.replicates };
        let inputs = Inputs { tokens: self.tokens, reference: self.reference, others: self.others };
        crate::run(&config, self.seed, &inputs, &self.output, context)?;
        Ok(())
    }
}
