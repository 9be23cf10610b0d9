//! How far the prediction follows the mask: figures that need several predictions of a window.

use std::collections::BTreeMap;

use readlens_metrics::TooMany;
use readlens_tables::vocabulary::{Removal, Role};

use crate::key::{Key, Share};
use crate::kind::Kind;
use crate::ledger::Ledger;

/// Shares of ERASER's grid.
const ERASER_SHARES: [f32; 5] = [0.01, 0.05, 0.1, 0.2, 0.5];
/// Lower bound of the probabilities in a log-odds.
const LEAST_PROBABILITY: f64 = 1e-12;
/// Minimum loss of probability by the empty input that normalised scores divide by.
const LEAST_LOSS: f64 = 0.01;

/// One prediction of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) key: Key,
    /// What the operator does; none for one that this project does not know.
    pub(crate) role: Option<Role>,
    /// Number of the operator that is the mean over this one's shares, for graded operators.
    pub(crate) mean: u32,
    /// Probability of the target.
    pub(crate) p: f64,
    /// Share of the mask that was hidden.
    pub(crate) hidden: Option<f64>,
}

/// Predictions of one figure's rows of a window.
#[derive(Debug)]
struct Series {
    /// One of the rows.
    row: Seen,
    /// Probability of the target for the untouched input, and for the empty one where that is
    /// known.
    ends: (f64, Option<f64>),
    /// Share of a graded operator, share of the mask that was hidden, and probability of the
    /// target.
    points: Vec<(f32, Option<f64>, f64)>,
}

/// Observes the figures of one window, whose predictions are `rows`.
pub(crate) fn observe(rows: &[Seen], ledger: &mut Ledger) -> Result<(), TooMany> {
    let mut whole: BTreeMap<u32, f64> = BTreeMap::new();
    let mut empty: BTreeMap<(u32, Removal), f64> = BTreeMap::new();
    for row in rows {
        match row.role {
            Some(Role::Whole) => drop(whole.insert(row.key.rank, row.p)),
            Some(Role::Empty) => drop(empty.insert((row.key.rank, row.key.removal), row.p)),
            _ => {}
        }
    }
    let mut series: BTreeMap<(Option<u32>, u32, Removal, u32), Series> = BTreeMap::new();
    for row in rows {
        // Without the untouched input there is nothing to compare with.
        let Some(&p0) = whole.get(&row.key.rank) else { continue };
        let nothing = empty.get(&(row.key.rank, row.key.removal)).copied();
        let Some(role) = row.role else { continue };
        match role {
            Role::Keeps => {
                keeps(row, p0, nothing, ledger)?;
                continue;
            }
            Role::Removes => {
                removes(row, p0, nothing, ledger)?;
                continue;
            }
            Role::Graded { keeps: true, .. } => keeps(row, p0, nothing, ledger)?,
            Role::Graded { keeps: false, .. } => removes(row, p0, nothing, ledger)?,
            Role::Soft { .. } | Role::Subset => {}
            // Their predictions say nothing of how far the classifier follows a mask.
            Role::Whole
            | Role::Empty
            | Role::KeepsWrong
            | Role::Constant
            | Role::Judged
            | Role::Mean
            | Role::Floor
            | Role::Retrained
            | Role::Masks => continue,
        }
        let Key { mask, operator, removal, rank, .. } = row.key;
        let series = series.entry((mask, operator, removal, rank)).or_insert_with(|| Series {
            row: Seen { key: Key { share: None, ..row.key }, ..*row },
            ends: (p0, nothing),
            points: Vec::new(),
        });
        let share = row.key.share.map_or(0.0, Share::value);
        series.points.push((share, row.hidden, row.p));
    }
    for mut series in series.into_values() {
        match series.row.role {
            Some(Role::Graded { keeps, .. }) => {
                series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
                observe_curve(&series, keeps, ledger)?;
            }
            Some(Role::Soft { keeps }) => observe_soft(&series, keeps, ledger)?,
            _ => observe_subsets(&series, ledger)?,
        }
    }
    Ok(())
}

fn keeps(row: &Seen, p0: f64, nothing: Option<f64>, ledger: &mut Ledger) -> Result<(), TooMany> {
    ledger.observe(Key { kind: Kind::Sufficiency, ..row.key }, 1.0, &[p0 - row.p])?;
    let nothing = nothing.filter(|_| row.key.share.is_none());
    match nothing.and_then(|nothing| normalized_sufficiency(p0, nothing, &[row.p])) {
        Some(value) => {
            ledger.observe(Key { kind: Kind::NormalizedSufficiency, ..row.key }, 1.0, &[value])
        }
        None => Ok(()),
    }
}

fn removes(row: &Seen, p0: f64, nothing: Option<f64>, ledger: &mut Ledger) -> Result<(), TooMany> {
    let values = [p0 - row.p, log_odds(p0, row.p)];
    ledger.observe(Key { kind: Kind::Comprehensiveness, ..row.key }, 1.0, &values)?;
    let nothing = nothing.filter(|_| row.key.share.is_none());
    match nothing.and_then(|nothing| normalized_comprehensiveness(p0, nothing, &[row.p])) {
        Some(value) => ledger.observe(
            Key { kind: Kind::NormalizedComprehensiveness, ..row.key },
            1.0,
            &[value],
        ),
        None => Ok(()),
    }
}

/// The mean over ERASER's grid, where all of it is there, and the area under the curve.
fn observe_curve(series: &Series, is_keeping: bool, ledger: &mut Ledger) -> Result<(), TooMany> {
    let Series { row, ends: (p0, nothing), points } = series;
    let of_share = |share: &f32| {
        points.iter().find(|(s, ..)| Share::new(*s) == Share::new(*share)).map(|(.., p)| *p)
    };
    let grid: Option<Vec<f64>> = ERASER_SHARES.iter().map(of_share).collect();
    if let Some(grid) = grid {
        let mean =
            |of: &dyn Fn(f64) -> f64| grid.iter().map(|&p| of(p)).sum::<f64>() / grid.len() as f64;
        let key = Key { operator: row.mean, ..row.key };
        let drop = mean(&|p| p0 - p);
        if is_keeping {
            ledger.observe(Key { kind: Kind::Sufficiency, ..key }, 1.0, &[drop])?;
        } else {
            let values = [drop, mean(&|p| log_odds(*p0, p))];
            ledger.observe(Key { kind: Kind::Comprehensiveness, ..key }, 1.0, &values)?;
        }
    }
    let Some(nothing) = *nothing else { return Ok(()) };
    let (kind, first, last) =
        if is_keeping { (Kind::Insertion, nothing, *p0) } else { (Kind::Deletion, *p0, nothing) };
    let points: Vec<(f32, f64)> = points.iter().map(|&(share, _, p)| (share, p)).collect();
    let area = area_under_curve(first, &points, last);
    ledger.observe(Key { kind, ..row.key }, 1.0, &[area])
}

fn observe_soft(series: &Series, is_keeping: bool, ledger: &mut Ledger) -> Result<(), TooMany> {
    let Series { row, ends: (p0, nothing), points } = series;
    let Some(nothing) = *nothing else { return Ok(()) };
    let p: Vec<f64> = points.iter().map(|(.., p)| *p).collect();
    let (kind, value) = if is_keeping {
        (Kind::SoftSufficiency, normalized_sufficiency(*p0, nothing, &p))
    } else {
        (Kind::SoftComprehensiveness, normalized_comprehensiveness(*p0, nothing, &p))
    };
    match value {
        Some(value) => ledger.observe(Key { kind, ..row.key }, 1.0, &[value]),
        None => Ok(()),
    }
}

fn observe_subsets(series: &Series, ledger: &mut Ledger) -> Result<(), TooMany> {
    let pair = |(_, hidden, p): &(f32, Option<f64>, f64)| Some(((*hidden)?, series.ends.0 - p));
    match series.points.iter().map(pair).collect::<Option<Vec<_>>>() {
        Some(pairs) => {
            let key = Key { kind: Kind::Infidelity, ..series.row.key };
            ledger.observe(key, 1.0, &infidelity(&pairs))
        }
        // A random subset without a mask says nothing of one.
        None => Ok(()),
    }
}

fn log_odds(p0: f64, p: f64) -> f64 {
    (p.max(LEAST_PROBABILITY) / p0.max(LEAST_PROBABILITY)).ln()
}

/// max(0, p₀ − p) of the empty input, where it is worth dividing by: 1 − S₀.
fn loss(p0: f64, nothing: f64) -> Option<f64> {
    Some(p0 - nothing).filter(|loss| *loss >= LEAST_LOSS)
}

/// (S − S₀) / (1 − S₀) with S the mean over draws of 1 − max(0, p₀ − p).
fn normalized_sufficiency(p0: f64, nothing: f64, p: &[f64]) -> Option<f64> {
    Some(1.0 - mean_drop(p0, p) / loss(p0, nothing)?)
}

/// The mean over draws of max(0, p₀ − p), divided by 1 − S₀.
fn normalized_comprehensiveness(p0: f64, nothing: f64, p: &[f64]) -> Option<f64> {
    Some(mean_drop(p0, p) / loss(p0, nothing)?)
}

fn mean_drop(p0: f64, p: &[f64]) -> f64 {
    p.iter().map(|p| (p0 - p).max(0.0)).sum::<f64>() / p.len() as f64
}

/// Area under the trapezoids from (0, `first`) over `points` to (1, `last`).
fn area_under_curve(first: f64, points: &[(f32, f64)], last: f64) -> f64 {
    let points = points.iter().map(|&(share, p)| (f64::from(share), p)).chain([(1.0, last)]);
    let mut area = 0.0;
    let mut before = (0.0, first);
    for point in points {
        area += (point.0 - before.0) * (point.1 + before.1) / 2.0;
        before = point;
    }
    area
}

/// Infidelity, plain and at the best scale, of pairs (a, b); see
/// [`readlens_tables::vocabulary::Metric`].
fn infidelity(pairs: &[(f64, f64)]) -> [f64; 2] {
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        pairs.iter().map(|&(a, b)| of(a, b)).sum::<f64>() / pairs.len() as f64
    };
    let squares = mean(&|a, _| a * a);
    let scale = if squares > 0.0 { mean(&|a, b| a * b) / squares } else { 0.0 };
    [mean(&|a, b| (a - b).powi(2)), mean(&|a, b| (scale * a - b).powi(2))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy: trapezoid([.9, .7, .4, .1], [0, .1, .5, 1]) == 0.425
    #[test]
    fn the_area_is_that_of_the_trapezoids() {
        let area = area_under_curve(0.9, &[(0.1, 0.7), (0.5, 0.4)], 0.1);
        assert!((area - 0.425).abs() < 1e-7, "{area}");
        assert!((area_under_curve(0.3, &[], 0.3) - 0.3).abs() < 1e-12);
        // A straight line from 1 to 0.
        assert!((area_under_curve(1.0, &[(0.25, 0.75)], 0.0) - 0.5).abs() < 1e-12);
    }

    /// S₀ = 1 − .8, S = 1 − .2: (.8 − .2) / .8 = .75; comprehensiveness .6 / .8 = .75 too.
    #[test]
    fn normalised_scores_have_their_closed_form() {
        let close = |found: Option<f64>, wanted: f64| {
            assert!((found.unwrap_or(f64::NAN) - wanted).abs() < 1e-12, "{found:?}");
        };
        close(normalized_sufficiency(0.9, 0.1, &[0.7]), 0.75);
        close(normalized_comprehensiveness(0.9, 0.1, &[0.3]), 0.75);
        // Draws are averaged before they are scaled, and a gain is no loss.
        close(normalized_sufficiency(0.9, 0.1, &[0.9, 0.5, 1.0, 0.1]), 1.0 - 0.3 / 0.8);
        close(normalized_comprehensiveness(0.9, 0.1, &[0.95]), 0.0);
        // Nothing and everything.
        close(normalized_sufficiency(0.9, 0.1, &[0.1]), 0.0);
        close(normalized_sufficiency(0.9, 0.1, &[0.9]), 1.0);
        assert_eq!(normalized_sufficiency(0.5, 0.495, &[0.1]), None);
        assert_eq!(normalized_comprehensiveness(0.5, 0.6, &[0.1]), None);
    }

    /// numpy: a = array([.2, .5, .9]); b = array([.1, .4, .3]); ((a-b)**2).mean() ==
    /// 0.12666666666666668; beta = (a*b).sum() / (a*a).sum(); ((beta*a-b)**2).mean() ==
    /// 0.013909090909090913
    #[test]
    fn infidelity_agrees_with_numpy() {
        let [plain, scaled] = infidelity(&[(0.2, 0.1), (0.5, 0.4), (0.9, 0.3)]);
        assert!((plain - 0.126_666_666_666_666_68).abs() < 1e-12);
        assert!((scaled - 0.013_909_090_909_090_913).abs() < 1e-12, "{scaled}");
        // A mask that tells the drops up to a scale is perfect at the best scale.
        assert!(infidelity(&[(0.2, 0.1), (0.8, 0.4)])[1] < 1e-15);
        assert_eq!(infidelity(&[(0.0, 0.3)]), [0.09, 0.09]);
    }

    #[test]
    fn log_odds_are_bounded() {
        assert!((log_odds(0.8, 0.2) + 4.0_f64.ln()).abs() < 1e-12);
        assert!((log_odds(1.0, 0.0) - 1e-12_f64.ln()).abs() < 1e-12);
    }
}
