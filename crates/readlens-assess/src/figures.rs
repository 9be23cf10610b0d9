//! Sums over windows, and the rows that come of them.

use std::collections::BTreeMap;

use readlens_metrics::{Figure, Formula, Observation, Panel};
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::vocabulary::{Metric, Name, Operator, Over, Ranks};

use crate::inputs::Input;

/// Bins of the calibration error, of equal width.
const BINS: usize = 15;

/// Whose answer a figure is about, to which input, at which rank, of which windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Index of the branch that answers alone; none for the whole classifier.
    pub(crate) branch: Option<usize>,
    /// Index among the inputs; the one behind the last is no input: the most frequent taxon.
    pub(crate) input: usize,
    /// Class of lengths; none for all windows.
    pub(crate) length: Option<usize>,
    /// Index of the rank; none for all together.
    pub(crate) rank: Option<usize>,
    pub(crate) of: Of,
}

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Accuracy,
    Calibration,
    Lineages,
}

/// All sums.
pub(crate) struct Figures {
    panels: BTreeMap<Key, Panel>,
    replicates: usize,
}

impl Figures {
    pub(crate) fn new(replicates: usize) -> Self {
        Self { panels: BTreeMap::new(), replicates }
    }

    /// Adds a value of a window of a record with these bootstrap weights.
    pub(crate) fn add(&mut self, key: Key, record: u64, value: f64, weights: &[f64]) {
        let panel = self.panels.entry(key).or_insert_with(|| Panel::new(1, self.replicates));
        panel.add(&Observation::new(record, 1.0, &[value]), weights);
    }

    /// Adds to the calibration of predictions: one of probability `p`, right or not.
    pub(crate) fn calibrate(
        &mut self,
        key: Key,
        record: u64,
        (p, is_right): (f64, bool),
        weights: &[f64],
    ) {
        let key = Key { of: Of::Calibration, ..key };
        let panel = self.panels.entry(key).or_insert_with(|| Panel::new(BINS, self.replicates));
        let bin = ((p * BINS as f64).ceil() as usize).saturating_sub(1).min(BINS - 1);
        let value = f64::from(u8::from(is_right)) - p;
        panel.add(&Observation::at(record, 1.0, bin, &[value]), weights);
    }

    /// The figure of a key, if any window was added to it.
    pub(crate) fn figure(&self, key: Key) -> Option<Figure> {
        let formula = match key.of {
            Of::Calibration => Formula::Deviation,
            Of::Accuracy | Of::Lineages => Formula::Mean(0),
        };
        self.panels.get(&key).map(|panel| panel.figure(formula))
    }

    /// Rows of the table, in the order of the keys.
    pub(crate) fn rows(&self, names: &Names<'_>) -> Vec<AssessmentRow> {
        let rows = self.panels.keys().filter_map(|key| {
            let Figure { value, interval, windows } = self.figure(*key)?;
            let input = names.inputs.get(key.input);
            let (shortest, longest) = names.bounds(key.length);
            Some(AssessmentRow {
                branch: key.branch.map(|branch| names.branches[branch].clone()),
                operator: input.map_or(Operator::MajorityClass, |input| input.operator).into(),
                share: input.and_then(|input| input.share),
                shortest,
                longest,
                split: names.over,
                rank: match key.rank {
                    Some(rank) => Ranks::One(names.ranks[rank].clone()),
                    None => Ranks::All,
                },
                metric: match key.of {
                    Of::Accuracy => Metric::Accuracy,
                    Of::Calibration => Metric::ExpectedCalibrationError,
                    Of::Lineages => Metric::LineageConsistency,
                },
                value,
                ci_low: interval.map(|(low, _)| low),
                ci_high: interval.map(|(_, high)| high),
                n: windows as u32,
            })
        });
        rows.collect()
    }
}

/// What keys are called in the table.
pub(crate) struct Names<'a> {
    pub(crate) branches: &'a [String],
    pub(crate) inputs: &'a [Input],
    pub(crate) lengths: &'a [u32],
    pub(crate) ranks: &'a [Name],
    pub(crate) over: Over,
}

impl Names<'_> {
    /// Least and largest length of a class, in nucleotides.
    fn bounds(&self, class: Option<usize>) -> (Option<u32>, Option<u32>) {
        let Some(class) = class else { return (None, None) };
        let least = if class == 0 { 0 } else { self.lengths[class - 1] };
        (Some(least), self.lengths.get(class).map(|end| end - 1))
    }
}
