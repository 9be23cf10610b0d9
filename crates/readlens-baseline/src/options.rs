use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::config::Config;

/// What is typed: the tokens and how the baselines are fitted.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Tokenized windows with the splits train and test, and valid for the early stop
    #[arg(long, value_name = "PARQUET")]
    pub tokens: PathBuf,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    pub output: PathBuf,
    /// Letters of the k-mers that are counted, whatever the k of the tokens
    #[arg(long, value_name = "NT", default_value_t = Config::default().k)]
    pub k: u32,
    /// Epochs of the logistic regression, at most
    #[arg(long, value_name = "N", default_value_t = Config::default().epochs)]
    pub epochs: u32,
    /// Epochs without a better accuracy on valid after which it ends
    #[arg(long, value_name = "N", default_value_t = Config::default().patience)]
    pub patience: u32,
    /// First learning rate of the logistic regression; it falls along half a cosine
    #[arg(long, value_name = "RATE", default_value_t = Config::default().learning_rate)]
    pub learning_rate: f32,
    /// Weight of its penalty on squared weights
    #[arg(long, value_name = "WEIGHT", default_value_t = Config::default().l2)]
    pub l2: f32,
    /// Added to every count of naive Bayes
    #[arg(long, value_name = "COUNT", default_value_t = Config::default().smoothing)]
    pub smoothing: f64,
    /// Bootstrap replicates behind each interval; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = Config::default().replicates)]
    pub replicates: u32,
    /// Seed of the order of examples and of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

impl Stage for Options {
    const NAME: &'static str = "baseline";
    const ABOUT: &'static str = "Classify by k-mer counts alone, for comparison";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            k: self.k,
            epochs: self.epochs,
            patience: self.patience,
            learning_rate: self.learning_rate,
            l2: self.l2,
            smoothing: self.smoothing,
            replicates: self.replicates,
        };
        crate::run(&config, self.seed, &self.tokens, &self.output, context)
    }
}
