use crate::text::{count_of, px};

/// A place on an axis and what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) at: String,
    pub(crate) label: String,
}

/// Maps values to drawing coordinates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) from: (f64, f64),
    pub(crate) to: (f64, f64),
}

impl Scale {
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (low, high) = self.from;
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        self.to.0 + share.clamp(0.0, 1.0) * (self.to.1 - self.to.0)
    }

    /// `value` as a drawing coordinate.
    pub(crate) fn at(&self, value: f64) -> String {
        px(self.place(value))
    }

    /// About `wanted` round values in the range, multiplied by `unit` for their labels.
    pub(crate) fn ticks(&self, wanted: usize, unit: f64, suffix: &str) -> Vec<Tick> {
        let step = round_step((self.from.1 - self.from.0) * unit / wanted.max(1) as f64);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (self.from.0 * unit / step - 1e-9).ceil();
        let last = (self.from.1 * unit / step + 1e-9).floor();
        // A range that is no number or empty has no ticks.
        let count =
            if (0.0..1000.0).contains(&(last - first)) { (last - first) as u64 + 1 } else { 0 };
        (0..count)
            .map(|i| {
                let value = (first + i as f64) * step;
                let label = if step >= 1.0 && value >= 1000.0 {
                    count_of(value as u64)
                } else if step < 1e-4 && value != 0.0 {
                    format!("{value:.0e}")
                } else if value == 0.0 {
                    "0".to_owned()
                } else {
                    format!("{:.decimals$}", value + 0.0)
                };
                Tick { at: self.at(value / unit), label: format!("{label}{suffix}") }
            })
            .collect()
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    if !(step.is_finite() && step > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|s| s * power)
        .find(|s| *s >= step * 0.999)
        .unwrap_or(10.0 * power)
}

/// The end of a round step at or above `value`, so that an axis ends on a tick.
pub(crate) fn round_end(value: f64, ticks: usize) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let step = round_step(value / ticks.max(1) as f64);
    (value / step - 1e-9).ceil().max(1.0) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_placed_in_proportion() {
        let scale = Scale { from: (0.0, 1.0), to: (0.0, 200.0) };
        let ticks = scale.ticks(5, 100.0, " %");
        assert_eq!(ticks.len(), 6);
        assert_eq!(ticks[1], Tick { at: "40".into(), label: "20 %".into() });
        let small = Scale { from: (0.0, 0.031), to: (100.0, 0.0) };
        assert_eq!(small.ticks(3, 1.0, "")[1].label, "0.02");
        let coordinates = Scale { from: (950.0, 2210.0), to: (0.0, 1.0) };
        let labels: Vec<_> = coordinates.ticks(6, 1.0, "").into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["1,000", "1,500", "2,000"]);
    }

    #[test]
    fn degenerate_ranges_draw_something_or_nothing_but_never_fail() {
        let one = Scale { from: (3.0, 3.0), to: (0.0, 10.0) };
        assert_eq!(one.at(3.0), "5");
        assert_eq!(one.ticks(4, 1.0, "").len(), 1);
        let none = Scale { from: (f64::NAN, 1.0), to: (0.0, 10.0) };
        assert!(none.ticks(4, 1.0, "").is_empty());
        assert!((round_end(0.123, 4) - 0.15).abs() < 1e-9);
        assert!((round_end(0.0, 4) - 1.0).abs() < 1e-9);
        let tiny = Scale { from: (0.0, 2e-7), to: (0.0, 10.0) };
        let labels: Vec<_> = tiny.ticks(2, 1.0, "").into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["0", "1e-7", "2e-7"]);
    }
}
