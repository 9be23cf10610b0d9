//! Whether all windows have the same mask.

use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::Result;
use readlens_metrics::{About, Figure};
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{MaskName, Metric, Operator, Over};

use crate::cursor::Cursor;

/// Stretches that a mask is resampled to.
const BINS: usize = 64;
/// Variance below which a resampled mask counts as the same everywhere.
const FLAT: f64 = 1e-12;

/// Sums that give [`Metric::MaskCorrelation`] in memory that does not grow with the windows.
///
/// Every mask is resampled to [`BINS`] equal stretches, so that windows of all lengths compare; the
/// figure is the mean of Pearson's correlation over all pairs of windows. A mask that is the same
/// everywhere has no correlation: with another such mask it counts as 1, with any other as 0.
///
/// With z the standardised masks, the correlation of two is z·z′ / B, and
/// Σ over pairs z·z′ = (‖Σ z‖² − Σ ‖z‖²) / 2.
#[derive(Clone, Debug)]
struct Correlation {
    sum: [f64; BINS],
    varied: u64,
    flat: u64,
}

impl Correlation {
    const NONE: Self = Self { sum: [0.0; BINS], varied: 0, flat: 0 };

    fn add(&mut self, mask: &[f32]) {
        let bins = resampled(mask);
        let mean = bins.iter().sum::<f64>() / BINS as f64;
        let variance = bins.iter().map(|bin| (bin - mean).powi(2)).sum::<f64>() / BINS as f64;
        if variance <= FLAT {
            self.flat += 1;
            return;
        }
        self.varied += 1;
        let scale = 1.0 / variance.sqrt();
        self.sum.iter_mut().zip(bins).for_each(|(sum, bin)| *sum += (bin - mean) * scale);
    }

    fn merge(&mut self, other: &Self) {
        self.sum.iter_mut().zip(other.sum).for_each(|(mine, theirs)| *mine += theirs);
        self.varied += other.varied;
        self.flat += other.flat;
    }

    /// The mean over pairs; none for fewer than two windows.
    fn mean(&self) -> Option<f64> {
        let (varied, flat) = (self.varied as f64, self.flat as f64);
        let windows = varied + flat;
        if windows < 2.0 {
            return None;
        }
        let square: f64 = self.sum.iter().map(|sum| sum * sum).sum();
        let ordered_pairs = square / BINS as f64 - varied + flat * (flat - 1.0);
        Some(ordered_pairs / (windows * (windows - 1.0)))
    }
}

/// The mean of the mask over each of the stretches; token i of n covers [i / n, (i + 1) / n].
fn resampled(mask: &[f32]) -> [f64; BINS] {
    let scale = mask.len() as f64 / BINS as f64;
    std::array::from_fn(|bin| {
        let (start, end) = (bin as f64 * scale, (bin + 1) as f64 * scale);
        let last = (end.ceil() as usize).min(mask.len());
        let covered = (start as usize..last).map(|token| {
            let overlap = end.min((token + 1) as f64) - start.max(token as f64);
            overlap.max(0.0) * f64::from(mask[token])
        });
        covered.sum::<f64>() / scale
    })
}

/// The figure of every method, rank and split of the masks table at `path`, in the order of their
/// names; without interval, as windows are in many pairs. The masks have been checked already.
///
/// # Errors
/// A table cannot be read.
pub(crate) fn measure(path: &Path, tokens: &Path, context: &Context) -> Result<Vec<MetricRow>> {
    let mut reader = Reader::<MaskRow>::open_own(path)?;
    let mut cursor = Cursor::open(tokens)?;
    let progress = context.progress("comparing masks", reader.rows());
    let mut sums: BTreeMap<MaskName, BTreeMap<Over, Correlation>> = BTreeMap::new();
    while let Some(row) = reader.next().transpose()? {
        cursor.seek(&row.id, row.window, || reader.fault())?;
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
        if row.mask.is_empty() {
            continue;
        }
        let over = Over::of(cursor.window().and_then(|token| token.split));
        let splits = sums.entry(row.name()).or_default();
        splits.entry(over).or_insert(Correlation::NONE).add(&row.mask);
    }
    let mut rows = Vec::new();
    for (mask, mut splits) in sums {
        let mut all = Correlation::NONE;
        splits.values().for_each(|correlation| all.merge(correlation));
        splits.insert(Over::All, all);
        let about = About::new(Some(mask), Operator::Mask);
        for (over, correlation) in splits {
            let Some(value) = correlation.mean() else { continue };
            let windows = correlation.varied + correlation.flat;
            let figure = Figure { value, interval: None, windows };
            let about = About { over, ..about.clone() };
            rows.push(about.row(Metric::MaskCorrelation, figure));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mean(masks: &[Vec<f32>]) -> Option<f64> {
        let mut correlation = Correlation::NONE;
        masks.iter().for_each(|mask| correlation.add(mask));
        correlation.mean()
    }

    #[test]
    fn equal_masks_correlate_fully_and_opposite_ones_not() {
        let up = vec![0.1, 0.2, 0.3, 0.4];
        let down: Vec<f32> = up.iter().rev().copied().collect();
        // Scale and length do not matter: each token twice, and twice as large.
        let longer: Vec<f32> = up.iter().flat_map(|m| [2.0 * m, 2.0 * m]).collect();
        let near = |masks: &[Vec<f32>], value: f64| {
            let found = mean(masks).unwrap_or(f64::NAN);
            assert!((found - value).abs() < 1e-5, "{found} {value}");
        };
        near(&[up.clone(), longer.clone()], 1.0);
        near(&[up.clone(), down.clone()], -1.0);
        // One pair of three agrees: (1 − 1 − 1) / 3.
        near(&[up.clone(), longer, down], -1.0 / 3.0);
        // Flat masks agree with one another and with nothing else: 1 of 3 pairs.
        near(&[vec![0.5; 3], vec![0.2; 9], up.clone()], 1.0 / 3.0);
        assert_eq!(mean(&[up]), None);
    }

    proptest! {
        /// The sums give what going through all pairs gives.
        #[test]
        fn the_sums_are_those_of_all_pairs(
            masks in prop::collection::vec(prop::collection::vec(0f32..1.0, 3..20), 2..8),
        ) {
            let bins: Vec<[f64; BINS]> = masks.iter().map(|mask| resampled(mask)).collect();
            let pearson = |a: &[f64; BINS], b: &[f64; BINS]| {
                let mean = |x: &[f64; BINS]| x.iter().sum::<f64>() / BINS as f64;
                let (ma, mb) = (mean(a), mean(b));
                let sum = |f: &dyn Fn(usize) -> f64| (0..BINS).map(f).sum::<f64>();
                let covariance = sum(&|i| (a[i] - ma) * (b[i] - mb));
                let squares = sum(&|i| (a[i] - ma).powi(2)) * sum(&|i| (b[i] - mb).powi(2));
                covariance / squares.sqrt()
            };
            let pairs = (0..bins.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let all: Vec<f64> = pairs.map(|(i, j)| pearson(&bins[i], &bins[j])).collect();
            let expected = all.iter().sum::<f64>() / all.len() as f64;
            let found = mean(&masks).unwrap_or(f64::NAN);
            prop_assert!((found - expected).abs() < 1e-6, "{} {}", found, expected);
        }
    }
}
