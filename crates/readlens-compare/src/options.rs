use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{BootstrapOptions, Context, Stage};

use crate::config::{Config, Inputs, Other};

/// Command line of `readlens-compare`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of the reference
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Masks of these windows, per nucleotide (bases.parquet) or per token (masks.parquet)
    #[arg(long, value_name = "PARQUET")]
    reference: PathBuf,
    /// Masks to compare with the reference, and what differs about them; repeat for more
    ///
    /// These words have a meaning: seed (every pair of tables is compared), reverse_complement,
    /// frame_shift, substitution (the largest distance is given too), randomized and permuted. A
    /// word of your own will do as well. A variant tells several differences of one kind apart,
    /// such as randomized:all and randomized:3. Tables with the same words are averaged. Masks per
    /// token of windows that readlens-vary wrote need the token table of that variant behind a
    /// comma: WHAT=MASKS,TOKENS.
    #[arg(long = "other", required = true, value_name = "WHAT[:VARIANT]=PARQUET[,TOKENS]")]
    others: Vec<Other>,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Measure the overlap of the top bases of both masks at these shares, above 0 and at most 1
    #[arg(
        long,
        value_name = "SHARE,...",
        value_delimiter = ',',
        default_values_t = Config::default().shares,
        hide_short_help = true
    )]
    shares: Vec<f64>,
    #[command(flatten)]
    bootstrap: BootstrapOptions,
}

impl Stage for Options {
    const NAME: &'static str = "compare";
    const ABOUT: &'static str = "Measure how well masks of the same windows agree, base by base";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config { shares: self.shares, replicates: self.bootstrap.replicates };
        let inputs = Inputs { tokens: self.tokens, reference: self.reference, others: self.others };
        crate::run(&config, self.bootstrap.seed, &inputs, &self.output, context)?;
        Ok(())
    }
}
