//! What the attribution methods cost.

use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_tables::Reader;
use readlens_tables::costs::CostRow;

/// Maximum number of rows of a costs table; it has one per method and shard.
const MAX_ROWS: u64 = 100_000;

/// Reads the costs table: one row per method, those of several shards averaged over their windows.
///
/// # Errors
/// The table cannot be read or is far longer than one.
pub(crate) fn costs_of(path: &Path) -> Result<Vec<CostRow>> {
    let reader = Reader::<CostRow>::open(path)?;
    if reader.rows() > MAX_ROWS {
        return Err(Fault::input(path)
            .expected(format!("at most {MAX_ROWS} rows"))
            .found(reader.rows())
            .remedy("pass the costs table of readlens-attribute")
            .into());
    }
    let mut costs: Vec<CostRow> = Vec::new();
    for row in reader {
        let row = row?;
        match costs.iter_mut().find(|known| known.method == row.method) {
            Some(known) => merge(known, &row),
            None => costs.push(row),
        }
    }
    Ok(costs)
}

fn merge(known: &mut CostRow, row: &CostRow) {
    let (a, b) = (f64::from(known.windows), f64::from(row.windows));
    let mean = |x: f64, y: f64| if a + b > 0.0 { (a * x + b * y) / (a + b) } else { x };
    known.forward_passes = mean(known.forward_passes, row.forward_passes);
    known.backward_passes = mean(known.backward_passes, row.backward_passes);
    known.seconds = mean(known.seconds, row.seconds);
    known.windows = known.windows.saturating_add(row.windows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_by_their_windows() {
        let row = |windows, seconds| CostRow {
            method: "lime".to_owned(),
            windows,
            forward_passes: 2.0,
            backward_passes: 0.0,
            seconds,
            threads: 2,
            completeness_error: None,
        };
        let mut all = row(1, 4.0);
        merge(&mut all, &row(3, 8.0));
        assert_eq!((all.windows, all.seconds, all.forward_passes), (4, 7.0, 2.0));
        let mut none = row(0, 4.0);
        merge(&mut none, &row(0, 8.0));
        assert_eq!(none.seconds, 4.0);
    }
}
