use std::collections::HashSet;
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;

use crate::cursor::Cursor;
use crate::key::{ALL, Key, Kind, MASK, Split};
use crate::ledger::{Ledger, TooMany};
use crate::localisation::localise;
use crate::shape::{area, segments, total_variation};
use crate::truth::Truth;

/// Observes every mask of the table at `path`.
///
/// # Errors
/// A mask's window is not among the tokens or out of their order, a mask has not one value in
/// `[0, 1]` per real token, or a window has two masks of one method and rank.
pub(crate) fn observe_masks(
    path: &Path,
    tokens: &Path,
    truth: Option<&Truth>,
    ledger: &mut Ledger,
    context: &Context,
) -> Result<()> {
    let mut reader = Reader::<MaskRow>::open(path)?;
    let mut cursor = Cursor::open(tokens)?;
    let progress = context.progress("measuring masks", reader.rows());
    let mut seen: HashSet<(u32, u32)> = HashSet::new();
    let mut window: Option<(String, u32)> = None;
    while let Some(row) = reader.next().transpose()? {
        if window.as_ref().is_none_or(|(id, window)| *window != row.window || *id != row.id) {
            cursor.seek(&row.id, row.window, || reader.fault())?;
            seen.clear();
            ledger.begin_record(&row.id);
            window = Some((row.id.clone(), row.window));
        }
        check(&row, cursor.real_tokens()?, || reader.fault())?;
        let full = |too_many: TooMany| too_many.at(reader.fault());
        let name =
            (ledger.place(&row.method).map_err(full)?, ledger.place(&row.rank).map_err(full)?);
        if !seen.insert(name) {
            return Err(reader
                .fault()
                .expected("one mask per window, method and rank")
                .found(format!("a second one of {} for {}", row.method, row.rank))
                .remedy("drop one of them or rename its method")
                .into());
        }
        let split = cursor.window().and_then(|token| Split::named(token.split.as_deref()));
        let key = Key {
            method: name.0,
            mask_rank: name.1,
            operator: ledger.place(MASK).map_err(full)?,
            share: None,
            rank: ledger.place(ALL).map_err(full)?,
            split: split.unwrap_or(Split::Unassigned),
            kind: Kind::Shape,
        };
        observe(&row, &cursor, truth, ledger, key).map_err(full)?;
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
    }
    Ok(())
}

/// Checks that the mask is one of `tokens` values in `[0, 1]`.
fn check(
    row: &MaskRow,
    tokens: usize,
    fault: impl Fn() -> readlens_fault::InputFault,
) -> Result<()> {
    if row.mask.len() != tokens || row.hard.len() != tokens {
        return Err(Fault::from(
            fault()
                .expected(format!("{tokens} values of mask and hard, one per real token"))
                .found(format!("{} and {}", row.mask.len(), row.hard.len()))
                .remedy("leave CLS and padding out, and pass the tokens that were masked"),
        ));
    }
    let outside = row.mask.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value));
    if let Some((token, value)) = outside {
        return Err(Fault::from(
            fault()
                .expected("mask values from 0 to 1")
                .found(format!("{value} at token {token}"))
                .remedy("scale the method's scores to 0 to 1, keeping their order"),
        ));
    }
    Ok(())
}

fn observe(
    row: &MaskRow,
    cursor: &Cursor,
    truth: Option<&Truth>,
    ledger: &mut Ledger,
    key: Key,
) -> Result<(), TooMany> {
    // A window too short for a single token has no mask to measure.
    if row.mask.is_empty() {
        return Ok(());
    }
    let tokenization = cursor.tokenization();
    let mask: Vec<f64> = row.mask.iter().map(|&value| f64::from(value)).collect();
    let hard: Vec<f64> = row.hard.iter().map(|&read| f64::from(u8::from(read))).collect();
    let runs = segments(&row.hard, tokenization);
    let kind = |kind| Key { kind, ..key };
    ledger.observe(kind(Kind::Shape), 1.0, &[area(&mask), area(&hard), runs.count as f64])?;
    if let (Some(soft), Some(hard)) = (total_variation(&mask), total_variation(&hard)) {
        ledger.observe(kind(Kind::Variation), 1.0, &[soft, hard])?;
    }
    if runs.count > 0 {
        ledger.observe(kind(Kind::Segments), 1.0, &[runs.mean_tokens, runs.mean_nt])?;
    }
    let positive = truth.zip(cursor.window()).and_then(|(truth, window)| {
        truth.positive_tokens(window, row.target.as_deref(), tokenization, mask.len())
    });
    if let Some(found) = positive.and_then(|positive| localise(&mask, &row.hard, &positive)) {
        let values = [
            found.average_precision,
            found.intersection_over_union,
            found.pointing,
            found.mass,
            found.prevalence,
        ];
        ledger.observe(kind(Kind::Localisation), 1.0, &values)?;
    }
    Ok(())
}
