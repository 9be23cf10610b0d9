use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage, refuse_without};
use readlens_tables::vocabulary::Name;

use crate::config::{Config, Inputs, Pages};

/// Options of `readlens-report`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Mask table with the method to show
    #[arg(long, value_name = "PARQUET")]
    masks: PathBuf,
    /// Page to write: one HTML file that needs no network
    #[arg(long, short, value_name = "HTML")]
    output: PathBuf,
    /// Also write a page that looks up any window: an HTML file in the folder of the tables
    ///
    /// Its script reads them there: from a server by parts, from a disk once they were picked.
    #[arg(long, value_name = "HTML")]
    browse: Option<PathBuf>,
    /// Method to show in the gallery [default: that of the first row of the mask table]
    #[arg(long, value_name = "NAME")]
    method: Option<Name>,
    /// Which replicate of --method to show, from 1 [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    replicate: Option<u32>,
    /// Heading of the page, 1 to 300 characters
    #[arg(long, value_name = "TEXT", default_value_t = Config::default().title)]
    title: String,
    /// Maximum number of windows in the gallery, up to 2000
    ///
    /// They are drawn from the test split first and spread over the taxa of the lowest rank.
    #[arg(long, value_name = "N", default_value_t = Config::default().sequences)]
    sequences: u32,
    /// Seed of the windows in the gallery
    #[arg(long, value_name = "N", default_value_t = Config::default().seed)]
    seed: u64,
    #[command(flatten)]
    evidence: EvidenceOptions,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What else the page shows")]
struct EvidenceOptions {
    /// Masks per nucleotide of readlens-mask --bases [default: the masks of the tokens, spread]
    #[arg(long, value_name = "PARQUET")]
    bases: Option<PathBuf>,
    /// Predictions under masks, of readlens-perturb, for the gallery
    #[arg(long, value_name = "PARQUET")]
    perturbations: Option<PathBuf>,
    /// Predictions of readlens-predict --output: names of new sequences, and how sure they are
    #[arg(long, value_name = "PARQUET")]
    predictions: Option<PathBuf>,
    /// Figures of readlens-assess: accuracy by rank and length, calibration
    #[arg(long, value_name = "PARQUET")]
    assessment: Option<PathBuf>,
    /// Confusions of readlens-assess --confusion: which taxa are taken for which
    #[arg(long, value_name = "PARQUET")]
    confusion: Option<PathBuf>,
    /// Metrics of readlens-evaluate: accuracy under every operator, curves, comparison of methods
    #[arg(long, value_name = "PARQUET")]
    metrics: Option<PathBuf>,
    /// Metrics of readlens-compare, -probe or -baseline; repeat for more
    #[arg(long, value_name = "PARQUET")]
    evidence: Vec<PathBuf>,
    /// Verdicts: the JSON file of readlens-evaluate --check
    #[arg(long, value_name = "JSON")]
    checks: Option<PathBuf>,
    /// Costs of readlens-attribute, beside the comparison of methods
    #[arg(long, value_name = "PARQUET")]
    costs: Option<PathBuf>,
    /// Directory of the classifier, for its training curves
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
    /// Directory of the Explainer, for its training curves
    #[arg(long, value_name = "DIR")]
    explainer: Option<PathBuf>,
    /// Intervals to draw beside the masks: a table of id, start, end (0-based, half-open) and name
    #[arg(long, value_name = "TSV")]
    intervals: Option<PathBuf>,
    /// Stretches of readlens-tracks, for --browse
    #[arg(long, value_name = "PARQUET")]
    stretches: Option<PathBuf>,
}

impl Stage for Options {
    const NAME: &'static str = "report";
    const ABOUT: &'static str =
        "Write the result, its controls and its masks as one offline HTML page";

    fn run(self, context: &Context) -> Result<()> {
        let shown = &self.evidence;
        refuse_without(
            "--metrics",
            shown.metrics.is_some(),
            &[("--costs", shown.costs.is_some())],
        )?;
        let has_stretches = shown.stretches.is_some();
        refuse_without("--browse", self.browse.is_some(), &[("--stretches", has_stretches)])?;
        let has_replicate = self.replicate.is_some();
        refuse_without("--method", self.method.is_some(), &[("--replicate", has_replicate)])?;
        let config = Config {
            title: self.title,
            sequences: self.sequences,
            seed: self.seed,
            method: self.method,
            replicate: self.replicate.unwrap_or(Config::default().replicate),
        };
        let inputs = Inputs {
            tokens: self.tokens,
            masks: self.masks,
            bases: self.evidence.bases,
            perturbations: self.evidence.perturbations,
            predictions: self.evidence.predictions,
            assessment: self.evidence.assessment,
            confusion: self.evidence.confusion,
            metrics: self.evidence.metrics,
            evidence: self.evidence.evidence,
            checks: self.evidence.checks,
            costs: self.evidence.costs,
            classifier: self.evidence.classifier,
            explainer: self.evidence.explainer,
            intervals: self.evidence.intervals,
            stretches: self.evidence.stretches,
        };
        let pages = Pages { report: self.output, browse: self.browse };
        crate::run(&inputs, config, &pages, context)
    }
}
