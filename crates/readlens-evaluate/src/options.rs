use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_stage::{BootstrapOptions, Context, Stage, print, refuse_without};
use readlens_tables::vocabulary::Name;

use crate::check::{Checks, Verdict};
use crate::config::{Config, Inputs, Outputs, TruthNames};

/// What is typed: the tables and where the figures go.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Mask table of these windows; repeat for further tables, each with other methods or ranks
    #[arg(long, value_name = "PARQUET", required = true)]
    masks: Vec<PathBuf>,
    /// Predictions of readlens-perturb for these masks
    #[arg(long, value_name = "PARQUET")]
    perturbations: PathBuf,
    /// Metrics table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Also write the metrics as JSON, with the manifest, the printed table and the verdicts
    #[arg(long, value_name = "JSON")]
    json: Option<PathBuf>,
    #[command(flatten)]
    bootstrap: BootstrapOptions,
    #[command(flatten)]
    truth: TruthOptions,
    #[command(flatten)]
    checks: CheckOptions,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Known evidence")]
struct TruthOptions {
    /// Intervals that the masks should find: a table of id, start, end (0-based, half-open) and
    /// name
    #[arg(long, value_name = "TSV")]
    truth: Option<PathBuf>,
    /// Which of the intervals count for a mask [default: all]
    #[arg(long, value_enum, value_name = "WHICH", hide_short_help = true)]
    truth_names: Option<TruthNamesOption>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Checks")]
struct CheckOptions {
    /// Print a verdict on each check: do the metrics show that the classifier reads what is marked?
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "report"
    )]
    check: Option<CheckOption>,
    /// Metrics table of readlens-compare, -probe or -baseline for the checks; repeat for more
    #[arg(long, value_name = "PARQUET")]
    evidence: Vec<PathBuf>,
    /// Methods to check [default: the Explainers, or all methods if there is no Explainer]
    #[arg(long, value_name = "METHOD,...", value_delimiter = ',')]
    check_methods: Vec<Name>,
}

/// As typed: what a failed check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckOption {
    /// A failed check is a warning
    Report,
    /// A failed check ends with exit code 1, after everything was written
    Strict,
}

/// As typed; see [`TruthNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TruthNamesOption {
    /// All intervals of the record
    All,
    /// Intervals with the name of the taxon that the mask explains
    Target,
    /// Intervals with the name of one of the record's own taxa
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
        let TruthOptions { truth, truth_names } = &self.truth;
        refuse_without("--truth", truth.is_some(), &[("--truth-names", truth_names.is_some())])?;
        let CheckOptions { check, evidence, check_methods } = &self.checks;
        let of_check =
            [("--evidence", !evidence.is_empty()), ("--check-methods", !check_methods.is_empty())];
        refuse_without("--check", check.is_some(), &of_check)?;
        let config = Config {
            replicates: self.bootstrap.replicates,
            truth_names: self.truth.truth_names.map(Into::into).unwrap_or_default(),
            checks: self.checks.check.map(|_| Checks { methods: self.checks.check_methods }),
        };
        let inputs = Inputs {
            tokens: self.tokens,
            masks: self.masks,
            perturbations: self.perturbations,
            truth: self.truth.truth,
            evidence: self.checks.evidence,
        };
        let outputs = Outputs { metrics: self.output, json: self.json };
        let evaluated = crate::run(&config, self.bootstrap.seed, &inputs, &outputs, context)?;
        print(&crate::paper_table(&evaluated.metrics, evaluated.in_sample))?;
        let Some(checks) = evaluated.checks else { return Ok(()) };
        print(&format!("\n{}", crate::verdicts(&checks)))?;
        let failed: Vec<&str> =
            checks.iter().filter(|c| c.verdict == Verdict::Failed).map(|c| c.name).collect();
        match self.checks.check {
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
