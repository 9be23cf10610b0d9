use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::Result;
use readlens_stage::{Context, Stage, refuse_misplaced};

use crate::config::{Config, Kind};
use crate::run::run;

/// Command line of `readlens-vary`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize; its stride must be at most k, so that no base is lost
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Token table to write: the same windows with the same taxa, read otherwise
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// What to change in every window
    #[arg(long, value_enum, value_name = "KIND")]
    kind: KindOption,
    /// Bases that --kind frame-shift drops, 1 or more [default: 1]
    #[arg(long, value_name = "NT")]
    shift: Option<u32>,
    /// Fraction of the bases that --kind substitute replaces, above 0 and at most 1 [default: 0.05]
    #[arg(long, value_name = "FRACTION")]
    rate: Option<f64>,
    /// Seed of --kind substitute [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// As typed; see [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindOption {
    /// Read the other strand
    ReverseComplement,
    /// Drop the first bases in reading direction
    FrameShift,
    /// Replace bases at random positions by other bases
    Substitute,
}

impl Options {
    fn config(&self) -> Result<Config> {
        let of_frame_shift = [("--shift", self.shift.is_some())];
        let of_substitute = [("--rate", self.rate.is_some()), ("--seed", self.seed.is_some())];
        let refuse_shift = |chosen| refuse_misplaced("--kind frame-shift", chosen, &of_frame_shift);
        let refuse_rate = |chosen| refuse_misplaced("--kind substitute", chosen, &of_substitute);
        let kind = match self.kind {
            KindOption::ReverseComplement => {
                refuse_shift("reverse-complement")?;
                refuse_rate("reverse-complement")?;
                Kind::ReverseComplement
            }
            KindOption::FrameShift => {
                refuse_rate("frame-shift")?;
                Kind::FrameShift { bases: self.shift.unwrap_or(1) }
            }
            KindOption::Substitute => {
                refuse_shift("substitute")?;
                Kind::Substitute { rate: self.rate.unwrap_or(0.05) }
            }
        };
        Ok(Config { kind })
    }
}

impl Stage for Options {
    const NAME: &'static str = "vary";
    const ABOUT: &'static str =
        "Write windows on the other strand, in another frame or with other bases";

    fn run(self, context: &Context) -> Result<()> {
        run(&self.config()?, self.seed.unwrap_or(1), &self.tokens, &self.output, context)
    }
}
