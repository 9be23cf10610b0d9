use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::run::{Amount, Paths, run};

/// Command line of `readlens-randomize`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Directory of the trained classifier
    #[arg(long, value_name = "DIR")]
    classifier: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// How many parts to randomise, from the output on, or all: heads, pooler, a branch beside the
    /// encoder where there is one, the encoder's blocks from the last to the first, the stem of a
    /// network on patches, embedding
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
