use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage};

use crate::config::{Config, Kind};
use crate::run::run;

/// Command line of `readlens-vary`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table (Parquet) whose stride is at most k, so that every base is in a token
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Token table to write (Parquet): the same windows with the same taxa, changed
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// What to do to every window
    #[arg(long, value_enum, value_name = "KIND")]
    kind: KindOption,
    /// Bases that frame-shift drops [default: 1]
    #[arg(long, value_name = "N")]
    shift: Option<u32>,
    /// Share of the bases that substitute replaces, 0 to 1 [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    rate: Option<f64>,
    /// Seed of the substitutions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// As typed; see [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindOption {
    /// Read the other strand: start and end stay, the strand flips
    ReverseComplement,
    /// Drop the first bases that are read: start moves on the forward strand, end on the reverse
    FrameShift,
    /// Replace bases at random places by other bases: start, end and strand stay
    Substitute,
}

impl Options {
    fn config(&self) -> Result<Config> {
        let misplaced = |option: &str, kind: &str| {
            Err(Fault::usage(format!(
                "{option} has a meaning for --kind {kind} only; leave it out"
            )))
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
