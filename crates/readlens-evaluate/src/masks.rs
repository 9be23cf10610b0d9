use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_metrics::TooMany;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{AttributionMethod, Operator, Over, Ranks, Removal};

use crate::cursor::Cursor;
use crate::key::Key;
use crate::kind::Kind;
use crate::ledger::{Ledger, too_many};
use crate::localisation::localise;
use crate::rank_correlation::kendall_tau_b;
use crate::shape::{area, effective_tokens, gini, segments, total_variation};
use crate::truth::Truth;

/// Whether the mask is by the method that others are compared with, token by token.
fn is_leave_one_out(row: &MaskRow) -> bool {
    row.method_kind == AttributionMethod::LeaveOneOut.kind()
        && row.method == *AttributionMethod::LeaveOneOut.name()
}

/// Observes every mask of the tables at `paths`.
///
/// # Errors
/// A mask's window is not among the tokens or out of their order, a mask has not one value in
/// `[0, 1]` per real token, or a window has two masks of one method and rank.
pub(crate) fn observe_masks(
    paths: &[PathBuf],
    tokens: &Path,
    truth: Option<&Truth>,
    ledger: &mut Ledger,
    context: &Context,
) -> Result<()> {
    let mut tables: Vec<MaskTable> =
        paths.iter().map(|path| MaskTable::open(path)).collect::<Result<_>>()?;
    let mut cursor = Cursor::open(tokens)?;
    let progress = context.progress("measuring masks", cursor.rows());
    while cursor.advance()? {
        progress.advance(1);
        context.check_interrupt("nothing was written; start again")?;
        let Some(window) = cursor.window() else { break };
        let mut masks: Vec<MaskRow> = Vec::new();
        for table in &mut tables {
            while table.is_at(window) {
                let row = table.check(cursor.real_tokens()?, &masks)?;
                masks.push(row);
                table.advance()?;
            }
        }
        if masks.is_empty() {
            continue;
        }
        ledger.begin_record(&window.id);
        let full = |found: TooMany| match tables.first() {
            Some(table) => too_many(table.reader.fault())(found),
            None => Fault::usage("no masks"),
        };
        let over = Over::of(window.split);
        for row in &masks {
            let key = Key {
                mask: Some(ledger.mask(&row.name()).map_err(full)?),
                operator: ledger.operator(&Operator::Mask.into()).map_err(full)?,
                removal: Removal::Own,
                share: None,
                rank: ledger.rank(&Ranks::All).map_err(full)?,
                over,
                kind: Kind::Shape,
            };
            observe(row, &cursor, truth, ledger, key).map_err(full)?;
            let one_out = masks
                .iter()
                .find(|other| is_leave_one_out(other) && other.rank == row.rank)
                .filter(|_| !is_leave_one_out(row));
            if let Some(tau) = one_out.and_then(|other| kendall_tau_b(&row.mask, &other.mask)) {
                let key = Key { kind: Kind::LeaveOneOut, ..key };
                ledger.observe(key, 1.0, &[tau]).map_err(full)?;
            }
        }
    }
    tables.into_iter().try_for_each(|table| table.finish(tokens))
}

/// A table of masks and its next row.
struct MaskTable {
    reader: Reader<MaskRow>,
    next: Option<MaskRow>,
}

impl MaskTable {
    fn open(path: &Path) -> Result<Self> {
        let mut reader = Reader::<MaskRow>::open_own(path)?;
        let next = reader.next().transpose()?;
        Ok(Self { reader, next })
    }

    /// Whether the next mask is the window's.
    fn is_at(&self, window: &TokenRow) -> bool {
        self.next.as_ref().is_some_and(|row| row.window == window.window && row.id == window.id)
    }

    fn advance(&mut self) -> Result<()> {
        self.next = self.reader.next().transpose()?;
        Ok(())
    }

    /// Takes the next mask, of a window with `tokens` real tokens and already the masks `before`.
    fn check(&mut self, tokens: usize, before: &[MaskRow]) -> Result<MaskRow> {
        let fault = || self.reader.fault();
        let missing = || fault().expected("a mask").found("none").remedy("write the table again");
        let row = self.next.take().ok_or_else(missing)?;
        check(&row, tokens, fault)?;
        if before.iter().any(|other| other.is_named_as(&row)) {
            return Err(fault()
                .expected("one mask per window, method, replicate and rank")
                .found(format!("a second one of {}", row.name()))
                .remedy("drop one of them or rename its method")
                .into());
        }
        Ok(row)
    }

    /// Refuses a mask that no window took.
    fn finish(self, tokens: &Path) -> Result<()> {
        let Some(row) = self.next else { return Ok(()) };
        Err(self
            .reader
            .fault()
            .expected(format!(
                "the windows of {}, in their order and those of a record together",
                tokens.display()
            ))
            .found(format!(
                "window {} of {}, which is not there or came before",
                row.window, row.id
            ))
            .remedy("pass the tokens table that this one was made from")
            .into())
    }
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
    let coverage = tokenization.coverage(cursor.window().map_or(&[], |window| &window.tokens));
    let runs = segments(&row.hard, &coverage);
    let kind = |kind| Key { kind, ..key };
    ledger.observe(kind(Kind::Shape), 1.0, &[area(&mask), area(&hard), runs.count as f64])?;
    if let (Some(soft), Some(hard)) = (total_variation(&mask), total_variation(&hard)) {
        ledger.observe(kind(Kind::Variation), 1.0, &[soft, hard])?;
    }
    if runs.count > 0 {
        let lengths = [runs.mean_tokens, runs.mean_nt, runs.most_tokens, runs.most_nt];
        ledger.observe(kind(Kind::Segments), 1.0, &lengths)?;
    }
    if let (Some(gini), Some(effective)) = (gini(&mask), effective_tokens(&mask)) {
        ledger.observe(kind(Kind::Concentration), 1.0, &[gini, effective])?;
    }
    let positive = truth.zip(cursor.window()).and_then(|(truth, window)| {
        truth.positive_tokens(window, row.target.as_deref(), &coverage)
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
