use std::path::PathBuf;

use clap::Args;
use readlens_batch::{InferenceOptions, ModelOptions};
use readlens_fault::Result;
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::Split;

use crate::config::{Config, Paths};
use crate::run::run;
use crate::saved::CalibrationSource;

/// Command line of `readlens-predict`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize; taxa and splits are not needed
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    #[command(flatten)]
    model: ModelOptions,
    /// Table of predictions to write: one row per window and rank
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Predict only windows of this split [default: all windows]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name, Split::meaning))]
    split: Option<Split>,
    /// Name no taxon whose probability is below this, 0 to 1
    #[arg(long, value_name = "P", default_value_t = Config::default().min_probability)]
    min_probability: f32,
    /// Token table with taxa and the split valid, on which the column confidence is calibrated
    ///
    /// A temperature is fitted for each rank, on windows and on records. Without this option
    /// confidence is the probability. Pass the table that the classifier was trained on.
    #[arg(long, value_name = "PARQUET")]
    calibration_tokens: Option<PathBuf>,
    /// Calibrate the column confidence as an earlier run for the same classifier did
    ///
    /// What --save-calibration wrote.
    #[arg(long, value_name = "JSON", conflicts_with = "calibration_tokens")]
    calibration: Option<PathBuf>,
    /// Also write the temperatures that were fitted on --calibration-tokens
    #[arg(long, value_name = "JSON", requires = "calibration_tokens")]
    save_calibration: Option<PathBuf>,

    /// Also write predictions for records, by all their windows on either strand
    #[arg(long, value_name = "PARQUET", help_heading = "Records")]
    records: Option<PathBuf>,
    /// Also write a text table of the records: identifier, lineage, and confidence at each rank
    ///
    /// The lineage ends above the first rank whose taxon is not named. Tabs and line breaks in
    /// names become blanks, and an apostrophe stands before what a spreadsheet would take for a
    /// formula.
    #[arg(long, value_name = "TSV", help_heading = "Records")]
    tsv: Option<PathBuf>,
    /// Also write how many records each taxon has, as a report of Kraken 2
    ///
    /// The numbers of the taxa are made of their lineages, from 1000000000 on. They are none of
    /// NCBI's.
    #[arg(long, value_name = "TXT", help_heading = "Records")]
    kraken_report: Option<PathBuf>,
    /// Also write how many records each lineage has, as text for Krona's ktImportText
    #[arg(long, value_name = "TXT", help_heading = "Records")]
    krona: Option<PathBuf>,

    #[command(flatten)]
    inference: InferenceOptions,
}

impl Stage for Options {
    const NAME: &'static str = "predict";
    const ABOUT: &'static str = "Predict the taxa of windows and of whole records";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            split: self.split,
            min_probability: self.min_probability,
            precision: self.inference.compute().precision(),
        };
        let paths = Paths {
            tokens: self.tokens,
            model: self.model.source(),
            calibration: match (self.calibration_tokens, self.calibration) {
                (Some(tokens), _) => Some(CalibrationSource::Tokens(tokens)),
                (None, saved) => saved.map(CalibrationSource::Saved),
            },
            save_calibration: self.save_calibration,
            output: self.output,
            records: self.records,
            tsv: self.tsv,
            kraken_report: self.kraken_report,
            krona: self.krona,
        };
        run(&config, &paths, self.inference.shard(), self.inference.compute().device(), context)
    }
}
