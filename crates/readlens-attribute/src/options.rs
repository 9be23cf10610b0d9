use std::path::PathBuf;

use clap::Args;
use readlens_batch::{AveragingOptions, InferenceOptions, ModelOptions};
use readlens_fault::Result;
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::Split;

use crate::config::Config;
use crate::method::Method;
use crate::run::{Paths, run};

/// Command line of `readlens-attribute`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    #[command(flatten)]
    model: ModelOptions,
    /// Methods, joined by commas; settings follow a method behind colons, as in
    /// lime:samples=100,occlusion
    #[arg(
        long,
        value_name = "METHOD,...",
        value_delimiter = ',',
        required = true,
        long_help = method_help()
    )]
    method: Vec<Method>,
    /// Mask table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Also write what each method cost per window: passes of the network and seconds
    #[arg(long, value_name = "PARQUET")]
    costs: Option<PathBuf>,
    /// Explain only windows of this split [default: all windows]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name, Split::meaning))]
    split: Option<Split>,
    /// Explain a random sample of at most N windows [default: all windows]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Write one mask per rank instead of one for all ranks
    #[arg(long)]
    mask_per_rank: bool,
    /// Seed of the sample and of all methods that draw
    #[arg(long, value_name = "N", default_value_t = Config::default().seed)]
    seed: u64,
    /// Explain another window's predicted taxa instead of the window's own, drawn with this seed
    ///
    /// A control: readlens-perturb counts how often the classifier then says those taxa.
    #[arg(long, value_name = "SEED")]
    wrong_class: Option<u64>,
    /// Fraction of the tokens that the hard mask keeps, above 0 and at most 1
    #[arg(
        long,
        value_name = "FRACTION",
        default_value_t = Config::default().area,
        help_heading = "From scores to masks"
    )]
    area: f64,
    #[command(flatten)]
    averaging: AveragingOptions,
    #[command(flatten)]
    inference: InferenceOptions,
}

fn method_help() -> String {
    format!(
        "Methods, joined by commas; settings follow a method behind colons, as in \
         lime:samples=100,occlusion:width=6:stride=3\n\n\
         The methods with their settings and defaults:\n{}",
        Method::list()
    )
}

impl Stage for Options {
    const NAME: &'static str = "attribute";
    const ABOUT: &'static str =
        "Mask windows by other attribution methods, to compare the Explainer with them";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            methods: self.method,
            split: self.split,
            limit: self.limit,
            area: self.area,
            averaging: self.averaging.into(),
            mask_per_rank: self.mask_per_rank,
            seed: self.seed,
            wrong_class: self.wrong_class,
            precision: self.inference.compute().precision(),
        };
        let paths = Paths {
            tokens: self.tokens,
            model: self.model.source(),
            output: self.output,
            costs: self.costs,
        };
        run(&config, &paths, self.inference.shard(), self.inference.compute().device(), context)
    }
}
