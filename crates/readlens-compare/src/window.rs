use std::ops::Range;

use readlens_tables::bases::BaseRow;
use readlens_tables::vocabulary::{MaskName, Operator, Word};

use crate::join::Window;
use crate::key::Measure;
use crate::similarity::{intersection_over_union, jaccard, relative_distance, spearman};

/// A figure of one window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    /// The reference's mask.
    pub(crate) mask: MaskName,
    /// Place of the label.
    pub(crate) label: usize,
    pub(crate) measure: Measure,
    pub(crate) value: f64,
}

/// What is compared under one label.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) operator: Word<Operator>,
    pub(crate) variant: Option<String>,
    /// Places of its tables among the others.
    pub(crate) tables: Vec<usize>,
}

/// All figures of a window: for every mask of the reference and every label, means over the pairs
/// of masks.
pub(crate) fn findings(window: &Window, labels: &[Label], shares: &[f64]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reference in &window.reference {
        for (place, label) in labels.iter().enumerate() {
            // Of several replicates in a table the same one; another one where seeds are compared.
            let is_of_seeds = label.operator == Operator::Seed;
            let other = |&table: &usize| {
                let same = window.others[table].iter().filter(|row| is_comparable(row, reference));
                same.min_by_key(|row| (row.replicate == reference.replicate) == is_of_seeds)
            };
            let others: Vec<&BaseRow> = label.tables.iter().filter_map(other).collect();
            let figures = match label.operator.known() {
                Some(Operator::Seed) => among(reference, &others, &window.covered, shares),
                known => {
                    let has_maximum = known == Some(Operator::Substitution);
                    against(reference, &others, &window.covered, shares, has_maximum)
                }
            };
            findings.extend(figures.into_iter().map(|(measure, value)| Finding {
                mask: reference.name(),
                label: place,
                measure,
                value,
            }));
        }
    }
    findings
}

/// Whether two masks of a window are by the same method for the same rank. Replicates are what is
/// compared.
pub(crate) fn is_comparable(a: &BaseRow, b: &BaseRow) -> bool {
    a.method == b.method && a.method_kind == b.method_kind && a.rank == b.rank
}

/// Means over the others, each against the reference.
fn against(
    reference: &BaseRow,
    others: &[&BaseRow],
    covered: &Range<u32>,
    shares: &[f64],
    has_maximum: bool,
) -> Vec<(Measure, f64)> {
    let mut means = Means::default();
    let mut largest: Option<f64> = None;
    for other in others {
        let Some((a, b)) = shared(reference, other, covered) else { continue };
        let distance = relative_distance(a, b);
        means.add_symmetric(a, b, shares);
        means.add(Measure::RelativeDistance, distance);
        largest = largest.into_iter().chain(distance).reduce(f64::max);
    }
    if has_maximum {
        means.add(Measure::MaxSensitivity, largest);
    }
    means.finish()
}

/// Means over all pairs among the reference and the others, which are its like.
fn among(
    reference: &BaseRow,
    others: &[&BaseRow],
    covered: &Range<u32>,
    shares: &[f64],
) -> Vec<(Measure, f64)> {
    let mut means = Means::default();
    let all: Vec<&BaseRow> = std::iter::once(reference).chain(others.iter().copied()).collect();
    for (i, first) in all.iter().enumerate() {
        for second in &all[i + 1..] {
            let Some((a, b)) = shared(first, second, covered) else { continue };
            means.add_symmetric(a, b, shares);
            let there = relative_distance(a, b).zip(relative_distance(b, a));
            means.add(Measure::RelativeDistance, there.map(|(there, back)| (there + back) / 2.0));
        }
    }
    means.finish()
}

/// The values of both masks on the bases that both have, and a token of the reference covers.
fn shared<'a>(
    a: &'a BaseRow,
    b: &'a BaseRow,
    covered: &Range<u32>,
) -> Option<(&'a [f32], &'a [f32])> {
    let start = a.start.max(b.start).max(covered.start);
    let end = a.end.min(b.end).min(covered.end);
    let part = |row: &'a BaseRow| {
        row.mask.get(start.checked_sub(row.start)? as usize..end.checked_sub(row.start)? as usize)
    };
    if start < end { part(a).zip(part(b)) } else { None }
}

/// Sums and counts of metrics, in the order they first came.
#[derive(Debug, Default)]
struct Means(Vec<(Measure, f64, u32)>);

impl Means {
    /// Adds the metrics that know no reference.
    fn add_symmetric(&mut self, a: &[f32], b: &[f32], shares: &[f64]) {
        self.add(Measure::Spearman, spearman(a, b));
        for (place, share) in shares.iter().enumerate() {
            self.add(Measure::Jaccard(place), jaccard(a, b, *share));
        }
        self.add(Measure::Iou, intersection_over_union(a, b));
    }

    /// Adds a value, where there is one.
    fn add(&mut self, measure: Measure, value: Option<f64>) {
        let Some(value) = value else { return };
        match self.0.iter_mut().find(|(known, ..)| *known == measure) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + value, *count + 1),
            None => self.0.push((measure, value, 1)),
        }
    }

    fn finish(self) -> Vec<(Measure, f64)> {
        self.0.into_iter().map(|(measure, sum, count)| (measure, sum / f64::from(count))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use readlens_tables::vocabulary::{MethodKind, Name, Over, Ranks};

    fn row(start: u32, mask: &[f32]) -> BaseRow {
        BaseRow {
            id: "r".to_owned(),
            window: 0,
            start,
            end: start + mask.len() as u32,
            strand: "+".to_owned(),
            method: Name::new("m").unwrap(),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::All,
            mask: mask.to_vec(),
        }
    }

    /// Figures of the reference with the others under a label.
    fn of(
        name: &str,
        covered: Range<u32>,
        reference: BaseRow,
        others: Vec<BaseRow>,
    ) -> Vec<(Measure, f64)> {
        let operator = Word::of(name);
        let labels = [Label { operator, variant: None, tables: (0..others.len()).collect() }];
        let others = others.into_iter().map(|row| vec![row]).collect();
        let window = Window {
            id: "r".to_owned(),
            over: Over::All,
            covered,
            reference: vec![reference],
            others,
        };
        let findings = findings(&window, &labels, &[0.5]).into_iter();
        findings.map(|finding| (finding.measure, finding.value)).collect()
    }

    fn value(figures: &[(Measure, f64)], measure: Measure) -> Option<f64> {
        figures.iter().find(|(known, _)| *known == measure).map(|(_, value)| *value)
    }

    fn assert_close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-6), "{found:?} {expected}");
    }

    /// Bases 12 to 15 are shared: (.4 .2 .1) and (.4 .2 .1).
    #[test]
    fn masks_are_compared_on_the_bases_that_both_have() {
        let reference = row(10, &[0.9, 0.8, 0.4, 0.2, 0.1]);
        let shifted = row(12, &[0.4, 0.2, 0.1, 0.7]);
        let figures = of("frame_shift", 10..15, reference.clone(), vec![shifted.clone()]);
        assert_close(value(&figures, Measure::Spearman), 1.0);
        assert_close(value(&figures, Measure::RelativeDistance), 0.0);
        assert_eq!(value(&figures, Measure::MaxSensitivity), None);
        // Nothing above 1/2 there.
        assert_eq!(value(&figures, Measure::Iou), None);
        // What no token covers counts for nothing, and elsewhere there is nothing to compare.
        assert_eq!(of("x", 10..12, reference.clone(), vec![shifted]), []);
        assert_eq!(of("x", 10..15, reference, vec![row(15, &[0.5])]), []);
    }

    /// The reference has norm 1 and the variants are .4 and .8 away from it.
    #[test]
    fn the_worst_variant_is_the_sensitivity() {
        let variants = vec![row(0, &[0.6, 0.4]), row(0, &[0.6, 0.0])];
        let reference = row(0, &[0.6, 0.8]);
        let figures = of("substitution", 0..2, reference.clone(), variants.clone());
        assert_close(value(&figures, Measure::RelativeDistance), (0.4 + 0.8) / 2.0);
        assert_close(value(&figures, Measure::MaxSensitivity), 0.8);
        let figures = of("permuted", 0..2, reference, variants);
        assert_eq!(value(&figures, Measure::MaxSensitivity), None);
    }

    /// The reference is replicate 2. Of the others 2 is its reverse and 1 is like it.
    #[test]
    fn replicates_are_told_apart() {
        let reference = BaseRow { replicate: 2, ..row(0, &[0.2, 0.5, 0.7]) };
        let turned = BaseRow { replicate: 2, ..row(0, &[0.9, 0.3, 0.0]) };
        let like = row(0, &[0.1, 0.6, 0.8]);
        let labels = |name| [Label { operator: Word::of(name), variant: None, tables: vec![0] }];
        let spearman = |name, others: &[&BaseRow]| {
            let window = Window {
                id: "r".to_owned(),
                over: Over::All,
                covered: 0..3,
                reference: vec![reference.clone()],
                others: vec![others.iter().map(|&row| row.clone()).collect()],
            };
            let found = findings(&window, &labels(name), &[]);
            found.iter().find(|f| f.measure == Measure::Spearman).map(|f| f.value)
        };
        for both in [[&like, &turned], [&turned, &like]] {
            assert_close(spearman("reverse_complement", &both), -1.0);
            assert_close(spearman("seed", &both), 1.0);
        }
        // Where there is but one, it is that one.
        assert_close(spearman("reverse_complement", &[&like]), 1.0);
        assert_close(spearman("seed", &[&turned]), -1.0);
    }

    /// Of three seeds all three pairs count: ranks agree (1), disagree (−1) and disagree (−1).
    #[test]
    fn seeds_are_compared_pair_by_pair() {
        let seeds = vec![row(0, &[0.1, 0.6, 0.8]), row(0, &[0.9, 0.3, 0.0])];
        let reference = row(0, &[0.2, 0.5, 0.7]);
        let figures = of("seed", 0..3, reference.clone(), seeds.clone());
        assert_close(value(&figures, Measure::Spearman), -1.0 / 3.0);
        let figures = of("other", 0..3, reference.clone(), seeds);
        assert_close(value(&figures, Measure::Spearman), 0.0);
        // Norms 1 and 2 apart by 1: relative distances 1 and 1/2.
        let figures = of("seed", 0..1, row(0, &[0.4]), vec![row(0, &[0.8])]);
        assert_close(value(&figures, Measure::RelativeDistance), 0.75);
    }
}
