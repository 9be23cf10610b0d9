use std::num::NonZeroUsize;
use std::path::Path;

use needletail::parse_fastx_file;
use readlens_fault::{Fault, Result};

use crate::protocol::{Report, report, serve};

/// Measures reading every record of a file without making anything of it.
///
/// The report's values are the records and the bases.
pub(crate) fn measure(sequences: &Path, warm_up: NonZeroUsize) -> Result<()> {
    let mut counts = (0, 0);
    let peak_kb = serve(warm_up, || {
        counts = count(sequences).map_err(|e| Fault::failed("reading sequences", e))?;
        Ok(())
    })?;
    report(&Report { peak_kb, values: vec![counts.0 as f64, counts.1 as f64] })
}

fn count(sequences: &Path) -> Result<(usize, usize), needletail::errors::ParseError> {
    let mut reader = parse_fastx_file(sequences)?;
    let (mut records, mut bases) = (0, 0);
    while let Some(record) = reader.next() {
        records += 1;
        bases += record?.num_bases();
    }
    Ok((records, bases))
}
