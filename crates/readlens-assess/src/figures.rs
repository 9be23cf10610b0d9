//! Sums over windows, and the rows that come of them.

use std::collections::BTreeMap;

use readlens_metrics::{Figure, Formula, Observation, Panel};
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::vocabulary::{Metric, Name, Operator, Over, Ranks};

use crate::inputs::Input;

/// Bins of probabilities, of equal width.
const BINS: usize = 15;

/// The bin of a probability, which reaches from above its lower bound up to its upper one.
fn bin_of(p: f64) -> usize {
    ((p * BINS as f64).ceil() as usize).saturating_sub(1).min(BINS - 1)
}

/// Whose answer a figure is about, to which input, at which rank, of which windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Index of the branch that answers alone; none for the whole classifier.
    pub(crate) branch: Option<usize>,
    /// Index among the inputs; the one behind the last is no input: the most frequent taxon.
    pub(crate) input: usize,
    /// Class of lengths; none for all windows.
    pub(crate) length: Option<usize>,
    /// Bin of probabilities; none for windows of any probability.
    pub(crate) bin: Option<usize>,
    /// Index of the rank; none for all together.
    pub(crate) rank: Option<usize>,
    pub(crate) of: Of,
}

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Accuracy,
    Probability,
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

    /// Adds a prediction of probability `p`, right or not, to how probable predictions are, in its
    /// bin and altogether, and to how far that is from how often they are right.
    pub(crate) fn calibrate(
        &mut self,
        key: Key,
        record: u64,
        (p, is_right): (f64, bool),
        weights: &[f64],
    ) {
        let bin = bin_of(p);
        let is_right = f64::from(u8::from(is_right));
        for key in [key, Key { bin: Some(bin), ..key }] {
            self.add(Key { of: Of::Probability, ..key }, record, p, weights);
        }
        self.add(Key { bin: Some(bin), ..key }, record, is_right, weights);
        let key = Key { of: Of::Calibration, ..key };
        let panel = self.panels.entry(key).or_insert_with(|| Panel::new(BINS, self.replicates));
        panel.add(&Observation::at(record, 1.0, bin, &[is_right - p]), weights);
    }

    /// The figure of a key, if any window was added to it.
    pub(crate) fn figure(&self, key: Key) -> Option<Figure> {
        let formula = match key.of {
            Of::Calibration => Formula::Deviation,
            Of::Accuracy | Of::Probability | Of::Lineages => Formula::Mean(0),
        };
        self.panels.get(&key).map(|panel| panel.figure(formula))
    }

    /// Rows of the table, in the order of the keys.
    pub(crate) fn rows(&self, names: &Names<'_>) -> Vec<AssessmentRow> {
        let rows = self.panels.keys().filter_map(|key| {
            let Figure { value, interval, windows } = self.figure(*key)?;
            let input = names.inputs.get(key.input);
            let (shortest, longest) = names.bounds(key.length);
            let bound = |bin: usize| bin as f64 / BINS as f64;
            Some(AssessmentRow {
                branch: key.branch.map(|branch| names.branches[branch].clone()),
                operator: input.map_or(Operator::MajorityClass, |input| input.operator).into(),
                share: input.and_then(|input| input.share),
                shortest,
                longest,
                p_low: key.bin.map(bound),
                p_high: key.bin.map(|bin| bound(bin + 1)),
                split: names.over,
                rank: match key.rank {
                    Some(rank) => Ranks::One(names.ranks[rank].clone()),
                    None => Ranks::All,
                },
                metric: match key.of {
                    Of::Accuracy => Metric::Accuracy,
                    Of::Probability => Metric::PTarget,
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key =
        Key { branch: None, input: 0, length: None, bin: None, rank: Some(0), of: Of::Accuracy };

    /// Of eight predictions with probability 0.7 six are right, of four with 0.95 one.
    #[test]
    fn bins_have_closed_forms_and_add_up_to_the_calibration_error() {
        let mut figures = Figures::new(20);
        let weights = [1.0; 20];
        let groups = [(0.7, 8, 6), (0.95, 4, 1)];
        let windows =
            groups.iter().flat_map(|(p, of, right)| (0..*of).map(move |i| (*p, i < *right)));
        for (record, window) in windows.enumerate() {
            figures.calibrate(KEY, record as u64, window, &weights);
        }
        let value = |bin, of| figures.figure(Key { bin, of, ..KEY }).map(|f| (f.value, f.windows));
        let is = |found: Option<(f64, u64)>, value: f64, windows| {
            found.is_some_and(|(v, n)| (v - value).abs() < 1e-12 && n == windows)
        };
        // 0.7 is in (10/15, 11/15], 0.95 in (14/15, 1].
        assert!(is(value(Some(10), Of::Probability), 0.7, 8));
        assert!(is(value(Some(10), Of::Accuracy), 0.75, 8));
        assert!(is(value(Some(14), Of::Probability), 0.95, 4));
        assert!(is(value(Some(14), Of::Accuracy), 0.25, 4));
        assert_eq!(value(Some(11), Of::Accuracy), None);
        assert!(is(value(None, Of::Probability), (8.0 * 0.7 + 4.0 * 0.95) / 12.0, 12));
        let error = (8.0 * (0.75 - 0.7) + 4.0 * (0.95 - 0.25)) / 12.0;
        assert!(is(value(None, Of::Calibration), error, 12));
    }

    #[test]
    fn a_bin_reaches_up_to_its_upper_bound() {
        let found = [0.0, 1e-9, 0.2, 0.2 + 1e-9, 1.0].map(bin_of);
        assert_eq!(found, [0, 0, 2, 3, 14]);
    }
}
