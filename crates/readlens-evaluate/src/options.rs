use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_stage::{Context, Stage, print};

use crate::check::{Checks, Verdict};
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
    /// Print a verdict per check at the end, also into the JSON; with --check=strict a failed check
    /// ends with exit code 1 after everything was written
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "report")]
    pub check: Option<CheckOption>,
    /// Metrics tables of compare, probe, baseline or other evaluations for the checks; repeatable
    #[arg(long, value_name = "PARQUET", requires = "check")]
    pub evidence: Vec<PathBuf>,
    /// Methods to check [default: those named explainer…, or all without one]
    #[arg(long, value_name = "METHOD,…", value_delimiter = ',', requires = "check")]
    pub check_methods: Vec<String>,
    /// Bootstrap replicates behind each interval; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub replicates: u32,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// As typed: what a failed check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckOption {
    /// A warning
    Report,
    /// Exit code 1
    Strict,
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
    const ABOUT: &'static str = "Compute metrics with intervals, and a verdict per check";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            replicates: self.replicates,
            truth_names: self.truth_names.into(),
            checks: self.check.map(|_| Checks { methods: self.check_methods }),
        };
        let inputs = Inputs {
            tokens: self.tokens,
            masks: self.masks,
            perturbations: self.perturbations,
            truth: self.truth,
            evidence: self.evidence,
        };
        let outputs = Outputs { metrics: self.output, json: self.json };
        let evaluated = crate::run(&config, self.seed, &inputs, &outputs, context)?;
        print(&crate::paper_table(&evaluated.metrics))?;
        let Some(checks) = evaluated.checks else { return Ok(()) };
        print(&format!("\n{}", crate::verdicts(&checks)))?;
        let failed: Vec<&str> =
            checks.iter().filter(|c| c.verdict == Verdict::Failed).map(|c| c.name).collect();
        match self.check {
            _ if failed.is_empty() => Ok(()),
            Some(CheckOption::Strict) => {
                Err(Fault::failed("the checks", format!("{} failed", failed.join(", "))))
            }
            _ => {
                tracing::warn!("failed checks: {}", failed.join(", "));
                Ok(())
            }
        }
    }
}
