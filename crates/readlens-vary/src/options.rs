use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage};

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
    /// Seed of --kind substitute
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
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
        let misplaced = |option: &str, kind: &str| {
            Err(Fault::usage(format!("{option} belongs to --kind {kind}; leave it out")))
        };
        match (self.kind, self.shift, self.rate) {
            (KindOption::FrameShift, _, Some(_)) | (KindOption::ReverseComplement, _, Some(_)) => {
                misplaced("--rate", "substitute")
            }
            (KindOption::Substitute, Some(_), _) | (KindOption::ReverseComplement, Some(_), _) => {
                misplaced("--shift", "frame-shift")
            }
            (KindOption::ReverseComplement, None, None) => {
                Ok(Config { kind: Kind::ReverseComplement })
            }
            (KindOption::FrameShift, shift, None) => {
                Ok(Config { kind: Kind::FrameShift { bases: shift.unwrap_or(1) } })
            }
            (KindOption::Substitute, None, rate) => {
                Ok(Config { kind: Kind::Substitute { rate: rate.unwrap_or(0.05) } })
            }
        }
    }
}

impl Stage for Options {
    const NAME: &'static str = "vary";
    const ABOUT: &'static str =
        "Write windows on the other strand, in another frame or with other bases";

    fn run(self, context: &Context) -> Result<()> {
        run(&self.config()?, self.seed, &self.tokens, &self.output, context)
    }
}
