//! Windows of a record merged into one prediction, while they stream past.

use readlens_nn::{ClassifierConfig, RankClasses};
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;

use crate::answer::log_probabilities;

/// Sums over the windows of a record, or over some that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// None where the windows are of several.
    pub(crate) split: Option<Split>,
    pub(crate) windows: u32,
    /// Sums of the log-probabilities, by rank and taxon.
    sums: Vec<Vec<f64>>,
    /// For how many windows each taxon is the most probable one, by rank and taxon.
    votes: Vec<Vec<u32>>,
}

impl Record {
    /// No window yet of the record that `row` is of.
    pub(crate) fn new(row: &TokenRow, ranks: &[RankClasses]) -> Self {
        let taxa = || ranks.iter().map(|rank| rank.taxa.len());
        Self {
            id: row.id.clone(),
            split: row.split,
            windows: 0,
            sums: taxa().map(|taxa| vec![0.0; taxa]).collect(),
            votes: taxa().map(|taxa| vec![0; taxa]).collect(),
        }
    }

    /// Adds a window with these log-probabilities and most probable classes, by rank.
    pub(crate) fn add(
        &mut self,
        row: &TokenRow,
        log_p: &[Vec<f64>],
        classes: impl Iterator<Item = usize>,
    ) {
        self.split = self.split.filter(|split| row.split == Some(*split));
        self.windows = self.windows.saturating_add(1);
        add(&mut self.sums, log_p);
        self.votes.iter_mut().zip(classes).for_each(|(votes, class)| votes[class] += 1);
    }

    /// Adds the windows that follow, of the same record.
    fn join(&mut self, following: &Self) {
        self.split = self.split.filter(|split| following.split == Some(*split));
        self.windows = self.windows.saturating_add(following.windows);
        add(&mut self.sums, &following.sums);
        for (votes, more) in self.votes.iter_mut().zip(&following.votes) {
            votes.iter_mut().zip(more).for_each(|(votes, more)| *votes += more);
        }
    }

    /// Windows for which alone a class is the most probable one.
    pub(crate) fn votes(&self, rank: usize, class: usize) -> u32 {
        self.votes[rank][class]
    }

    /// Log-probabilities of the record by rank: the means of its windows', and, where the
    /// classifier decodes ranks together, led by the parents of the best taxa as its own scores
    /// are. `shape`: that of the classifier, where it is one of ours.
    pub(crate) fn log_probabilities(&self, shape: Option<&ClassifierConfig>) -> Vec<Vec<f64>> {
        let windows = f64::from(self.windows.max(1));
        let mean = |sums: &Vec<f64>| sums.iter().map(|sum| sum / windows).collect();
        let mut scores: Vec<Vec<f64>> = self.sums.iter().map(mean).collect();
        if let Some(shape) = shape
            && let Some(decoding) = &shape.decoding
        {
            // A lead is one of scores before temperatures.
            let scale = |scores: &mut Vec<Vec<f64>>, of: fn(f64) -> f64| {
                for (scores, t) in scores.iter_mut().zip(shape.temperatures.iter().flatten()) {
                    scores.iter_mut().for_each(|score| *score *= of(*t));
                }
            };
            scale(&mut scores, |t| t);
            decoding.lead(&mut scores);
            scale(&mut scores, |t| 1.0 / t);
        }
        scores.iter().map(|scores| log_probabilities(scores.iter().copied())).collect()
    }
}

fn add(sums: &mut [Vec<f64>], more: &[Vec<f64>]) {
    for (sums, more) in sums.iter_mut().zip(more) {
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
}

/// Windows of one record that follow each other in a chunk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Run<T> {
    /// All of its windows, and what came of them.
    Whole(T),
    /// The first or the last windows of a chunk: more may stand before or behind it.
    Open(Record),
}

/// The runs of a chunk in order, made of its windows by `add`; `finish` makes what is wanted of a
/// whole record.
pub(crate) fn runs<T>(
    rows: &[TokenRow],
    ranks: &[RankClasses],
    add: impl Fn(&mut Record, usize),
    finish: impl Fn(Record) -> T,
) -> Vec<Run<T>> {
    let mut runs = Vec::new();
    let mut first = 0;
    for windows in rows.chunk_by(|a, b| a.id == b.id) {
        let mut record = Record::new(&windows[0], ranks);
        let end = first + windows.len();
        (first..end).for_each(|window| add(&mut record, window));
        runs.push(match first == 0 || end == rows.len() {
            true => Run::Open(record),
            false => Run::Whole(finish(record)),
        });
        first = end;
    }
    runs
}

/// Joins the runs of one chunk after another.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    open: Option<Record>,
}

impl Joiner {
    /// Takes a run; returns the record that ends before it, if one does.
    pub(crate) fn take<T>(&mut self, run: Run<T>) -> (Option<Record>, Option<T>) {
        match (run, &mut self.open) {
            (Run::Open(record), Some(open)) if open.id == record.id => {
                open.join(&record);
                (None, None)
            }
            (Run::Open(record), open) => (open.replace(record), None),
            (Run::Whole(whole), open) => (open.take(), Some(whole)),
        }
    }

    /// The record that ends with the last run.
    pub(crate) fn finish(self) -> Option<Record> {
        self.open
    }
}
