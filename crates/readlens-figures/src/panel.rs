use crate::bootstrap;

/// Most metrics of one [`Panel`].
pub const MAX_METRICS: usize = 5;

/// What one window contributes to a panel.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Ordinal of the record, for its weights.
    pub record: u64,
    /// Weight of the window in the mean.
    pub importance: f64,
    /// One value per metric of the panel; the rest is not looked at.
    pub values: [f64; MAX_METRICS],
}

/// Running means of metrics over the same windows, and of each in every replicate.
#[derive(Clone, Debug)]
pub struct Panel {
    metrics: usize,
    windows: u64,
    records: u64,
    last_record: Option<u64>,
    total: f64,
    sums: [f64; MAX_METRICS],
    replicate_totals: Vec<f64>,
    /// Metric by metric, all replicates.
    replicate_sums: Vec<f64>,
}

/// A metric's mean and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The mean; NaN where there is nothing to average.
    pub value: f64,
    /// None for fewer than two records, as then there is nothing to resample.
    pub interval: Option<(f64, f64)>,
    /// Windows that it was taken over.
    pub windows: u64,
}

impl Panel {
    /// No windows yet, of `metrics` metrics (at most [`MAX_METRICS`]).
    pub fn new(metrics: usize, replicates: usize) -> Self {
        Self {
            metrics,
            windows: 0,
            records: 0,
            last_record: None,
            total: 0.0,
            sums: [0.0; MAX_METRICS],
            replicate_totals: vec![0.0; replicates],
            replicate_sums: vec![0.0; metrics * replicates],
        }
    }

    /// Adds a window; `weights` are its record's, one per replicate.
    pub fn add(&mut self, observation: &Observation, weights: &[f64]) {
        let &Observation { record, importance, values } = observation;
        self.windows += 1;
        self.records += u64::from(self.last_record != Some(record));
        self.last_record = Some(record);
        self.total += importance;
        for (total, weight) in self.replicate_totals.iter_mut().zip(weights) {
            *total += importance * weight;
        }
        for (metric, &value) in values[..self.metrics].iter().enumerate() {
            let value = importance * value;
            self.sums[metric] += value;
            let replicates = self.replicate_totals.len();
            let sums = &mut self.replicate_sums[metric * replicates..(metric + 1) * replicates];
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

    /// The mean of a metric with its interval. Replicates that drew no window are left out.
    pub fn figure(&self, metric: usize) -> Figure {
        let replicates = self.replicate_totals.len();
        let sums = &self.replicate_sums[metric * replicates..(metric + 1) * replicates];
        let means = sums.iter().zip(&self.replicate_totals);
        let means = means.filter(|(_, total)| **total > 0.0).map(|(sum, total)| sum / total);
        Figure {
            value: self.sums[metric] / self.total,
            interval: (self.records > 1).then(|| bootstrap::interval(means.collect())).flatten(),
            windows: self.windows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Bootstrap;

    fn observation(record: u64, value: f64) -> Observation {
        Observation { record, importance: 1.0, values: [value; MAX_METRICS] }
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
        panel.figure(0)
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
            let values = [value; MAX_METRICS];
            panel.add(&Observation { record: 0, importance, values }, &[]);
        }
        assert_eq!(panel.figure(0).value, 0.25);
    }
}
