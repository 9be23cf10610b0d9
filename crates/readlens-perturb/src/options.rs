use std::path::PathBuf;

use clap::Args;
use readlens_batch::{InferenceOptions, ModelOptions};
use readlens_fault::Result;
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::{Removal, Split};

use crate::config::{Config, Paths};
use crate::run::run;

/// Command line of `readlens-perturb`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    #[command(flatten)]
    model: ModelOptions,
    /// Mask table of any methods; repeat for further tables, each with other methods or ranks
    ///
    /// Its rows must stand in the order of the token table.
    #[arg(long, value_name = "PARQUET", required = true)]
    masks: Vec<PathBuf>,
    /// Table of predictions to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Predict only windows of this split [default: all windows with a mask]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name, Split::meaning))]
    split: Option<Split>,
    /// Predict a random sample of at most N windows [default: all windows with a mask]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Seed of the sample and of the random controls
    #[arg(long, value_name = "N", default_value_t = Config::default().seed)]
    seed: u64,
    /// Also keep and remove the top tokens of each mask at twelve shares, 0.01 to 0.9, and random
    /// blocks of the same sizes
    ///
    /// Insertion and deletion curves, AOPC and the comparison of methods need this.
    #[arg(long, help_heading = "Operators")]
    graded: bool,
    /// What the classifier sees in place of removed tokens; several values are joined by commas
    #[arg(
        long,
        value_name = "WAY,...",
        value_parser = one_of(Removal::ALL, Removal::name, Removal::meaning),
        value_delimiter = ',',
        default_value = "own",
        help_heading = "Operators"
    )]
    removal: Vec<Removal>,
    /// Random draws of the soft operators, maximum 1000; 0 leaves them out
    ///
    /// A soft operator keeps, or removes, each token with the probability that its mask gives.
    #[arg(
        long,
        value_name = "N",
        default_value_t = Config::default().soft_draws,
        help_heading = "Operators"
    )]
    soft_draws: u32,
    /// Random subsets of the tokens to keep, maximum 1000; 0 leaves them out
    ///
    /// The metric infidelity needs them.
    #[arg(
        long,
        value_name = "N",
        default_value_t = Config::default().subsets,
        help_heading = "Operators"
    )]
    subsets: u32,
    /// Directory of an independent classifier that predicts the hard-masked windows too
    ///
    /// It needs the tokenization and ranks of the classifier. Train it with random masks, so that
    /// it has learned to read masked input without any Explainer.
    #[arg(long, value_name = "DIR", help_heading = "Operators")]
    judge: Option<PathBuf>,
    #[command(flatten)]
    inference: InferenceOptions,
}

impl Stage for Options {
    const NAME: &'static str = "perturb";
    const ABOUT: &'static str =
        "Predict windows under their masks, the inverses and controls of equal area";

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
            precision: self.inference.compute().precision(),
        };
        let paths = Paths {
            tokens: self.tokens,
            model: self.model.source(),
            masks: self.masks,
            judge: self.judge,
            output: self.output,
        };
        run(&config, &paths, self.inference.shard(), self.inference.compute().device(), context)
    }
}
