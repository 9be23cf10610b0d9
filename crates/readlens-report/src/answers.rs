//! The section on what the classifier says of the windows of the page.

use readlens_provenance::Learned;

use crate::predictions::{Predicted, Predictions};
use crate::survey::Survey;
use crate::text::{Label, count_of, percent, plural, spaced};
use crate::view::bars::Histogram;

/// Maximum number of taxa of a rank that have a row of their own.
const MAX_TAXA: usize = 20;

/// The section.
#[derive(Debug)]
pub(crate) struct AnswersView {
    /// How many windows were predicted, and what confidence is.
    pub(crate) basis: String,
    pub(crate) ranks: Vec<AnswersOfRank>,
}

/// What is predicted at one rank.
#[derive(Debug)]
pub(crate) struct AnswersOfRank {
    pub(crate) rank: String,
    pub(crate) summary: String,
    pub(crate) rows: Vec<AnswerRow>,
    pub(crate) confidence: Histogram,
}

/// Windows of one taxon, of several, or of none.
#[derive(Debug)]
pub(crate) struct AnswerRow {
    /// The taxon; none for what is said in `title`.
    pub(crate) taxon: Option<Label>,
    pub(crate) title: String,
    pub(crate) windows: String,
    pub(crate) share: String,
    /// Length of the bar in percent of the longest.
    pub(crate) bar: String,
}

impl AnswersView {
    /// The section; `learned` is what the classifier learned from, where that is known.
    pub(crate) fn of(
        predictions: &Predictions,
        survey: &Survey,
        learned: Option<Learned>,
    ) -> Option<Self> {
        let ranks: Vec<AnswersOfRank> = predictions.ranks.iter().map(of_rank).collect();
        if ranks.is_empty() {
            return None;
        }
        let predicted = predictions.ranks.iter().map(|rank| rank.windows).max().unwrap_or(0);
        let all: u64 = survey.windows.values().sum();
        let covered = if predicted >= all {
            format!("The classifier was asked about {}.", plural(all, "window"))
        } else {
            format!(
                "The classifier was asked about {} of {}.",
                count_of(predicted),
                plural(all, "window")
            )
        };
        let confidence = if predictions.calibration.is_some() {
            "Confidence is the probability of the most probable taxon after calibration on the split valid of labelled windows."
        } else {
            "Confidence is the probability that the classifier gives the most probable taxon; it was not calibrated on labelled windows."
        };
        let of_train = predictions.ranks.iter().map(|rank| rank.of_train).max().unwrap_or(0);
        let seen = if survey.has_splits() { of_train } else { predicted };
        let seen = match learned {
            Some(Learned::FromThisTable) if seen > 0 => format!(
                " It learned from {} of them, which it names better and with more confidence than new sequences.",
                count_of(seen)
            ),
            _ => String::new(),
        };
        let basis = format!(
            "{covered}{seen} It answers with a taxon that it knows, also for a sequence of none of these taxa, and it can be sure of a wrong name. {confidence}"
        );
        Some(Self { basis, ranks })
    }
}

fn of_rank(predicted: &Predicted) -> AnswersOfRank {
    let taxa = predicted.taxa();
    let shown = &taxa[..taxa.len().min(MAX_TAXA)];
    let others = &taxa[shown.len()..];
    let of_others: u64 = others.iter().map(|(_, windows)| windows).sum();
    let longest = shown
        .iter()
        .map(|(_, windows)| *windows)
        .chain([of_others, predicted.unnamed])
        .max()
        .unwrap_or(1)
        .max(1);
    let row = |taxon: Option<&str>, title: String, windows: u64| AnswerRow {
        taxon: taxon.map(Label::new),
        title,
        windows: count_of(windows),
        share: percent(windows as f64 / predicted.windows as f64),
        bar: format!("{:.1}", 100.0 * windows as f64 / longest as f64),
    };
    let mut rows: Vec<AnswerRow> =
        shown.iter().map(|(taxon, windows)| row(Some(taxon), String::new(), *windows)).collect();
    if !others.is_empty() {
        let title = plural(others.len() as u64, "other taxon").replace("taxons", "taxa");
        rows.push(row(None, title, of_others));
    }
    if predicted.unnamed > 0 {
        rows.push(row(None, "not named".to_owned(), predicted.unnamed));
    }
    let rank = spaced(&predicted.rank);
    let confidence = Histogram::of_shares(
        &format!("Confidence at rank {rank}"),
        "confidence",
        "windows",
        &predicted.confidence,
    );
    AnswersOfRank { summary: summary(predicted, taxa.len()), rank, rows, confidence }
}

fn summary(predicted: &Predicted, taxa: usize) -> String {
    let named = predicted.windows - predicted.unnamed;
    let names = plural(taxa as u64, "taxon").replace("taxons", "taxa");
    let mean = percent(predicted.confidence.mean());
    let mut text = match named {
        0 => "No window got a name.".to_owned(),
        _ => format!("{} got a name, of {names}.", plural(named, "window")),
    };
    if predicted.unnamed > 0 {
        text.push_str(&format!(
            " No name was given to {} ({}\u{a0}%), because the most probable taxon is below the --min-probability of readlens-predict.",
            plural(predicted.unnamed, "window"),
            percent(predicted.unnamed as f64 / predicted.windows as f64)
        ));
    }
    if !predicted.has_choice {
        text.push_str(" The classifier knows one taxon of this rank and has no choice.");
        return text;
    }
    format!("{text} The mean confidence is {mean}\u{a0}%.")
}
