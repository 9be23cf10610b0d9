//! Training curves of a model directory.

use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_provenance::{Manifest, read_json};
use readlens_tables::Reader;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::Split;

/// Maximum number of points of a curve; a longer one is thinned evenly.
const MAX_POINTS: usize = 512;
/// Maximum number of curves in one table; more are a damaged one.
const MAX_CURVES: usize = 2_000;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// Rank it belongs to, if any.
    pub(crate) rank: Option<String>,
    /// Split it was taken on.
    pub(crate) split: Split,
    /// Epoch or step, and value; finite, in file order.
    pub(crate) points: Vec<(f64, f64)>,
}

/// All curves of one term.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) name: String,
    /// Whether the points are epochs; steps otherwise.
    pub(crate) by_epoch: bool,
    pub(crate) curves: Vec<Curve>,
}

/// Term, whether it is of whole epochs, rank and split.
type Key = (String, bool, Option<String>, Split);

/// Keeps every n-th point, with n doubled whenever there are too many.
#[derive(Debug)]
struct Thinned {
    every: u64,
    seen: u64,
    points: Vec<(f64, f64)>,
}

impl Thinned {
    fn new() -> Self {
        Self { every: 1, seen: 0, points: Vec::new() }
    }

    fn push(&mut self, x: f64, y: f64) {
        if self.seen.is_multiple_of(self.every) {
            self.points.push((x, y));
        }
        self.seen += 1;
        if self.points.len() == MAX_POINTS {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
        }
    }
}

/// Stages that write a model without training one.
const UNTRAINED: [&str; 2] = ["import", "randomize"];

/// The curves of `directory`'s training table, by term in the order of their first row.
///
/// A term with figures of whole epochs shows these and not those of single steps. What was noted
/// once is no curve, such as all that is known of a classifier that was counted or combined. A
/// classifier that was imported or randomised has no table.
///
/// # Errors
/// The table cannot be read or has far too many terms.
pub(crate) fn curves_of(directory: &Path) -> Result<Vec<Term>> {
    let path = directory.join("training.parquet");
    if !path.exists() {
        let Manifest { stage, .. } = read_json(&directory.join("manifest.json"))?;
        if UNTRAINED.contains(&stage.as_str()) {
            return Ok(Vec::new());
        }
    }
    let mut order: Vec<String> = Vec::new();
    let mut curves: BTreeMap<Key, Thinned> = BTreeMap::new();
    for row in Reader::<TrainingRow>::open(&path)? {
        let row = row?;
        if !row.value.is_finite() {
            continue;
        }
        if !order.contains(&row.term) {
            order.push(row.term.clone());
        }
        let x = row.step.unwrap_or(row.epoch);
        let key = (row.term, row.step.is_none(), row.rank, row.split);
        curves.entry(key).or_insert_with(Thinned::new).push(f64::from(x), row.value);
        if curves.len() > MAX_CURVES {
            return Err(Fault::input(&path)
                .expected(format!("at most {MAX_CURVES} different curves"))
                .found("more")
                .remedy("restore the file or train again")
                .into());
        }
    }
    // The loss is what was trained, so it is looked at first; then what it is good for.
    order.sort_by_key(|term| match term.as_str() {
        "loss" => 0,
        "accuracy" => 1,
        "learning_rate" => 3,
        _ => 2,
    });
    Ok(order.into_iter().filter_map(|name| term_of(name, &curves)).collect())
}

fn term_of(name: String, curves: &BTreeMap<Key, Thinned>) -> Option<Term> {
    let of_term = || curves.iter().filter(|((term, ..), _)| *term == name);
    let by_epoch = of_term().any(|((_, by_epoch, ..), _)| *by_epoch);
    let curves: Vec<Curve> = of_term()
        .filter(|((_, epochs, ..), _)| *epochs == by_epoch)
        .map(|((_, _, rank, split), thinned)| Curve {
            rank: rank.clone(),
            split: *split,
            points: thinned.points.clone(),
        })
        .collect();
    let is_curve = curves.iter().any(|curve| curve.points.len() > 1);
    is_curve.then_some(Term { name, by_epoch, curves })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_once_is_no_curve() {
        let of = |points: &[f64]| {
            let mut thinned = Thinned::new();
            points.iter().for_each(|x| thinned.push(*x, 1.0));
            let key = ("loss".to_owned(), true, None, Split::Valid);
            term_of("loss".to_owned(), &BTreeMap::from([(key, thinned)]))
        };
        assert!(of(&[1.0]).is_none());
        assert!(of(&[1.0, 2.0]).is_some());
    }

    #[test]
    fn long_curves_are_thinned_evenly() {
        let mut thinned = Thinned::new();
        for i in 0..100_000 {
            thinned.push(f64::from(i), 0.0);
        }
        assert!(thinned.points.len() <= MAX_POINTS && thinned.points.len() > MAX_POINTS / 4);
        let gaps: Vec<f64> = thinned.points.windows(2).map(|w| w[1].0 - w[0].0).collect();
        assert!(gaps.iter().all(|gap| (gap - gaps[0]).abs() < 1e-9));
    }
}
