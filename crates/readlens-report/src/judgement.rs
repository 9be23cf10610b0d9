//! The section on how right the classifier is: accuracy, confusions and calibration.

use readlens_provenance::{Artefact, Sha256Digest};
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::vocabulary::{Metric, Name, Over, Split};

use crate::assessment::{Assessment, Lengths};
use crate::confusion::{Confused, Confusion, MAX_PAIRS};
use crate::metrics_table::Figure;
use crate::predictions::{Calibrated, Predictions};
use crate::text::{Label, count_of, decimal, percent, plural, spaced, visible};
use crate::view::heat::HeatMap;
use crate::view::reliability::{Point, Reliability};
use crate::view::table::Cell;

/// The section; empty where no table is given that says something of it.
#[derive(Debug, Default)]
pub(crate) struct JudgementView {
    /// Which windows the figures are about, in sentences.
    pub(crate) basis: String,
    pub(crate) accuracy: Option<AccuracyTable>,
    pub(crate) confusions: Vec<ConfusedView>,
    /// Diagrams of the assessment.
    pub(crate) reliability: Vec<Reliability>,
    /// Diagrams before and after calibration, of the predictions, with a sentence on each.
    pub(crate) calibrated: Vec<(Reliability, String)>,
}

/// Accuracy of the classifier, rank by rank.
#[derive(Debug)]
pub(crate) struct AccuracyTable {
    /// Headings of the classes of length.
    pub(crate) lengths: Vec<String>,
    pub(crate) rows: Vec<AccuracyRow>,
    /// What is said of lineages; empty where nothing is.
    pub(crate) lineages: String,
    pub(crate) has_branches: bool,
}

/// One rank, of the whole classifier or of a branch.
#[derive(Debug)]
pub(crate) struct AccuracyRow {
    pub(crate) title: String,
    pub(crate) is_branch: bool,
    pub(crate) all: Cell,
    pub(crate) majority: String,
    pub(crate) lengths: Vec<Cell>,
    pub(crate) probability: String,
    pub(crate) error: Cell,
    pub(crate) n: String,
}

/// The confusions of one rank.
#[derive(Debug)]
pub(crate) struct ConfusedView {
    pub(crate) rank: String,
    pub(crate) is_open: bool,
    pub(crate) summary: String,
    pub(crate) map: Option<HeatMap>,
    pub(crate) choice: String,
    pub(crate) pairs: Vec<PairRow>,
    pub(crate) has_more_pairs: bool,
    pub(crate) taxa: Vec<TaxonRow>,
    pub(crate) has_more_taxa: bool,
}

/// A label and what it is taken for.
#[derive(Debug)]
pub(crate) struct PairRow {
    pub(crate) label: Label,
    pub(crate) predicted: Label,
    pub(crate) windows: String,
    pub(crate) share: String,
    pub(crate) probability: String,
}

/// How well one taxon is told.
#[derive(Debug)]
pub(crate) struct TaxonRow {
    pub(crate) taxon: Label,
    pub(crate) is_known: bool,
    pub(crate) precision: String,
    pub(crate) recall: String,
    pub(crate) f1: String,
    pub(crate) windows: String,
    pub(crate) predicted: String,
}

impl JudgementView {
    pub(crate) fn of(
        assessment: Option<&Assessment>,
        confusion: Option<&Confusion>,
        predictions: Option<&Predictions>,
        is_of_other_windows: bool,
    ) -> Self {
        let calibration = predictions.and_then(|predictions| predictions.calibration.as_ref());
        let calibrated = calibration.into_iter().flat_map(|found| &found.windows);
        let over = assessment.and_then(|a| a.over).or_else(|| confusion.and_then(|c| c.over));
        // The finest rank that has something to confuse is open.
        let open = confusion.and_then(|confusion| {
            confusion.ranks.iter().rposition(|confused| confused.wrong_pairs > 0)
        });
        let confusions =
            confusion.into_iter().flat_map(|confusion| confusion.ranks.iter().enumerate());
        Self {
            basis: basis(over, is_of_other_windows),
            accuracy: assessment.and_then(accuracy),
            confusions: confusions
                .map(|(place, confused)| confused_view(confused, Some(place) == open))
                .collect(),
            reliability: assessment.map_or_else(Vec::new, reliability),
            calibrated: calibrated.filter_map(before_and_after).collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.accuracy.is_none()
            && self.confusions.is_empty()
            && self.reliability.is_empty()
            && self.calibrated.is_empty()
    }
}

/// Whether the tables on how right the classifier is were taken on another table of windows than
/// the one that the page is about.
pub(crate) fn are_other_windows(artefacts: &[Artefact]) -> bool {
    let given = artefacts.iter().find(|artefact| artefact.digest.role == "tokens");
    let judged =
        |artefact: &&Artefact| ["assessment", "confusion"].contains(&artefact.digest.role.as_str());
    let named = artefacts.iter().filter(judged).filter_map(|artefact| artefact.manifest.as_ref());
    let mut named =
        named.flat_map(|manifest| &manifest.inputs).filter(|input| input.role == "tokens");
    let is_other =
        |digest: &Sha256Digest| given.is_some_and(|given| given.digest.sha256 != *digest);
    named.any(|input| is_other(&input.sha256))
}

fn basis(over: Option<Over>, is_of_other_windows: bool) -> String {
    let windows = match over {
        None => return String::new(),
        Some(Over::All) => "the labelled windows".to_owned(),
        Some(Over::Unassigned) => "the labelled windows that belong to no split".to_owned(),
        Some(Over::Split(split)) => format!("the labelled windows of the split {split}"),
    };
    let of = if is_of_other_windows {
        " of another table than the one that this page shows"
    } else {
        ""
    };
    // Whether it learned from this table or another one, its training windows are in this split.
    let in_sample = match over {
        Some(Over::Split(Split::Train)) => {
            " A classifier learns from this split, so its figures are too good."
        }
        _ => "",
    };
    format!("The classifier was judged on {windows}{of}, each seen whole.{in_sample}")
}

fn accuracy(assessment: &Assessment) -> Option<AccuracyTable> {
    if assessment.ranks.is_empty() {
        return None;
    }
    let mut rows = Vec::new();
    for rank in &assessment.ranks {
        let branches = assessment.branches.iter().map(Some);
        for branch in std::iter::once(None).chain(branches) {
            rows.extend(accuracy_row(assessment, branch.map(String::as_str), rank));
        }
    }
    let lineages = assessment.lineages().map_or_else(String::new, |figure| {
        format!(
            "The taxa that are predicted at all ranks together are a lineage of the data in {} % of the windows.",
            percent(figure.value)
        )
    });
    Some(AccuracyTable {
        lengths: assessment.lengths.iter().map(|lengths| in_words(*lengths)).collect(),
        has_branches: rows.iter().any(|row| row.is_branch),
        rows,
        lineages,
    })
}

fn accuracy_row(assessment: &Assessment, branch: Option<&str>, rank: &Name) -> Option<AccuracyRow> {
    let get = |lengths, metric| assessment.get(branch, rank, lengths, metric);
    let all = get(None, Metric::Accuracy)?;
    let value = |figure: Option<Figure>| {
        figure.map_or_else(|| "–".to_owned(), |figure| percent(figure.value))
    };
    let majority = assessment.majority(rank).filter(|_| branch.is_none());
    let by_length = assessment.lengths.iter();
    Some(AccuracyRow {
        title: branch
            .map_or_else(|| spaced(rank), |branch| format!("{} alone", visible(branch, 40))),
        is_branch: branch.is_some(),
        all: Cell::of(Some(all)),
        majority: value(majority),
        lengths: by_length.map(|l| Cell::of(get(Some(*l), Metric::Accuracy))).collect(),
        probability: value(get(None, Metric::PTarget)),
        error: Cell::of(get(None, Metric::ExpectedCalibrationError)),
        n: count_of(all.n.into()),
    })
}

fn in_words((shortest, longest): Lengths) -> String {
    let shortest = count_of(shortest.max(1).into());
    match longest {
        Some(longest) => format!("{shortest}–{} bases", count_of(longest.into())),
        None => format!("{shortest} bases and more"),
    }
}

fn confused_view(confused: &Confused, is_open: bool) -> ConfusedView {
    let pair = |row: &ConfusionRow| PairRow {
        label: Label::new(&row.label),
        predicted: Label::new(&row.predicted),
        windows: count_of(row.windows.into()),
        share: row.share.map_or_else(|| "–".to_owned(), percent),
        probability: row.mean_probability.map_or_else(|| "–".to_owned(), percent),
    };
    let figure = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), decimal);
    let taxon = |row: &ConfusionRow| TaxonRow {
        taxon: Label::new(&row.label),
        is_known: row.known,
        precision: figure(row.precision),
        recall: figure(row.recall),
        f1: figure(row.f1),
        windows: count_of(row.label_windows.into()),
        predicted: count_of(row.predicted_windows.into()),
    };
    let map = HeatMap::of(confused);
    let has_all = confused.chosen.len() as u64 == confused.seen_taxa;
    let choice = match (&map, has_all) {
        (None, _) => String::new(),
        (Some(_), true) => "The map has every taxon that is a label or was predicted.".to_owned(),
        (Some(_), false) => format!(
            "The map has {} of {} taxa: those of the most confused pairs.",
            count_of(confused.chosen.len() as u64),
            count_of(confused.seen_taxa)
        ),
    };
    ConfusedView {
        rank: spaced(&confused.rank),
        is_open,
        summary: summary(confused),
        map,
        choice,
        pairs: confused.pairs.iter().take(MAX_PAIRS).map(pair).collect(),
        has_more_pairs: confused.wrong_pairs > MAX_PAIRS as u64,
        taxa: confused.worst.iter().map(taxon).collect(),
        has_more_taxa: confused.seen_taxa > confused.worst.len() as u64,
    }
}

fn summary(confused: &Confused) -> String {
    let wrong = confused.windows - confused.right;
    let mut text = match wrong {
        _ if confused.windows == 0 => "No window has a label at this rank.".to_owned(),
        0 => format!("All {} got the right name.", plural(confused.windows, "window")),
        _ => format!(
            "{} of {} got a wrong name.",
            count_of(wrong),
            plural(confused.windows, "window")
        ),
    };
    if confused.unknown > 0 {
        text.push_str(&format!(
            " The label of {} is a taxon that the classifier does not know, so no name is right.",
            count_of(confused.unknown)
        ));
    }
    if confused.is_of_one_taxon() {
        text.push_str(
            " The classifier knows one taxon of this rank and has no choice, so its figures say nothing.",
        );
    }
    text
}

/// The diagrams of the ranks at which the classifier has a choice.
fn reliability(assessment: &Assessment) -> Vec<Reliability> {
    let of_rank = |rank: &Name| {
        let points = assessment.bins(rank).iter().filter_map(|bin| {
            let accuracy = bin.accuracy?;
            Some(Point {
                bounds: bin.bounds,
                probability: bin.probability?,
                accuracy: accuracy.value,
                interval: accuracy.interval,
                predictions: accuracy.n.into(),
            })
        });
        let points: Vec<Point> = points.collect();
        // Where a classifier knows one taxon, all is certain and there is nothing to draw.
        let is_certain = points.iter().all(|point| point.probability == 1.0);
        let points = if is_certain { Vec::new() } else { points };
        Reliability::of(spaced(rank), &[("windows", points)])
    };
    assessment.ranks.iter().filter_map(of_rank).collect()
}

fn before_and_after(rank: &Calibrated) -> Option<(Reliability, String)> {
    let points = |bins: &[crate::predictions::Bin]| -> Vec<Point> {
        let point = |bin: &crate::predictions::Bin| Point {
            bounds: (bin.above, bin.up_to),
            probability: bin.probability,
            accuracy: bin.accuracy,
            interval: None,
            predictions: bin.predictions,
        };
        bins.iter().map(point).collect()
    };
    if rank.bins_before.iter().all(|bin| bin.probability == 1.0) {
        return None;
    }
    let sets = [("before", points(&rank.bins_before)), ("after", points(&rank.bins_after))];
    let drawn = Reliability::of(spaced(&rank.rank), &sets)?;
    let error = |error: Option<f64>| error.map_or_else(|| "not known".to_owned(), percent_points);
    let sentence = format!(
        "Temperature {}, fitted on {}. Calibration error {} before, {} after.",
        decimal(rank.temperature),
        plural(rank.labelled, "window"),
        error(rank.error_before),
        error(rank.error_after)
    );
    Some((drawn, sentence))
}

fn percent_points(error: f64) -> String {
    format!("{} points", percent(error))
}
