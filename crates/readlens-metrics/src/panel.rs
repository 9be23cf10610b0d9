use crate::bootstrap;
use crate::formula::Formula;

/// Maximum number of values of one [`Observation`].
pub const MAX_VALUES: usize = 5;

/// What one window contributes to a panel.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Ordinal of the record, for its weights.
    pub record: u64,
    /// Weight of the window in the mean.
    pub importance: f64,
    /// The sum that the first value is added to.
    pub place: u8,
    /// How many values there are.
    pub count: u8,
    /// The values, for sums that follow each other.
    pub values: [f64; MAX_VALUES],
}

impl Observation {
    /// A window of a record with the values of the first sums, at most [`MAX_VALUES`].
    pub fn new(record: u64, importance: f64, values: &[f64]) -> Self {
        Self::at(record, importance, 0, values)
    }

    /// A window of a record with the values of the sums from the one at `first` on.
    ///
    /// # Panics
    /// There are more than [`MAX_VALUES`] values.
    pub fn at(record: u64, importance: f64, first: usize, values: &[f64]) -> Self {
        let mut kept = [0.0; MAX_VALUES];
        kept[..values.len()].copy_from_slice(values);
        let (place, count) = (first as u8, values.len() as u8);
        Self { record, importance, place, count, values: kept }
    }
}

/// Running sums over the same windows, and each in every replicate.
#[derive(Clone, Debug)]
pub struct Panel {
    windows: u64,
    records: u64,
    last_record: Option<u64>,
    total: f64,
    sums: Vec<f64>,
    replicate_totals: Vec<f64>,
    /// Sum by sum, all replicates.
    replicate_sums: Vec<f64>,
}

/// A figure and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The figure; NaN where it is not defined.
    pub value: f64,
    /// None for fewer than two records, as then there is nothing to resample.
    pub interval: Option<(f64, f64)>,
    /// Windows that it was taken over.
    pub windows: u64,
}

impl Panel {
    /// No windows yet, for so many sums.
    pub fn new(sums: usize, replicates: usize) -> Self {
        Self {
            windows: 0,
            records: 0,
            last_record: None,
            total: 0.0,
            sums: vec![0.0; sums],
            replicate_totals: vec![0.0; replicates],
            replicate_sums: vec![0.0; sums * replicates],
        }
    }

    /// Numbers that a panel of so many sums keeps.
    pub fn cells(sums: usize, replicates: usize) -> usize {
        (1 + sums) * (1 + replicates)
    }

    /// Adds a window; `weights` are its record's, one per replicate or more.
    pub fn add(&mut self, observation: &Observation, weights: &[f64]) {
        let &Observation { record, importance, place, count, values } = observation;
        self.windows += 1;
        self.records += u64::from(self.last_record != Some(record));
        self.last_record = Some(record);
        self.total += importance;
        for (total, weight) in self.replicate_totals.iter_mut().zip(weights) {
            *total += importance * weight;
        }
        for (sum, &value) in (usize::from(place)..).zip(&values[..usize::from(count)]) {
            let value = importance * value;
            self.sums[sum] += value;
            let replicates = self.replicate_totals.len();
            let sums = &mut self.replicate_sums[sum * replicates..(sum + 1) * replicates];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }

    /// Adds the windows of `other`, whose records are others.
    pub fn merge(&mut self, other: &Self) {
        self.windows += other.windows;
        self.records += other.records;
        self.total += other.total;
        let pairs = self.sums.iter_mut().zip(&other.sums);
        let totals = self.replicate_totals.iter_mut().zip(&other.replicate_totals);
        let sums = self.replicate_sums.iter_mut().zip(&other.replicate_sums);
        pairs.chain(totals).chain(sums).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// A figure with its interval. Replicates in which it is not defined, as when they drew no
    /// window, are left out.
    pub fn figure(&self, formula: Formula) -> Figure {
        let replicates = self.replicate_totals.len();
        let resampled = |replicate: usize| {
            let sum = |sum: usize| self.replicate_sums[sum * replicates + replicate];
            self.evaluate(formula, self.replicate_totals[replicate], sum)
        };
        let figures = || (0..replicates).filter_map(resampled).collect();
        Figure {
            value: self.evaluate(formula, self.total, |sum| self.sums[sum]).unwrap_or(f64::NAN),
            interval: (self.records > 1).then(|| bootstrap::interval(figures())).flatten(),
            windows: self.windows,
        }
    }

    fn evaluate(&self, formula: Formula, total: f64, sum: impl Fn(usize) -> f64) -> Option<f64> {
        let (value, divisor) = match formula {
            Formula::Mean(place) => (sum(place), total),
            Formula::Ratio(place, over) => (sum(place), sum(over)),
            Formula::Deviation => ((0..self.sums.len()).map(|place| sum(place).abs()).sum(), total),
            Formula::Excess { of, above } => ((sum(of) - sum(above)).max(0.0), total),
            Formula::LessExcess { of, above, times } => {
                (sum(above) - f64::from(times) * (sum(of) - sum(above)).max(0.0), total)
            }
        };
        (divisor > 0.0).then(|| value / divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Bootstrap;

    fn observation(record: u64, value: f64) -> Observation {
        Observation { record, importance: 1.0, place: 0, count: 1, values: [value; MAX_VALUES] }
    }

    /// A panel of `n` records with `windows` equal windows each; a share `p` of the records is 1.
    fn shares(n: u64, windows: usize, p: f64) -> Figure {
        let bootstrap = Bootstrap::new(7, 1000);
        let mut panel = Panel::new(1, 1000);
        for record in 0..n {
            let weights = bootstrap.weights(&format!("r{record}"));
            let value = f64::from(u8::from((record as f64) < p * n as f64));
            (0..windows).for_each(|_| panel.add(&observation(record, value), &weights));
        }
        panel.figure(Formula::Mean(0))
    }

    /// For a share p of n independent windows the interval is about p ± 1.96 √(p(1−p)/n).
    #[test]
    fn the_interval_of_a_share_has_its_closed_form_width() {
        let figure = shares(1000, 1, 0.3);
        assert!((figure.value - 0.3).abs() < 1e-12);
        let (low, high) = figure.interval.unwrap_or_default();
        let half = 1.96 * (0.21_f64 / 1000.0).sqrt();
        // 1000 replicates know an end to about 7 % of the half width.
        assert!((low - (0.3 - half)).abs() < 0.15 * half, "{low}");
        assert!((high - (0.3 + half)).abs() < 0.15 * half, "{high}");
    }

    /// Windows of a record are resampled together, so copies of a window bring no certainty.
    #[test]
    fn copies_of_windows_do_not_narrow_the_interval() {
        let (once, often) = (shares(200, 1, 0.5), shares(200, 4, 0.5));
        let ends = |figure: Figure| figure.interval.unwrap_or_default();
        assert!((ends(once).0 - ends(often).0).abs() < 1e-12);
        assert!((ends(once).1 - ends(often).1).abs() < 1e-12);
        assert_eq!((once.windows, often.windows), (200, 800));
    }

    #[test]
    fn a_constant_has_an_interval_of_no_width_and_one_record_has_none() {
        assert_eq!(shares(50, 2, 1.0).interval, Some((1.0, 1.0)));
        assert_eq!(shares(1, 9, 1.0).interval, None);
    }

    #[test]
    fn importance_weighs_the_mean() {
        let mut panel = Panel::new(1, 0);
        for (importance, value) in [(0.25, 1.0), (0.75, 0.0)] {
            panel.add(&Observation { importance, ..observation(0, value) }, &[]);
        }
        assert_eq!(panel.figure(Formula::Mean(0)).value, 0.25);
    }

    /// Two bins: the first sums .5 − .25, the second −.5, over four windows.
    #[test]
    fn deviations_and_ratios_are_made_of_the_sums() {
        let mut panel = Panel::new(2, 3);
        for (place, value) in [(0, 0.5), (0, -0.25), (1, -0.5), (1, 0.0)] {
            let weights = [1.0, 2.0, 0.0];
            panel.add(&Observation { place, ..observation(u64::from(place), value) }, &weights);
        }
        assert_eq!(panel.figure(Formula::Deviation).value, 0.75 / 4.0);
        assert_eq!(panel.figure(Formula::Ratio(1, 0)).value, -2.0);
        // The third replicate drew no window.
        assert_eq!(panel.figure(Formula::Ratio(1, 0)).interval, Some((-2.0, -2.0)));
        assert_eq!(panel.figure(Formula::Ratio(0, 1)).interval, None);
    }
}
