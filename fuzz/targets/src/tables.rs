use std::path::Path;

use readlens_fault::Result;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::bases::BaseRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::stretches::StretchRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::{Reader, Record, table_of};
use readlens_text::Intervals;

use crate::{check, write};

/// Rows that are read of one table: runs of one value are short in the file and long in the table.
const MOST_ROWS: usize = 20_000;

/// A Parquet table: as the one that it says it is, or as each of them where it says nothing.
pub fn tables(input: &[u8], scratch: &Path) -> bool {
    let path = scratch.join("table.parquet");
    check(write(&path, input));
    let readers: [(&str, fn(&Path) -> Result<()>); 11] = [
        (TokenRow::TABLE.name, rows::<TokenRow>),
        (TrainingRow::TABLE.name, rows::<TrainingRow>),
        (AssessmentRow::TABLE.name, rows::<AssessmentRow>),
        (ConfusionRow::TABLE.name, rows::<ConfusionRow>),
        (PredictionRow::TABLE.name, rows::<PredictionRow>),
        (MaskRow::TABLE.name, rows::<MaskRow>),
        (BaseRow::TABLE.name, rows::<BaseRow>),
        (StretchRow::TABLE.name, rows::<StretchRow>),
        (CostRow::TABLE.name, rows::<CostRow>),
        (PerturbationRow::TABLE.name, rows::<PerturbationRow>),
        (MetricRow::TABLE.name, rows::<MetricRow>),
    ];
    let said = table_of(&path).map(|table| table.name);
    let mut is_taken = false;
    for (name, read) in readers {
        if said.as_ref().map_or(true, |said| *said == name) {
            is_taken |= check(read(&path));
        }
    }
    check(said.map(drop));
    is_taken
}

fn rows<R: Record>(path: &Path) -> Result<()> {
    let mut reader = Reader::<R>::open(path)?;
    reader.manifest()?;
    reader.by_ref().take(MOST_ROWS).try_for_each(|row| row.map(drop))
}

/// A list of intervals.
pub fn intervals(input: &[u8], scratch: &Path) -> bool {
    let path = scratch.join("intervals.tsv");
    check(write(&path, input).and_then(|()| Intervals::read(&path).map(drop)))
}
