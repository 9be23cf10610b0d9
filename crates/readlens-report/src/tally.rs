//! Counts of whole numbers and of fractions, in constant memory.

use std::collections::BTreeMap;

/// Numbers above this share the last count; no window has more tokens.
const LARGEST: u64 = 100_000;
/// Equal steps that fractions are counted in.
const STEPS: usize = 200;

/// How often each whole number occurred.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<u64, u64>,
    total: u64,
    sum: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, number: u64) {
        *self.counts.entry(number.min(LARGEST)).or_default() += 1;
        self.total += 1;
        self.sum += number;
    }

    /// Mean; not a number where nothing was counted.
    pub(crate) fn mean(&self) -> f64 {
        self.sum as f64 / self.total as f64
    }

    /// The smallest number that at least half of the counts do not exceed.
    pub(crate) fn median(&self) -> Option<u64> {
        let mut below = 0;
        self.counts.iter().find_map(|(&number, &count)| {
            below += count;
            (2 * below >= self.total).then_some(number)
        })
    }

    /// Counts in at most `bars` ranges of one whole width, from the smallest to the largest
    /// number: lower bound, width and counts.
    pub(crate) fn bars(&self, bars: u64) -> (u64, u64, Vec<u64>) {
        let (Some(first), Some(last)) = (self.counts.keys().next(), self.counts.keys().last())
        else {
            return (0, 1, Vec::new());
        };
        let width = round_width((last - first + 1).div_ceil(bars));
        let start = first / width * width;
        let mut heights = vec![0; usize::try_from((last - start) / width + 1).unwrap_or(1)];
        for (number, count) in &self.counts {
            let bar = usize::try_from((number - start) / width).unwrap_or(usize::MAX);
            if let Some(height) = heights.get_mut(bar) {
                *height += count;
            }
        }
        (start, width, heights)
    }
}

/// The next of 1, 2, 5, 10, 20, 50, …
fn round_width(width: u64) -> u64 {
    let mut power = 1;
    loop {
        for step in [1, 2, 5] {
            if step * power >= width {
                return step * power;
            }
        }
        power *= 10;
    }
}

/// How fractions of `[0, 1]` are spread.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    counts: Vec<u64>,
    total: u64,
    sum: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { counts: vec![0; STEPS], total: 0, sum: 0.0 }
    }
}

impl Spread {
    pub(crate) fn add(&mut self, fraction: f64) {
        let step = (fraction.clamp(0.0, 1.0) * STEPS as f64) as usize;
        self.counts[step.min(STEPS - 1)] += 1;
        self.total += 1;
        self.sum += fraction;
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.total as f64
    }

    /// Counts in equal ranges over the occupied part, at most 40: lower bound, width and counts.
    pub(crate) fn bars(&self) -> (f64, f64, Vec<u64>) {
        let occupied = |c: &u64| *c > 0;
        let (Some(first), Some(last)) =
            (self.counts.iter().position(occupied), self.counts.iter().rposition(occupied))
        else {
            return (0.0, 1.0, Vec::new());
        };
        let width = [1, 2, 4, 5]
            .into_iter()
            .find(|width| (last - first + 1).div_ceil(*width) <= 40)
            .unwrap_or(5);
        let start = first / width * width;
        let heights = self.counts[start..=last].chunks(width).map(|c| c.iter().sum()).collect();
        (start as f64 / STEPS as f64, width as f64 / STEPS as f64, heights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_every_count_and_the_median_is_the_middle() {
        let mut tally = Tally::default();
        for number in [3, 3, 4, 99, 7] {
            tally.add(number);
        }
        let (start, width, heights) = tally.bars(10);
        assert_eq!((start, width), (0, 10));
        assert_eq!(heights.iter().sum::<u64>(), 5);
        assert_eq!((heights[0], heights[9]), (4, 1));
        assert_eq!(tally.median(), Some(4));
        assert!((tally.mean() - 23.2).abs() < 1e-12);
        assert_eq!(Tally::default().bars(10).2, Vec::<u64>::new());
    }

    #[test]
    fn a_spread_covers_its_occupied_part_only() {
        let mut spread = Spread::default();
        for fraction in [0.10, 0.101, 0.12, 1.0] {
            spread.add(fraction);
        }
        let (start, width, heights) = spread.bars();
        assert_eq!(heights.iter().sum::<u64>(), 4);
        assert!(start <= 0.10 && heights.len() <= 40);
        assert!((start + width * heights.len() as f64) >= 1.0);
    }
}
