use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{BootstrapOptions, Context, Stage};

use crate::config::Config;

/// What is typed: the tokens and how the baselines are fitted.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize with the splits train and test, and valid to stop early
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Length of the k-mers to count, in nucleotides, 1 to 8; the tokens may have another k
    #[arg(long, value_name = "NT", default_value_t = Config::default().k)]
    k: u32,
    /// Length of the k-mers that vote, as Kraken's do, in nucleotides, 1 to 31
    #[arg(long, value_name = "NT", default_value_t = Config::default().voting_k)]
    voting_k: u32,
    /// Maximum number of passes of the logistic regression over the training windows
    #[arg(
        long,
        value_name = "N",
        default_value_t = Config::default().epochs,
        help_heading = "Logistic regression",
        hide_short_help = true
    )]
    epochs: u32,
    /// Epochs without a better accuracy on valid before training stops
    #[arg(
        long,
        value_name = "N",
        default_value_t = Config::default().patience,
        help_heading = "Logistic regression",
        hide_short_help = true
    )]
    patience: u32,
    /// Learning rate of the first step, above 0; it falls to 0 along half a cosine
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = Config::default().learning_rate,
        help_heading = "Logistic regression",
        hide_short_help = true
    )]
    learning_rate: f32,
    #[command(flatten)]
    bootstrap: BootstrapOptions,
}

impl Stage for Options {
    const NAME: &'static str = "baseline";
    const ABOUT: &'static str = "Classify by k-mers alone, for comparison";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            k: self.k,
            voting_k: self.voting_k,
            epochs: self.epochs,
            patience: self.patience,
            learning_rate: self.learning_rate,
            replicates: self.bootstrap.replicates,
        };
        crate::run(&config, self.bootstrap.seed, &self.tokens, &self.output, context)
    }
}
