use std::collections::{HashMap, HashSet};
use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_metrics::TooMany;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::vocabulary::{Name, Operator, Over, Ranks, Removal, Role};

use crate::cursor::Cursor;
use crate::faithfulness::{self, Seen};
use crate::key::{Key, Share};
use crate::kind::{CALIBRATION_BINS, Kind};
use crate::ledger::{Ledger, too_many};
use crate::lineage::KnownLineages;

/// Rounding that a probability in 32 bits may carry beyond 0 and 1.
const ROUNDING: f32 = 1e-4;
/// Maximum number of combinations of figure and taxon that are counted.
const MAX_COUNTS: usize = 1 << 22;

/// Operators whose probabilities are checked against their accuracy.
const CALIBRATED: [Operator; 5] = [
    Operator::Unmasked,
    Operator::Masked,
    Operator::Inverse,
    Operator::HardMasked,
    Operator::HardInverse,
];

/// How many windows of a taxon a figure has, for the mean over taxa.
type TaxonCounts = HashMap<(Key, u32), u64>;

/// What the first walk over the predictions tells.
#[derive(Debug)]
pub(crate) struct Counts {
    taxa: Taxa,
    /// Windows of each taxon, for the mean over taxa.
    windows: TaxonCounts,
    /// The ranks that are predicted, in file order.
    pub(crate) ranks: Vec<String>,
}

/// What is known of the tokens table when predictions are observed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) tokens: &'a Path,
    pub(crate) majority: &'a HashMap<String, String>,
    pub(crate) lineages: Option<&'a KnownLineages>,
}

/// Observes every prediction of the table at `path`.
///
/// # Errors
/// A prediction's window is not among the tokens or out of their order, a value is outside its
/// range, `correct` contradicts the label, or a prediction is there twice.
pub(crate) fn observe_predictions(
    path: &Path,
    known: Known<'_>,
    counts: &Counts,
    ledger: &mut Ledger,
    context: &Context,
) -> Result<()> {
    let mut reader = Reader::<PerturbationRow>::open(path)?;
    let mut cursor = Cursor::open(known.tokens)?;
    let progress = context.progress("measuring predictions", reader.rows());
    let mut window = Window::default();
    while let Some(row) = reader.next().transpose()? {
        let full = |found: TooMany| too_many(reader.fault())(found);
        if window.id.as_ref().is_none_or(|(id, window)| *window != row.window || *id != row.id) {
            window.finish(known.lineages, ledger).map_err(full)?;
            cursor.seek(&row.id, row.window, || reader.fault())?;
            ledger.begin_record(&row.id);
            window.id = Some((row.id.clone(), row.window));
        }
        check(&row, || reader.fault())?;
        let key = key_of(&row, ledger, || reader.fault())?;
        let is_draw = role_of(&row).is_some_and(Role::is_draw);
        if !window.keys.insert(key) && !is_draw {
            return Err(reader
                .fault()
                .expected("one prediction per window, method, mask rank, operator, share, removal and rank")
                .found(format!("a second one of {} for {}", row.operator, row.rank))
                .remedy("drop one of them; if two records of the tokens share an id, tokenize them again")
                .into());
        }
        window.seen.push(seen(&row, key, ledger).map_err(full)?);
        if !is_draw {
            observe(&row, key, counts, ledger).map_err(full)?;
            observe_majority(&row, key, known.majority, &mut window, ledger).map_err(full)?;
            if known.lineages.is_some() && row.share.is_none() {
                let all = ledger.rank(&Ranks::All).map_err(full)?;
                let key = Key { rank: all, kind: Kind::Lineage, ..key };
                window.lineages.entry(key).or_default().push((row.rank, row.predicted));
            }
        }
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    window.finish(known.lineages, ledger).map_err(too_many(reader.fault()))
}

/// Predictions of one window; they come one after another.
#[derive(Debug, Default)]
struct Window {
    id: Option<(String, u32)>,
    keys: HashSet<Key>,
    seen: Vec<Seen>,
    /// Rank and taxon of the predictions that belong together.
    lineages: HashMap<Key, Vec<(Name, String)>>,
}

impl Window {
    /// Observes what needs all predictions of the window, and makes room for the next.
    fn finish(
        &mut self,
        lineages: Option<&KnownLineages>,
        ledger: &mut Ledger,
    ) -> Result<(), TooMany> {
        faithfulness::observe(&self.seen, ledger)?;
        for (key, predicted) in self.lineages.drain() {
            let predicted: Vec<(&str, &str)> =
                predicted.iter().map(|(rank, taxon)| (rank.as_str(), taxon.as_str())).collect();
            if let Some(is_known) = lineages.and_then(|lineages| lineages.has(&predicted)) {
                ledger.observe(key, 1.0, &[value(is_known)])?;
            }
        }
        self.keys.clear();
        self.seen.clear();
        Ok(())
    }
}

fn value(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

/// What the operator of a row does; none for one that this project does not know.
fn role_of(row: &PerturbationRow) -> Option<Role> {
    row.operator.known().map(Operator::role)
}

fn seen(row: &PerturbationRow, key: Key, ledger: &mut Ledger) -> Result<Seen, TooMany> {
    let role = role_of(row);
    let mean = match role {
        Some(Role::Graded { is_block: true, .. }) => {
            ledger.operator(&Operator::AopcBlock.into())?
        }
        Some(Role::Graded { is_block: false, .. }) => ledger.operator(&Operator::Aopc.into())?,
        _ => key.operator,
    };
    Ok(Seen { key, role, mean, p: f64::from(row.p_target), hidden: row.hidden_mask.map(f64::from) })
}

/// Observes what a row says for itself.
fn observe(
    row: &PerturbationRow,
    key: Key,
    counts: &Counts,
    ledger: &mut Ledger,
) -> Result<(), TooMany> {
    let agreement = value(row.predicted == row.target);
    let values =
        [agreement, f64::from(row.p_target), f64::from(row.entropy), f64::from(row.kept_area)];
    ledger.observe(key, 1.0, &values)?;
    let (Some(correct), Some(label)) = (row.correct, &row.label) else { return Ok(()) };
    let correct = value(correct);
    ledger.observe(Key { kind: Kind::Accuracy, ..key }, 1.0, &[correct])?;
    let is_calibrated = row.operator.known().is_some_and(|known| CALIBRATED.contains(&known));
    if is_calibrated && row.removal == Removal::Own {
        let p = f64::from(row.p_predicted);
        let key = Key { kind: Kind::Calibration, ..key };
        ledger.observe_at(key, 1.0, calibration_bin(p), &[correct - p])?;
    }
    if has_macro(row) {
        for over in [key.over, Over::All] {
            let key = Key { over, kind: Kind::AccuracyMacro, ..key };
            let taxon = counts.taxa.place(label);
            let windows = taxon.and_then(|taxon| counts.windows.get(&(key, taxon)));
            let importance = windows.map_or(0.0, |windows| 1.0 / *windows as f64);
            ledger.observe(key, importance, &[correct])?;
        }
    }
    Ok(())
}

/// Observes the most frequent taxon of a rank; the first prediction of the rank stands for its
/// window.
fn observe_majority(
    row: &PerturbationRow,
    key: Key,
    majority: &HashMap<String, String>,
    window: &mut Window,
    ledger: &mut Ledger,
) -> Result<(), TooMany> {
    let (Some(label), Some(taxon)) = (&row.label, majority.get(row.rank.as_str())) else {
        return Ok(());
    };
    let operator = ledger.operator(&Operator::MajorityClass.into())?;
    let kind = Kind::Accuracy;
    let key = Key { mask: None, operator, removal: Removal::Own, share: None, kind, ..key };
    if window.keys.insert(key) {
        ledger.observe(key, 1.0, &[value(taxon == label)])?;
    }
    Ok(())
}

/// The bin of a probability: bin b holds those above b/15 and up to (b + 1)/15, and the first also
/// 0.
fn calibration_bin(p: f64) -> usize {
    let place = (p * CALIBRATION_BINS as f64).ceil() as usize;
    place.saturating_sub(1).min(CALIBRATION_BINS - 1)
}

/// Whether the mean over taxa is taken: points of curves and other removals go without.
fn has_macro(row: &PerturbationRow) -> bool {
    let is_draw = role_of(row).is_some_and(Role::is_draw);
    row.share.is_none() && row.removal == Removal::Own && !is_draw
}

/// The key of a row's figures.
fn key_of(
    row: &PerturbationRow,
    ledger: &mut Ledger,
    fault: impl Fn() -> InputFault,
) -> Result<Key> {
    if let Some(operator) = row.operator.known()
        && !operator.role().is_of_input()
    {
        return Err(fault()
            .expected("an operator on the input")
            .found(format!("the operator {operator}, whose figures are computed elsewhere"))
            .remedy("rename it")
            .into());
    }
    let mask = row.mask_name();
    let full = |found: TooMany| too_many(fault())(found);
    Ok(Key {
        mask: mask.map(|mask| ledger.mask(&mask)).transpose().map_err(full)?,
        operator: ledger.operator(&row.operator).map_err(full)?,
        removal: row.removal,
        share: row.share.map(Share::new),
        rank: ledger.rank(&Ranks::One(row.rank.clone())).map_err(full)?,
        over: Over::of(row.split),
        kind: Kind::Prediction,
    })
}

/// Checks the values of a row.
fn check(row: &PerturbationRow, fault: impl Fn() -> InputFault) -> Result<()> {
    let shares = [
        ("kept_area", row.kept_area),
        ("p_predicted", row.p_predicted),
        ("p_target", row.p_target),
        ("entropy", row.entropy),
        ("share", row.share.unwrap_or_default()),
        ("hidden_mask", row.hidden_mask.unwrap_or_default()),
    ];
    let outside = |(_, value): &(&str, f32)| !(-ROUNDING..=1.0 + ROUNDING).contains(value);
    if let Some((name, value)) = shares.into_iter().find(outside) {
        return Err(fault()
            .expected(format!("{name} from 0 to 1"))
            .found(value)
            .remedy("write the table again with readlens-perturb")
            .into());
    }
    let correct = row.label.as_ref().map(|label| *label == row.predicted);
    if correct != row.correct {
        return Err(fault()
            .expected(format!("correct to be {correct:?}, from label and predicted"))
            .found(format!("{:?}", row.correct))
            .remedy("write the table again with readlens-perturb")
            .into());
    }
    Ok(())
}

/// Names of the taxa, each kept once.
#[derive(Debug, Default)]
struct Taxa(HashMap<String, u32>);

impl Taxa {
    fn place(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    fn place_or_add(&mut self, name: &str) -> u32 {
        if let Some(place) = self.place(name) {
            return place;
        }
        let place = self.0.len() as u32;
        self.0.insert(name.to_owned(), place);
        place
    }
}

/// Counts the windows of each taxon of each figure: the mean over taxa needs them before the first
/// is observed.
///
/// # Errors
/// The table cannot be read or names endlessly many things.
pub(crate) fn count_predictions(
    path: &Path,
    ledger: &mut Ledger,
    context: &Context,
) -> Result<Counts> {
    let mut taxa = Taxa::default();
    let mut windows = TaxonCounts::new();
    let mut ranks: Vec<String> = Vec::new();
    let mut reader = Reader::<PerturbationRow>::open(path)?;
    let progress = context.progress("counting predictions", reader.rows());
    while let Some(row) = reader.next().transpose()? {
        let key = key_of(&row, ledger, || reader.fault())?;
        if !ranks.iter().any(|known| row.rank == *known) {
            ranks.push(row.rank.to_string());
        }
        if let Some(label) = row.label.as_ref().filter(|_| has_macro(&row)) {
            let taxon = taxa.place_or_add(label);
            for over in [key.over, Over::All] {
                let key = Key { over, kind: Kind::AccuracyMacro, ..key };
                *windows.entry((key, taxon)).or_default() += 1;
            }
        }
        if windows.len() > MAX_COUNTS {
            return Err(reader
                .fault()
                .expected(format!("at most {MAX_COUNTS} combinations of operator and taxon"))
                .found("more")
                .remedy("evaluate fewer methods at a time, or pool rare taxa when tokenizing")
                .into());
        }
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    Ok(Counts { taxa, windows, ranks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_closed_above() {
        assert_eq!([0.0, 0.05, 1.0 / 15.0].map(calibration_bin), [0, 0, 0]);
        assert_eq!([0.067, 0.5, 0.999, 1.0].map(calibration_bin), [1, 7, 14, 14]);
        // Rounding beyond 1 stays in the last.
        assert_eq!(calibration_bin(1.0001), 14);
    }
}
