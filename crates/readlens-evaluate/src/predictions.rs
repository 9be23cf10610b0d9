use std::collections::{HashMap, HashSet};
use std::path::Path;

use readlens_fault::{Fault, InputFault, Result};
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::perturbations::{OWN_REMOVAL, PerturbationRow};

use crate::cursor::Cursor;
use crate::key::{Key, Kind, MAJORITY, NONE, Share, Split};
use crate::ledger::{Ledger, TooMany};

/// Rounding that a probability in 32 bits may carry beyond 0 and 1.
const ROUNDING: f32 = 1e-4;
/// Most combinations of figure and taxon that are counted.
const MAX_COUNTS: usize = 1 << 22;

/// How many windows of a taxon a figure has, for the mean over taxa.
type TaxonCounts = HashMap<(Key, u32), u64>;

/// Observes every prediction of the table at `path`, in two walks: the mean over taxa needs the
/// number of windows of each taxon first.
///
/// # Errors
/// A prediction's window is not among the tokens or out of their order, a value is outside its
/// range, `correct` contradicts the label, or a prediction is there twice.
pub(crate) fn observe_predictions(
    path: &Path,
    tokens: &Path,
    majority: &HashMap<String, String>,
    ledger: &mut Ledger,
    context: &Context,
) -> Result<()> {
    let mut taxa = Taxa::default();
    let counts = count_taxa(path, &mut taxa, ledger, context)?;
    let mut reader = Reader::<PerturbationRow>::open(path)?;
    let mut cursor = Cursor::open(tokens)?;
    let progress = context.progress("measuring predictions", reader.rows());
    let mut seen: HashSet<Key> = HashSet::new();
    let mut window: Option<(String, u32)> = None;
    while let Some(row) = reader.next().transpose()? {
        if window.as_ref().is_none_or(|(id, window)| *window != row.window || *id != row.id) {
            cursor.seek(&row.id, row.window, || reader.fault())?;
            seen.clear();
            ledger.begin_record(&row.id);
            window = Some((row.id.clone(), row.window));
        }
        check(&row, || reader.fault())?;
        let key = key_of(&row, ledger, || reader.fault())?;
        let full = |too_many: TooMany| too_many.at(reader.fault());
        if !seen.insert(key) {
            return Err(reader
                .fault()
                .expected("one prediction per window, method, mask rank, operator and rank")
                .found(format!("a second one of {} for {}", row.operator, row.rank))
                .remedy("drop one of them")
                .into());
        }
        observe(&row, key, ledger).map_err(full)?;
        if let (Some(correct), Some(label)) = (row.correct, &row.label) {
            for split in [key.split, Split::All] {
                let key = Key { split, kind: Kind::AccuracyMacro, ..key };
                let windows = taxa.place(label).and_then(|taxon| counts.get(&(key, taxon)));
                let importance = windows.map_or(0.0, |windows| 1.0 / *windows as f64);
                ledger.observe(key, importance, &[value(correct)]).map_err(full)?;
            }
            // The first prediction of a rank stands for its window.
            let none = ledger.place(NONE).map_err(full)?;
            let operator = ledger.place(MAJORITY).map_err(full)?;
            let kind = Kind::Accuracy;
            let key = Key { method: none, mask_rank: none, operator, share: None, kind, ..key };
            if let Some(taxon) = majority.get(&row.rank)
                && seen.insert(key)
            {
                ledger.observe(key, 1.0, &[value(taxon == label)]).map_err(full)?;
            }
        }
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    Ok(())
}

fn value(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

fn observe(row: &PerturbationRow, key: Key, ledger: &mut Ledger) -> Result<(), TooMany> {
    let agreement = value(row.predicted == row.target);
    let values =
        [agreement, f64::from(row.p_target), f64::from(row.entropy), f64::from(row.kept_area)];
    ledger.observe(key, 1.0, &values)?;
    match row.correct {
        Some(correct) => {
            ledger.observe(Key { kind: Kind::Accuracy, ..key }, 1.0, &[value(correct)])
        }
        None => Ok(()),
    }
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
        operator: operator_place(row, ledger).map_err(full)?,
        share: row.share.map(Share::new),
        rank: ledger.place(&row.rank).map_err(full)?,
        split,
        kind: Kind::Prediction,
    })
}

/// The place of a row's operator: one with another removal than the classifier's own masking is called
/// `operator_removal`, such as `hard_inverse_unknown`.
fn operator_place(row: &PerturbationRow, ledger: &mut Ledger) -> Result<u32, TooMany> {
    if row.removal == OWN_REMOVAL {
        return ledger.place(&row.operator);
    }
    ledger.place(&format!("{}_{}", row.operator, row.removal))
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

fn count_taxa(
    path: &Path,
    taxa: &mut Taxa,
    ledger: &mut Ledger,
    context: &Context,
) -> Result<TaxonCounts> {
    let mut counts = TaxonCounts::new();
    let mut reader = Reader::<PerturbationRow>::open(path)?;
    let progress = context.progress("counting predictions", reader.rows());
    while let Some(row) = reader.next().transpose()? {
        let key = key_of(&row, ledger, || reader.fault())?;
        if let Some(label) = &row.label {
            let taxon = taxa.place_or_add(label);
            for split in [key.split, Split::All] {
                let key = Key { split, kind: Kind::AccuracyMacro, ..key };
                *counts.entry((key, taxon)).or_default() += 1;
            }
        }
        if counts.len() > MAX_COUNTS {
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
    Ok(counts)
}
