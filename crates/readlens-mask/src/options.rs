use std::path::PathBuf;

use clap::Args;
use readlens_batch::InferenceOptions;
use readlens_fault::Result;
use readlens_nn::Selection;
use readlens_stage::{Context, Stage, refuse_without};

use crate::config::Config;
use crate::run::{Paths, run};

/// Command line of `readlens-mask`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Directory of the classifier; needed for masks per rank and for gradient-fed Explainers
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
    /// Directory of a trained Explainer; repeat to average the scores of several
    #[arg(long, value_name = "DIR", required = true)]
    explainer: Vec<PathBuf>,
    /// Mask table to write: one value per token, 0 to 1, and whether the token is in the hard mask
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Also write masks with one value per nucleotide, 0 to 1
    #[arg(long, value_name = "PARQUET")]
    bases: Option<PathBuf>,
    /// Reading frames to average for --bases, 1 to the stride of the tokens [default: 1]
    ///
    /// A window is read again from its second nucleotide on, from its third and so on. More frames
    /// place a mask more exactly and cost as many times the computation.
    #[arg(long, value_name = "N")]
    frames: Option<u32>,
    /// Mask only windows of this split [default: all windows]
    #[arg(long, value_name = "SPLIT", value_parser = ["train", "valid", "test"])]
    split: Option<String>,
    /// Name of the masks in the column method, to tell Explainers apart
    #[arg(long, value_name = "NAME", default_value_t = Config::default().method)]
    method: String,
    /// Fraction of the tokens that the hard mask keeps, above 0 and at most 1 [default: as the
    /// Explainer was trained]
    #[arg(long, value_name = "FRACTION", help_heading = "From scores to masks")]
    area: Option<f64>,
    /// Tokens of the moving average over the scores, an odd number; 1 leaves the scores as they are
    #[arg(
        long,
        value_name = "TOKENS",
        default_value_t = Config::default().smoothing,
        help_heading = "From scores to masks"
    )]
    smoothing: usize,
    /// Tokens of a block that get one mean score, after the smoothing; 1 leaves the scores as they
    /// are
    ///
    /// Compare methods at equal block size: masks of scattered tokens have an advantage where
    /// evidence is removed.
    #[arg(
        long,
        value_name = "TOKENS",
        default_value_t = Config::default().patch,
        help_heading = "From scores to masks"
    )]
    patch: usize,
    #[command(flatten)]
    inference: InferenceOptions,
}

impl Stage for Options {
    const NAME: &'static str = "mask";
    const ABOUT: &'static str =
        "Mask every window of a table: which tokens does the classifier read?";

    fn run(self, context: &Context) -> Result<()> {
        refuse_without("--bases", self.bases.is_some(), &[("--frames", self.frames.is_some())])?;
        let config = Config {
            method: self.method,
            split: self.split,
            selection: self.area.map(|share| Selection::Share { share }),
            smoothing: self.smoothing,
            patch: self.patch,
            frames: self.frames.unwrap_or(Config::default().frames),
            precision: self.inference.precision(),
        };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            explainers: self.explainer,
            output: self.output,
            bases: self.bases,
        };
        run(&config, &paths, self.inference.shard(), self.inference.device(), context)
    }
}
