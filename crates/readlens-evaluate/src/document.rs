use std::path::Path;

use readlens_fault::Result;
use readlens_provenance::{Manifest, NewFile, put_json};
use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{MethodKind, Metric, Name, Operator, Ranks, Removal, Word};
use serde::Serialize;

use crate::check::Check;
use crate::paper::PaperTable;

/// The metrics as one JSON document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    manifest: &'a Manifest,
    table: PaperTable,
    /// Null where nothing was checked.
    checks: Option<&'a [Check]>,
    metrics: Vec<Line<'a>>,
}

/// A row of the metrics table, with its names.
#[derive(Debug, Serialize)]
struct Line<'a> {
    method: Option<&'a Name>,
    method_kind: Option<MethodKind>,
    replicate: Option<u32>,
    mask_rank: Option<&'a Ranks>,
    operator: &'a Word<Operator>,
    variant: Option<&'a str>,
    removal: Removal,
    share: Option<f32>,
    split: &'static str,
    rank: &'a Ranks,
    metric: Metric,
    value: f64,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    n: u32,
}

impl<'a> From<&'a MetricRow> for Line<'a> {
    fn from(row: &'a MetricRow) -> Self {
        Self {
            method: row.method.as_ref(),
            method_kind: row.method_kind,
            replicate: row.replicate,
            mask_rank: row.mask_rank.as_ref(),
            operator: &row.operator,
            variant: row.variant.as_deref(),
            removal: row.removal,
            share: row.share,
            split: row.split.name(),
            rank: &row.rank,
            metric: row.metric,
            value: row.value,
            ci_low: row.ci_low,
            ci_high: row.ci_high,
            n: row.n,
        }
    }
}

/// Writes the document, which takes its name when it is committed.
pub(crate) fn write(
    target: &Path,
    manifest: &Manifest,
    rows: &[MetricRow],
    checks: Option<&[Check]>,
    in_sample: Option<bool>,
) -> Result<NewFile> {
    let metrics = rows.iter().map(Line::from).collect();
    let document = Document { manifest, table: PaperTable::new(rows, in_sample), checks, metrics };
    let mut file = NewFile::create(target)?;
    put_json(&mut file, &document)?;
    Ok(file)
}
