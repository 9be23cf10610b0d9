//! What the stages found, gathered into the card.

use std::path::Path;

use readlens_fault::Result;
use readlens_predict::Calibration;
use readlens_provenance::{InputDigest, read_json};
use readlens_tables::Reader;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{Metric, Operator, Over, Ranks, Split};
use readlens_tokenize::Summary;
use serde::Deserialize;

use super::choice::Choices;
use super::options::Learn;
use super::steps::{ASSESSMENT, BASELINE, FIGURES, METRICS, SUMMARY};
use crate::card::{Accuracy, Card, Data, FORMAT, Rank, Shown, ShownRank, Tokens, Verdict};
use crate::model::Model;

/// Classifiers that only count k-mers.
const KMERS: [Operator; 3] =
    [Operator::KmerLogisticRegression, Operator::KmerNaiveBayes, Operator::KmerVoting];

/// What is read of the figures as JSON.
#[derive(Debug, Deserialize)]
struct Figures {
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    name: String,
    verdict: String,
    sentence: String,
}

/// What is read of the summary beside its counts.
#[derive(Debug, Deserialize)]
struct Made {
    manifest: MadeBy,
}

#[derive(Debug, Deserialize)]
struct MadeBy {
    config: HowRead,
}

#[derive(Debug, Deserialize)]
struct HowRead {
    tokenization: serde_json::Value,
    windows: serde_json::Value,
}

/// What is read of the saved calibration.
#[derive(Debug, Deserialize)]
struct Calibrated {
    calibration: Calibration,
}

/// The card of `model`, whose stages are done.
///
/// # Errors
/// A table cannot be read.
pub(crate) fn card(learn: &Learn, divided: &str, choices: &Choices, model: &Model) -> Result<Card> {
    let summary: Summary = read_json(&model.evidence(SUMMARY))?;
    let Made { manifest: MadeBy { config: made } } = read_json(&model.evidence(SUMMARY))?;
    let sequences = learn.sequences.iter().map(|path| InputDigest::of("sequences", path));
    let taxonomy = learn.taxonomy.iter().map(|path| InputDigest::of("taxonomy", path));
    let ranks = summary.taxonomy.iter().flat_map(|taxonomy| &taxonomy.ranks);
    let metrics: Vec<MetricRow> = rows(&model.evidence(METRICS))?;
    let figures: Figures = read_json(&model.evidence(FIGURES))?;
    Ok(Card {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: learn.title.clone(),
        data: Data {
            files: sequences.chain(taxonomy).collect::<Result<_>>()?,
            records: summary.records_kept,
            bases: summary.bases_read,
            windows: summary.windows,
            ranks: ranks
                .map(|rank| Rank {
                    rank: rank.rank.clone(),
                    taxa: rank.taxa,
                    records: rank.records,
                    rare_taxa: rank.rare_taxa,
                })
                .collect(),
            splits: summary.splits,
            divided: divided.to_owned(),
        },
        tokenization: Tokens { tokens: made.tokenization, windows: made.windows },
        choices: choices.said.clone(),
        classifier: InputDigest::of("classifier", &model.classifier())?,
        explainer: InputDigest::of("explainer", &model.explainer())?,
        accuracy: match learn.taxonomy {
            Some(_) => accuracy(
                &rows::<AssessmentRow>(&model.evidence(ASSESSMENT))?,
                &baseline(learn, model)?,
                &read_json(&model.calibration())?,
            ),
            None => Vec::new(),
        },
        shown: shown(&metrics),
        verdicts: figures
            .checks
            .into_iter()
            .map(|Check { name, verdict, sentence }| Verdict { check: name, verdict, sentence })
            .collect(),
    })
}

/// Figures of classifiers that only count k-mers, where there are any.
fn baseline(learn: &Learn, model: &Model) -> Result<Vec<MetricRow>> {
    match learn.classifier {
        Some(_) => Ok(Vec::new()),
        None => rows(&model.evidence(BASELINE)),
    }
}

fn rows<R: readlens_tables::Record>(path: &Path) -> Result<Vec<R>> {
    Reader::<R>::open(path)?.collect()
}

/// Whether a figure is of the windows that were held out.
fn is_test(split: &Over) -> bool {
    *split == Over::of(Some(Split::Test))
}

/// Accuracy of the classifier as a whole, by rank, beside what needs no classifier.
fn accuracy(
    assessment: &[AssessmentRow],
    baseline: &[MetricRow],
    calibrated: &Calibrated,
) -> Vec<Accuracy> {
    let of = |operator: Operator, metric: Metric| {
        assessment.iter().filter(move |row| {
            row.operator.known() == Some(operator)
                && row.metric == metric
                && is_test(&row.split)
                && row.branch.is_none()
                && row.shortest.is_none()
                && row.longest.is_none()
                && row.p_low.is_none()
        })
    };
    let of_rank = |row: &AssessmentRow| {
        let at = |other: &&AssessmentRow| other.rank == row.rank;
        let counted = baseline.iter().filter(|figure| {
            figure.rank == row.rank
                && is_test(&figure.split)
                && figure.metric == Metric::Accuracy
                && figure.operator.known().is_some_and(|operator| KMERS.contains(&operator))
        });
        let majority = of(Operator::MajorityClass, Metric::Accuracy).find(at);
        let Ranks::One(rank) = &row.rank else { return None };
        Some(Accuracy {
            rank: rank.to_string(),
            windows: row.n,
            accuracy: row.value,
            low: row.ci_low,
            high: row.ci_high,
            majority: majority.map(|row| row.value),
            kmers: counted.map(|figure| figure.value).reduce(f64::max),
            calibration_error: calibrated
                .calibration
                .records
                .iter()
                .find(|figures| figures.rank == **rank)
                .and_then(|figures| figures.error_after),
        })
    };
    of(Operator::Unmasked, Metric::Accuracy).filter_map(of_rank).collect()
}

/// What the masks keep and what they leave.
fn shown(metrics: &[MetricRow]) -> Shown {
    let find = |operator: Operator, metric: Metric, rank: Option<&Ranks>| {
        metrics.iter().find(|row| {
            row.operator.known() == Some(operator)
                && row.metric == metric
                && is_test(&row.split)
                && row.has_own_removal()
                && row.share.is_none()
                && rank.is_none_or(|rank| *rank == row.rank)
        })
    };
    // Of the classifier alone; each method has the row of its own windows besides.
    let of_all = |metric: Metric| {
        metrics.iter().filter(move |row| {
            row.operator.known() == Some(Operator::Unmasked)
                && row.metric == metric
                && is_test(&row.split)
                && row.method.is_none()
        })
    };
    let is_agreement = of_all(Metric::Accuracy).next().is_none();
    let measured = if is_agreement { Metric::Agreement } else { Metric::Accuracy };
    let of_rank = |row: &MetricRow| {
        let Ranks::One(rank) = &row.rank else { return None };
        let at = |operator| find(operator, measured, Some(&row.rank)).map(|row| row.value);
        Some(ShownRank {
            rank: rank.to_string(),
            windows: row.n,
            unmasked: Some(row.value),
            hard_masked: at(Operator::HardMasked),
            random_block: at(Operator::RandomBlock),
            hard_inverse: at(Operator::HardInverse),
            random_block_inverse: at(Operator::RandomBlockInverse),
        })
    };
    Shown {
        area: find(Operator::Mask, Metric::HardArea, None).map(|row| row.value),
        ranks: of_all(measured).filter_map(of_rank).collect(),
        is_agreement,
    }
}
