use std::path::PathBuf;

use clap::Args;
use readlens_batch::Shard;
use readlens_fault::Result;
use readlens_nn::{DeviceKind, Precision, Selection};
use readlens_stage::{Context, Stage};

use crate::config::Config;
use crate::run::{Paths, run};

/// Command line of `readlens-mask`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet)
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of the classifier; needed where the Explainer has one mask per rank or reads the classifier
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
    /// Directory of a trained Explainer; the scores of several are averaged
    #[arg(long, value_name = "DIR", required = true)]
    explainer: Vec<PathBuf>,
    /// Mask table to write (Parquet)
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Also write the masks on bases to this table (Parquet)
    #[arg(long, value_name = "FILE")]
    bases: Option<PathBuf>,
    /// Frame offsets averaged onto bases, 1 to the stride of the tokens
    #[arg(long, value_name = "N", default_value_t = 1, requires = "bases")]
    frames: u32,
    /// Only windows of this split
    #[arg(long, value_name = "SPLIT", value_parser = ["train", "valid", "test"])]
    split: Option<String>,
    /// Share of tokens that counts as read, 0 to 1 [default: as the Explainer was trained]
    #[arg(long, value_name = "SHARE")]
    area: Option<f64>,
    /// Average the scores over so many neighbouring tokens, an odd number
    #[arg(long, value_name = "N", default_value_t = 1)]
    smoothing: usize,
    /// Average the scores in blocks of so many tokens, to compare methods at equal patch size
    #[arg(long, value_name = "N", default_value_t = 1)]
    patch: usize,
    /// Name in the column method, to tell Explainers apart
    #[arg(long, value_name = "NAME", default_value = "explainer")]
    method: String,
    /// Precision of matrix products, f32 or bf16; bf16 is faster on processors that have it
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Only the i-th of n equal parts of the table; join them with readlens-merge
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Where networks compute, cpu or cuda; cuda needs a build with it
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceKind::Cpu, help_heading = "Running")]
    device: DeviceKind,
}

impl Stage for Options {
    const NAME: &'static str = "mask";
    const ABOUT: &'static str = "Mark what the classifier reads in every window of a table";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            method: self.method,
            split: self.split,
            selection: self.area.map(|share| Selection::Share { share }),
            smoothing: self.smoothing,
            patch: self.patch,
            frames: self.frames,
            precision: self.precision,
        };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            explainers: self.explainer,
            output: self.output,
            bases: self.bases,
        };
        run(&config, &paths, self.shard, self.device, context)
    }
}
