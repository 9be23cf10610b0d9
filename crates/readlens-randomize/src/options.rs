use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::run::{Amount, Paths, run};

/// Command line of `readlens-randomize`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Directory of a trained classifier
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Number of parts that get fresh weights, counted from the output on, or all
    ///
    /// The parts in this order: heads, pooler, k-mer bag, the layers of the encoder from the last
    /// to the first, stem, embedding. A network without a k-mer bag or a stem has fewer parts.
    #[arg(long, value_name = "N|all")]
    parts: Amount,
    /// Seed of the fresh weights
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Stage for Options {
    const NAME: &'static str = "randomize";
    const ABOUT: &'static str =
        "Replace the top of a classifier by fresh weights, as a sanity check";

    fn run(self, _: &Context) -> Result<()> {
        let paths = Paths { classifier: self.classifier, output: self.output };
        run(self.parts, self.seed, &paths)
    }
}
