//! Mean mask inside and outside annotated intervals.

use std::collections::{BTreeMap, BTreeSet};

use readlens_tables::vocabulary::Ranks;
use readlens_text::Interval;

/// Maximum number of interval names with a row of their own; motif lists may name every copy.
const MAX_NAMES: usize = 60;

/// Sums over the bases of all windows in which an interval of one name lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Contrast {
    /// Windows with bases both inside and outside.
    pub(crate) windows: u64,
    /// Windows whose mean inside is above their mean outside.
    pub(crate) higher_inside: u64,
    /// Bases inside.
    pub(crate) bases: u64,
    inside: f64,
    outside: f64,
    bases_outside: u64,
}

impl Contrast {
    fn add(&mut self, values: &[f32], is_inside: &[bool]) {
        let (mut inside, mut outside) = (0.0, 0.0);
        let mut bases = 0;
        for (value, is_inside) in values.iter().zip(is_inside) {
            if *is_inside {
                inside += f64::from(*value);
                bases += 1;
            } else {
                outside += f64::from(*value);
            }
        }
        let others = values.len() as u64 - bases;
        if bases == 0 || others == 0 {
            return;
        }
        self.windows += 1;
        self.higher_inside += u64::from(inside / bases as f64 > outside / others as f64);
        self.bases += bases;
        self.bases_outside += others;
        self.inside += inside;
        self.outside += outside;
    }

    /// Mean mask of the bases inside.
    pub(crate) fn mean_inside(&self) -> f64 {
        self.inside / self.bases as f64
    }

    /// Mean mask of all other bases of the same windows.
    pub(crate) fn mean_outside(&self) -> f64 {
        self.outside / self.bases_outside as f64
    }

    /// How many times as much mask lies inside as outside, per base.
    pub(crate) fn ratio(&self) -> f64 {
        self.mean_inside() / self.mean_outside()
    }
}

/// Contrasts by what the mask explains and by interval name.
#[derive(Debug, Default)]
pub(crate) struct Enrichment {
    /// All intervals together.
    pub(crate) together: BTreeMap<Ranks, Contrast>,
    /// By interval name too.
    pub(crate) by_name: BTreeMap<Ranks, BTreeMap<String, Contrast>>,
    /// Names beyond the first [`MAX_NAMES`], which only count together.
    pub(crate) has_more_names: bool,
}

impl Enrichment {
    /// Adds the mask of one window, which covers `[start, start + values.len())` of the record.
    pub(crate) fn add(
        &mut self,
        explained: &Ranks,
        start: u32,
        values: &[f32],
        intervals: &[Interval],
    ) {
        if intervals.is_empty() || values.is_empty() {
            return;
        }
        let is_inside = |wanted: &dyn Fn(&Interval) -> bool| {
            let mut inside = vec![false; values.len()];
            for interval in intervals.iter().filter(|interval| wanted(interval)) {
                inside[clipped(interval, start, values.len())].fill(true);
            }
            inside
        };
        self.together.entry(explained.clone()).or_default().add(values, &is_inside(&|_| true));
        let rows = self.by_name.entry(explained.clone()).or_default();
        let names: BTreeSet<&str> = intervals.iter().map(|i| i.name.as_str()).collect();
        for name in names {
            if rows.len() == MAX_NAMES && !rows.contains_key(name) {
                self.has_more_names = true;
                continue;
            }
            let inside = is_inside(&|interval| interval.name == name);
            rows.entry(name.to_owned()).or_default().add(values, &inside);
        }
    }
}

/// The part of `interval` in the window, from the window's start.
pub(crate) fn clipped(interval: &Interval, start: u32, length: usize) -> std::ops::Range<usize> {
    let first = (interval.start.saturating_sub(start) as usize).min(length);
    let end = (interval.end.saturating_sub(start) as usize).min(length);
    first..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(start: u32, end: u32, name: &str) -> Interval {
        Interval { start, end, name: name.to_owned() }
    }

    #[test]
    fn means_are_over_bases_and_the_share_is_over_windows() {
        let mut enrichment = Enrichment::default();
        let regions = [interval(0, 12, "a"), interval(13, 14, "b"), interval(90, 99, "far")];
        enrichment.add(&Ranks::All, 10, &[1.0, 0.5, 0.0, 0.25], &regions);
        let a = enrichment.by_name[&Ranks::All]["a"];
        assert_eq!((a.windows, a.higher_inside, a.bases), (1, 1, 2));
        assert!((a.mean_inside() - 0.75).abs() < 1e-12);
        assert!((a.mean_outside() - 0.125).abs() < 1e-12);
        assert!((a.ratio() - 6.0).abs() < 1e-12);
        let together = enrichment.together[&Ranks::All];
        assert_eq!(together.bases, 3);
        assert!((together.mean_outside() - 0.0).abs() < 1e-12);
        // An interval outside the window leaves no bases and no window.
        assert_eq!(enrichment.by_name[&Ranks::All]["far"].windows, 0);
    }

    #[test]
    fn intervals_are_clipped_to_the_window() {
        assert_eq!(clipped(&interval(5, 20, ""), 10, 4), 0..4);
        assert_eq!(clipped(&interval(11, 12, ""), 10, 4), 1..2);
        assert_eq!(clipped(&interval(2, 5, ""), 10, 4), 0..0);
        assert_eq!(clipped(&interval(20, 25, ""), 10, 4), 4..4);
    }
}
