use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage};

use crate::config::{Config, Inputs, Outputs, TruthNames};

/// What is typed: the tables and where the figures go.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Tokenized windows
    #[arg(long, value_name = "PARQUET")]
    pub tokens: PathBuf,
    /// Masks of these windows; repeat the option for several tables, each with methods or ranks of its own
    #[arg(long, value_name = "PARQUET", required = true)]
    pub masks: Vec<PathBuf>,
    /// Predictions under every operator
    #[arg(long, value_name = "PARQUET")]
    pub perturbations: PathBuf,
    /// Interval list of what the masks should find: id, start, end (0-based, half-open), name
    #[arg(long, value_name = "TSV")]
    pub truth: Option<PathBuf>,
    /// Which truth intervals count for a mask
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub truth_names: TruthNamesOption,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    pub output: PathBuf,
    /// The same figures as JSON, with the manifest and the paper's table
    #[arg(long, value_name = "JSON")]
    pub json: Option<PathBuf>,
    /// Bootstrap replicates behind each interval; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub replicates: u32,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// As typed; see [`TruthNames`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TruthNamesOption {
    /// All intervals of the record
    #[default]
    All,
    /// Those named as the taxon that the mask explains
    Target,
    /// Those named as one of the record's own taxa
    Label,
}

impl From<TruthNamesOption> for TruthNames {
    fn from(option: TruthNamesOption) -> Self {
        match option {
            TruthNamesOption::All => Self::All,
            TruthNamesOption::Target => Self::Target,
            TruthNamesOption::Label => Self::Label,
        }
    }
}

impl Stage for Options {
    const NAME: &'static str = "evaluate";
    const ABOUT: &'static str = "Compute metrics with intervals from predictions and masks";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config { replicates: self.replicates, truth_names: self.truth_names.into() };
        let inputs = Inputs {
            tokens: self.tokens,
            masks: self.masks,
            perturbations: self.perturbations,
            truth: self.truth,
        };
        let outputs = Outputs { metrics: self.output, json: self.json };
        let metrics = crate::run(&config, self.seed, &inputs, &outputs, context)?;
        print(&crate::paper_table(&metrics))
    }
}

/// Writes data to standard output; a reader that has seen enough is no failure.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Fault::io("write", "-", e)),
        _ => Ok(()),
    }
}
