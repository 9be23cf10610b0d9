use std::collections::{HashMap, HashSet};
use std::path::Path;

use readlens_fault::{Fault, InputFault, Result};
use readlens_figures::Split;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::perturbations::{OWN_REMOVAL, PerturbationRow};

use crate::cursor::Cursor;
use crate::faithfulness::{self, Role, Seen};
use crate::key::{ALL, Key, MAJORITY, NONE, Share};
use crate::kind::{CALIBRATION_BINS, Kind};
use crate::ledger::{Ledger, TooMany};
use crate::lineage::KnownLineages;

/// Rounding that a probability in 32 bits may carry beyond 0 and 1.
const ROUNDING: f32 = 1e-4;
/// Most combinations of figure and taxon that are counted.
const MAX_COUNTS: usize = 1 << 22;

/// Operators whose probabilities are checked against their accuracy.
const CALIBRATED: [&str; 5] = ["unmasked", "masked", "inverse", "hard_masked", "hard_inverse"];

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
        let full = |too_many: TooMany| too_many.at(reader.fault());
        if window.id.as_ref().is_none_or(|(id, window)| *window != row.window || *id != row.id) {
            window.finish(known.lineages, ledger).map_err(full)?;
            cursor.seek(&row.id, row.window, || reader.fault())?;
            ledger.begin_record(&row.id);
            window.id = Some((row.id.clone(), row.window));
        }
        check(&row, || reader.fault())?;
        let key = key_of(&row, ledger, || reader.fault())?;
        let role = Role::of(&row.operator);
        if !window.keys.insert(key) && !role.is_draw() {
            return Err(reader
                .fault()
                .expected("one prediction per window, method, mask rank, operator, share, removal and rank")
                .found(format!("a second one of {} for {}", row.operator, row.rank))
                .remedy("drop one of them")
                .into());
        }
        window.seen.push(seen(&row, key, role, ledger).map_err(full)?);
        if !role.is_draw() {
            observe(&row, key, counts, ledger).map_err(full)?;
            observe_majority(&row, key, known.majority, &mut window, ledger).map_err(full)?;
            if known.lineages.is_some() && row.share.is_none() {
                let all = ledger.place(ALL).map_err(full)?;
                let key = Key { rank: all, kind: Kind::Lineage, ..key };
                window.lineages.entry(key).or_default().push((row.rank, row.predicted));
            }
        }
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    window.finish(known.lineages, ledger).map_err(|too_many| too_many.at(reader.fault()))
}

/// Predictions of one window; they come one after another.
#[derive(Debug, Default)]
struct Window {
    id: Option<(String, u32)>,
    keys: HashSet<Key>,
    seen: Vec<Seen>,
    /// Rank and taxon of the predictions that belong together.
    lineages: HashMap<Key, Vec<(String, String)>>,
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

fn seen(row: &PerturbationRow, key: Key, role: Role, ledger: &mut Ledger) -> Result<Seen, TooMany> {
    let aopc = match role {
        Role::Graded { is_block: true, .. } => place_of("aopc_block", &row.removal, ledger)?,
        Role::Graded { is_block: false, .. } => place_of("aopc", &row.removal, ledger)?,
        _ => key.operator,
    };
    Ok(Seen {
        key,
        role,
        removal: ledger.place(&row.removal)?,
        aopc,
        p: f64::from(row.p_target),
        hidden: row.hidden_mask.map(f64::from),
    })
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
    if CALIBRATED.contains(&row.operator.as_str()) && row.removal == OWN_REMOVAL {
        let p = f64::from(row.p_predicted);
        let key = Key { kind: Kind::Calibration, ..key };
        ledger.observe_at(key, 1.0, calibration_bin(p), &[correct - p])?;
    }
    if has_macro(row) {
        for split in [key.split, Split::All] {
            let key = Key { split, kind: Kind::AccuracyMacro, ..key };
            let taxon = counts.taxa.place(label);
            let windows = taxon.and_then(|taxon| counts.windows.get(&(key, taxon)));
            let importance = windows.map_or(0.0, |windows| 1.0 / *windows as f64);
            ledger.observe(key, importance, &[correct])?;
        }
    }
    Ok(())
}

/// Observes the most frequent taxon of a rank; the first prediction of the rank stands for its window.
fn observe_majority(
    row: &PerturbationRow,
    key: Key,
    majority: &HashMap<String, String>,
    window: &mut Window,
    ledger: &mut Ledger,
) -> Result<(), TooMany> {
    let (Some(label), Some(taxon)) = (&row.label, majority.get(&row.rank)) else { return Ok(()) };
    let (none, operator) = (ledger.place(NONE)?, ledger.place(MAJORITY)?);
    let kind = Kind::Accuracy;
    let key = Key { method: none, mask_rank: none, operator, share: None, kind, ..key };
    if window.keys.insert(key) {
        ledger.observe(key, 1.0, &[value(taxon == label)])?;
    }
    Ok(())
}

/// The bin of a probability: bin b holds those above b/15 and up to (b + 1)/15, and the first also 0.
fn calibration_bin(p: f64) -> usize {
    let place = (p * CALIBRATION_BINS as f64).ceil() as usize;
    place.saturating_sub(1).min(CALIBRATION_BINS - 1)
}

/// Whether the mean over taxa is taken: points of curves and other removals go without.
fn has_macro(row: &PerturbationRow) -> bool {
    row.share.is_none() && row.removal == OWN_REMOVAL && !Role::of(&row.operator).is_draw()
}

/// The key of a row's figures.
fn key_of(
    row: &PerturbationRow,
    ledger: &mut Ledger,
    fault: impl Fn() -> InputFault,
) -> Result<Key> {
    let split = Split::named(row.split.as_deref()).ok_or_else(|| {
        Fault::from(
            fault()
                .expected("the split train, valid, test or null")
                .found(row.split.as_deref().unwrap_or_default())
                .remedy("rename the split"),
        )
    })?;
    if row.operator == MAJORITY {
        return Err(fault()
            .expected("an operator on the input")
            .found(format!("the operator {MAJORITY}, which is computed here"))
            .remedy("rename it")
            .into());
    }
    let full = |too_many: TooMany| too_many.at(fault());
    Ok(Key {
        method: ledger.place(&row.method).map_err(full)?,
        mask_rank: ledger.place(&row.mask_rank).map_err(full)?,
        operator: place_of(&row.operator, &row.removal, ledger).map_err(full)?,
        share: row.share.map(Share::new),
        rank: ledger.place(&row.rank).map_err(full)?,
        split,
        kind: Kind::Prediction,
    })
}

/// The place of an operator: one with another removal than the classifier's own masking is called
/// `operator_removal`, such as `hard_inverse_unknown`, unless its name says so already, as `all_mean` does.
fn place_of(operator: &str, removal: &str, ledger: &mut Ledger) -> Result<u32, TooMany> {
    let is_said = operator.strip_suffix(removal).is_some_and(|rest| rest.ends_with('_'));
    if removal == OWN_REMOVAL || is_said {
        return ledger.place(operator);
    }
    ledger.place(&format!("{operator}_{removal}"))
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

/// Counts the windows of each taxon of each figure: the mean over taxa needs them before the first is observed.
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
        if !ranks.contains(&row.rank) {
            ranks.push(row.rank.clone());
        }
        if let Some(label) = row.label.as_ref().filter(|_| has_macro(&row)) {
            let taxon = taxa.place_or_add(label);
            for split in [key.split, Split::All] {
                let key = Key { split, kind: Kind::AccuracyMacro, ..key };
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
