use std::path::PathBuf;

use clap::Args;
use readlens_batch::ComputeOptions;
use readlens_fault::Result;
use readlens_stage::{BootstrapOptions, Context, Stage};
use readlens_tables::vocabulary::Split;

use crate::config::Config;
use crate::run::{Paths, run};

/// What is typed.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize, with taxa
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Directory of the classifier
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Table of figures to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Also write what the windows of each taxon are taken for, with precision, recall and F1 score
    ///
    /// A row per rank, label and predicted taxon, of the whole classifier on whole windows. Windows
    /// without a label at a rank are not counted there. A label that is none of the classifier's
    /// taxa has a recall of 0 and no precision.
    #[arg(long, value_name = "PARQUET")]
    confusion: Option<PathBuf>,
    /// Predict only windows of this split
    #[arg(long, value_enum, value_name = "SPLIT", default_value = "test")]
    split: Split,
    /// Also tell windows apart by length: below the first of these, from it to below the second,
    /// and so on, in nucleotides
    #[arg(long, value_name = "NT,…", value_delimiter = ',')]
    lengths: Vec<u32>,

    /// Maximum number of windows, drawn at random, that are also seen through masks; 0 for none
    #[arg(long, value_name = "N", default_value_t = 2000, help_heading = "Masks")]
    masked: usize,
    /// Fractions of the tokens that masks keep, and levels of constant masks
    #[arg(
        long,
        value_name = "SHARE,…",
        value_delimiter = ',',
        default_values_t = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9],
        help_heading = "Masks"
    )]
    shares: Vec<f32>,

    #[command(flatten)]
    bootstrap: BootstrapOptions,
    #[command(flatten)]
    compute: ComputeOptions,
}

impl Stage for Options {
    const NAME: &'static str = "assess";
    const ABOUT: &'static str =
        "Judge a classifier on labelled windows, whole and through random masks";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            split: self.split,
            lengths: self.lengths,
            masked: self.masked,
            shares: self.shares,
            replicates: self.bootstrap.replicates,
            seed: self.bootstrap.seed,
            precision: self.compute.precision(),
        };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            output: self.output,
            confusion: self.confusion,
        };
        run(&config, &paths, self.compute.device(), context)
    }
}
