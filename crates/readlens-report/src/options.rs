use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::config::{Config, Inputs};

/// Options of `readlens-report`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Tokens table (tokens.parquet): sequences, labels and splits
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Masks table (masks.parquet) with the method to show; curves and figures of other methods
    /// come from the metrics
    #[arg(long, value_name = "PARQUET")]
    masks: PathBuf,
    /// Masks per nucleotide (bases.parquet) [default: the tokens' masks, spread over their bases]
    #[arg(long, value_name = "PARQUET")]
    bases: Option<PathBuf>,
    /// Predictions under every operator (perturbations.parquet) [default: none are shown]
    #[arg(long, value_name = "PARQUET")]
    perturbations: Option<PathBuf>,
    /// Metrics table (metrics.parquet) [default: no table of results]
    #[arg(long, value_name = "PARQUET")]
    metrics: Option<PathBuf>,
    /// Metrics tables of readlens-compare, -probe and -baseline; repeatable [default: none]
    #[arg(long, value_name = "PARQUET")]
    evidence: Vec<PathBuf>,
    /// Figures as JSON (metrics.json of readlens-evaluate --check), for the verdicts in it
    /// [default: none]
    #[arg(long, value_name = "JSON")]
    checks: Option<PathBuf>,
    /// What the attribution methods cost (costs.parquet of readlens-attribute) [default: not shown]
    #[arg(long, value_name = "PARQUET")]
    costs: Option<PathBuf>,
    /// Directory of the trained classifier, for its training curves [default: none]
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
    /// Directory of the trained Explainer, for its training curves [default: none]
    #[arg(long, value_name = "DIR")]
    explainer: Option<PathBuf>,
    /// Intervals to draw beside the masks: tab-separated id, start, end (nt, 0-based, half-open)
    /// and name, such as hypervariable regions or planted motifs [default: none]
    #[arg(long, value_name = "TSV")]
    intervals: Option<PathBuf>,
    /// Page to write: one HTML file that needs no network
    #[arg(long, value_name = "HTML")]
    output: PathBuf,
    /// Heading of the page, in characters: 1 to 300
    #[arg(long, value_name = "TEXT", default_value_t = Config::default().title)]
    title: String,
    /// Sequence windows in the gallery, spread over the taxa of the finest rank, test split first
    #[arg(long, value_name = "N", default_value_t = Config::default().sequences)]
    sequences: u32,
    /// Seed of the choice of windows
    #[arg(long, value_name = "N", default_value_t = Config::default().seed)]
    seed: u64,
    /// Attribution method to show [default: that of the first row of the masks table]
    #[arg(long, value_name = "NAME")]
    method: Option<String>,
}

impl Stage for Options {
    const NAME: &'static str = "report";
    const ABOUT: &'static str =
        "Write the result, its controls and its masks as one offline HTML page";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            title: self.title,
            sequences: self.sequences,
            seed: self.seed,
            method: self.method,
        };
        let inputs = Inputs {
            tokens: self.tokens,
            masks: self.masks,
            bases: self.bases,
            perturbations: self.perturbations,
            metrics: self.metrics,
            evidence: self.evidence,
            checks: self.checks,
            costs: self.costs,
            classifier: self.classifier,
            explainer: self.explainer,
            intervals: self.intervals,
        };
        crate::run(&inputs, config, &self.output, context)
    }
}
