//! `readlens predict` and `readlens explain`: what a model says of new sequences, and what it read.

use std::path::{Path, PathBuf};

use clap::Args;
use readlens_fault::{Fault, Result};
use readlens_mask::Target;
use readlens_provenance::read_json;
use readlens_stage::{Context, print};
use serde::Deserialize;

use crate::flow::{self, Step, script};
use crate::model::Model;
use crate::streams::{refuse_other_directory, refuse_streams};

/// Options of both verbs.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// FASTA or FASTQ files, plain or compressed with gzip, bgzip or zstd; no taxonomy is needed
    #[arg(required = true, value_name = "FASTA|FASTQ")]
    sequences: Vec<PathBuf>,
    /// Model directory that readlens learn wrote
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Directory to write; the same command goes on where it stopped
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name no taxon whose probability is below this, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = fraction)]
    min_probability: f64,
    /// Print the command lines of the stages and run nothing
    #[arg(long)]
    explain: bool,
}

/// Options of `readlens predict`.
#[derive(Debug, Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    asked: Asked,
}

/// Options of `readlens explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    asked: Asked,
    /// Fraction of the tokens to mark, above 0 and at most 1 [default: as many as the Explainer
    /// finds worth it]
    #[arg(long, value_name = "FRACTION", value_parser = share)]
    area: Option<f64>,
    /// Show what speaks for this taxon in every sequence, instead of what was predicted:
    /// genus=Treponema
    #[arg(long, value_name = "RANK=TAXON")]
    target: Option<Target>,
    /// Heading of the report
    #[arg(long, value_name = "TEXT", default_value = "What the classifier read")]
    title: String,
}

/// A number of 0 to 1.
fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number of 0 to 1".to_owned())
}

/// A number above 0 and at most 1.
fn share(text: &str) -> Result<f64, String> {
    let share = fraction(text).ok().filter(|share| *share > 0.0);
    share.ok_or_else(|| "expected a number above 0 and at most 1".to_owned())
}

/// What is read of the classifier's configuration.
#[derive(Debug, Deserialize)]
struct Known {
    ranks: Vec<KnownRank>,
}

#[derive(Debug, Deserialize)]
struct KnownRank {
    rank: String,
    taxa: Vec<String>,
}

/// Refuses a target that the model does not know, before anything is read.
fn check_target(target: &Target, model: &Model) -> Result<()> {
    let path = model.classifier().join("config.json");
    let Known { ranks } = read_json(&path)?;
    let of_rank = ranks.iter().find(|known| known.rank == target.rank);
    if of_rank.is_some_and(|known| known.taxa.contains(&target.taxon)) {
        return Ok(());
    }
    let found = match of_rank {
        Some(known) => format!("{} others", known.taxa.len()),
        None => {
            let names: Vec<&str> = ranks.iter().map(|known| known.rank.as_str()).collect();
            format!("the ranks {}", names.join(", "))
        }
    };
    Err(Fault::input(&path)
        .expected(format!("a {} called {}", target.rank, target.taxon))
        .found(found)
        .remedy("name a taxon of this file with --target RANK=TAXON")
        .into())
}

/// Predicts the taxa of the sequences.
///
/// # Errors
/// There is no such model, the output is something else, or a stage fails.
pub(crate) fn predict(options: &Predict, context: &Context) -> Result<()> {
    let Predict { asked } = options;
    let steps = |model: &Model| Ok(predicting(asked, model));
    let tsv = answer("predict", asked, steps, context)?;
    if let Some(out) = tsv {
        tracing::info!("the taxa are in {}", out.join(TSV).display());
    }
    Ok(())
}

/// Predicts the taxa of the sequences and shows what was read to say so.
///
/// # Errors
/// As [`predict`].
pub(crate) fn explain(options: &Explain, context: &Context) -> Result<()> {
    let Explain { asked, target, .. } = options;
    let steps = |model: &Model| {
        target.as_ref().map(|target| check_target(target, model)).transpose()?;
        let mut steps = predicting(asked, model);
        steps.extend(explaining(options, model));
        Ok(steps)
    };
    if let Some(out) = answer("explain", asked, steps, context)? {
        tracing::info!(
            "the report is {}; {} looks up any sequence",
            out.join(REPORT).display(),
            out.join(BROWSE).display()
        );
    }
    Ok(())
}

/// Runs the steps, or prints them; where they wrote to.
fn answer<'a>(
    name: &str,
    asked: &'a Asked,
    steps: impl FnOnce(&Model) -> Result<Vec<Step>>,
    context: &Context,
) -> Result<Option<&'a Path>> {
    refuse_streams(&asked.sequences)?;
    let (model, card) = Model::open(&asked.model)?;
    let steps = steps(&model)?;
    if asked.explain {
        print(&script(&steps))?;
        return Ok(None);
    }
    refuse_other_directory(&asked.out)?;
    let ranks: Vec<String> = card
        .accuracy
        .iter()
        .map(|rank| format!("{} {:.1} %", rank.rank, 100.0 * rank.accuracy))
        .collect();
    if !ranks.is_empty() {
        let ranks = ranks.join(", ");
        tracing::info!("{}: on its own test windows it is right for {ranks}", card.title);
    }
    flow::run(name, &steps, &asked.out, context)?;
    Ok(Some(&asked.out))
}

const TOKENS: &str = "tokens.parquet";
const RECORDS: &str = "records.parquet";
const PREDICTIONS: &str = "predictions.parquet";
const TSV: &str = "taxa.tsv";
const MASKS: &str = "masks.parquet";
const BASES: &str = "bases.parquet";
const STRETCHES: &str = "stretches.parquet";
const REPORT: &str = "report.html";
const BROWSE: &str = "browse.html";

/// Reads the sequences as the model's own were read, and predicts them.
fn predicting(asked: &Asked, model: &Model) -> Vec<Step> {
    let file = |name: &str| asked.out.join(name);
    let predict = Step::of::<readlens_predict::Options>("predict")
        .options([format!("--min-probability={}", asked.min_probability)])
        .reads("tokens", file(TOKENS))
        .reads("classifier", model.classifier());
    // A model of sequences without taxa has none.
    let calibration = Some(model.calibration()).filter(|file| file.exists());
    let predict = match calibration {
        Some(calibration) => predict.reads("calibration", calibration),
        None => predict,
    };
    vec![
        Step::of::<readlens_tokenize::Options>("tokenize")
            .reads("like", model.classifier())
            .arguments(&asked.sequences)
            .writes("output", file(TOKENS))
            .writes("summary", file("summary.json")),
        predict
            .writes("output", file(PREDICTIONS))
            .writes("records", file(RECORDS))
            .writes("tsv", file(TSV))
            .writes("kraken-report", file("kraken.txt"))
            .writes("krona", file("krona.txt")),
    ]
}

/// Marks what was read, for tables, genome browsers and a page.
fn explaining(options: &Explain, model: &Model) -> [Step; 3] {
    let Explain { asked, area, target, title } = options;
    let file = |name: &str| asked.out.join(name);
    let mut tracks = Step::of::<readlens_tracks::Options>("write stretches and tracks")
        .reads("bases", file(BASES))
        .reads("predictions", file(RECORDS));
    for sequences in &asked.sequences {
        tracks = tracks.reads("sequences", sequences);
    }
    [
        Step::of::<readlens_mask::Options>("mask")
            .options(area.map(|area| format!("--area={area}")))
            .options(target.as_ref().map(|target| format!("--target={target}")))
            .reads("tokens", file(TOKENS))
            .reads("classifier", model.classifier())
            .reads("explainer", model.explainer())
            .writes("output", file(MASKS))
            .writes("bases", file(BASES)),
        tracks
            .writes("stretches", file(STRETCHES))
            .writes("bed", file("read.bed"))
            .writes("gff3", file("read.gff3"))
            .writes("bedgraph", file("read.bedgraph"))
            .writes("bigwig", file("read.bw"))
            .writes("masked-fasta", file("read.fasta")),
        Step::of::<readlens_report::Options>("report")
            .options([format!("--title={title}")])
            .reads("tokens", file(TOKENS))
            .reads("masks", file(MASKS))
            .reads("bases", file(BASES))
            .reads("predictions", file(PREDICTIONS))
            .reads("stretches", file(STRETCHES))
            .reads("classifier", model.classifier())
            .reads("explainer", model.explainer())
            .writes("output", file(REPORT))
            .writes("browse", file(BROWSE)),
    ]
}
