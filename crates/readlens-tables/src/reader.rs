use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use readlens_fault::{Fault, Place, Result};
use readlens_provenance::Manifest;
use serde::de::DeserializeOwned;

use crate::cell::{Cell, ColumnArray};
use crate::column::{Kind, Origin, Table};
use crate::conform::Wanted;
use crate::parquet_file::{Batches, ParquetFile, guarded};
use crate::record::{Broken, Record};
use crate::{KEY_MANIFEST, KEY_TABLE, TABLES, conform};

/// The declared table that the file at `path` says it is.
///
/// # Errors
/// The file cannot be read, is not Parquet, or names no table, or a version that is not read.
pub fn table_of(path: &Path) -> Result<&'static Table> {
    let metadata = ParquetFile::open(path)?.pairs();
    let name = metadata.get(KEY_TABLE);
    let Some(table) = TABLES.into_iter().find(|table| name.is_some_and(|n| n == table.name)) else {
        return Err(Fault::input(path)
            .at(Place::Part(format!("metadata {KEY_TABLE}")))
            .expected(format!("one of {}", TABLES.map(|table| table.name).join(", ")))
            .found(name.map_or("nothing", String::as_str))
            .remedy("pass a table that a readlens stage wrote")
            .into());
    };
    conform::check_identity(path, table, &metadata)?;
    Ok(table)
}

/// Gives the cells of one row, column by column.
#[derive(Debug)]
pub struct Source<'a> {
    columns: std::slice::Iter<'a, ColumnArray>,
    row: usize,
}

impl Source<'_> {
    #[expect(private_bounds, reason = "only this crate declares records")]
    /// Takes the next column's cell.
    ///
    /// # Panics
    /// A record takes more cells than its table has columns.
    pub fn take<T: Cell>(&mut self) -> T {
        T::get(
            self.columns.next().expect("a record takes as many cells as it has columns"),
            self.row,
        )
    }

    #[expect(private_bounds, reason = "only this crate declares records")]
    /// Takes the cells of all remaining columns.
    pub fn take_rest<T: Cell>(&mut self) -> Vec<T> {
        let row = self.row;
        self.columns.by_ref().map(|column| T::get(column, row)).collect()
    }
}

/// Streams a table of `R` rows in file order and constant memory.
///
/// Columns are found by name and cast to their declared types, so a file that went through
/// DuckDB, Polars or pandas reads like one of ours. Unknown columns are ignored, except where the
/// table has rank columns: there a column of text is a rank and any other is refused.
pub struct Reader<R> {
    path: PathBuf,
    batches: Batches,
    columns: Vec<ColumnArray>,
    ranks: Vec<String>,
    /// Who wrote the file, where it has an older form.
    older: Option<Origin>,
    metadata: BTreeMap<String, String>,
    rows: u64,
    first_row: u64,
    batch_rows: usize,
    next: usize,
    record: PhantomData<R>,
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).field("rows", &self.rows).finish()
    }
}

impl<R: Record> Reader<R> {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not Parquet, is another table, has a schema version that is not
    /// read, or lacks a column.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_rows(path, 0..u64::MAX)
    }

    /// Opens rows `range` (0-based, half-open, cut at the end of the table).
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_rows(path: &Path, range: std::ops::Range<u64>) -> Result<Self> {
        let table = R::TABLE;
        let file = ParquetFile::open(path)?;
        let metadata = file.pairs();
        conform::check_identity(path, table, &metadata)?;
        let declared = |name: &str| table.columns.iter().find(|column| column.name == name);
        let is_category = |name: &str| declared(name).is_none_or(|c| c.kind == Kind::Category);
        let selected = guarded(path, || {
            let is_wanted = |name: &str| table.has_ranks || declared(name).is_some();
            file.select(is_wanted, is_category, |name| declared(name).is_none())
        })?;
        let older = conform::older_origin(table, &metadata, &selected.schema);
        let empty = RecordBatch::new_empty(Arc::clone(&selected.schema));
        let upgraded = conform::upgraded(path, table, older, empty)?;
        let ranks = conform::check_columns(path, table, &file.names(), &upgraded.schema())?;
        let rows = file.rows();
        let start = range.start.min(rows);
        let end = range.end.clamp(start, rows);
        let batches = file.batches(selected, start..end);
        Ok(Self {
            path: path.to_path_buf(),
            batches,
            columns: Vec::new(),
            ranks,
            older,
            metadata,
            rows: end - start,
            first_row: start,
            batch_rows: 0,
            next: 0,
            record: PhantomData,
        })
    }

    /// The file being read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows that this reader gives in all.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Index in the table of the row given last (0 before the first).
    pub fn row_index(&self) -> u64 {
        self.first_row + (self.next as u64).saturating_sub(1)
    }

    /// Names of the rank columns, in file order.
    pub fn ranks(&self) -> &[String] {
        &self.ranks
    }

    /// The key-value pairs of the file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The manifest in the file, if a readlens stage wrote it.
    ///
    /// # Errors
    /// There is one, but it is not a manifest.
    pub fn manifest(&self) -> Result<Option<Manifest>> {
        if !self.metadata.contains_key(KEY_MANIFEST) {
            return Ok(None);
        }
        self.metadata_json(KEY_MANIFEST, "a manifest").map(Some)
    }

    /// The JSON under a metadata key; `what` is what the key holds, for the error.
    ///
    /// # Errors
    /// The file lacks the key, or it holds something else.
    pub fn metadata_json<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<T> {
        let fault = || {
            Fault::input(&self.path)
                .at(Place::Part(format!("metadata {key}")))
                .expected(format!("{what} as JSON"))
                .remedy(format!(
                    "pass a file that {} wrote; pyarrow and pandas keep what it says beside its \
                     columns, and others are given it: DuckDB's COPY as KV_METADATA {{'{key}': …}}, \
                     Polars' write_parquet as metadata={{'{key}': …}}",
                    R::TABLE.written_by()
                ))
        };
        let text = self.metadata.get(key).ok_or_else(|| fault().found("none"))?;
        serde_json::from_str(text).map_err(|e| fault().found(e).into())
    }

    /// An input fault about the row given last.
    pub fn fault(&self) -> readlens_fault::InputFault {
        Fault::input(&self.path).at(Place::Row(self.row_index()))
    }

    fn next_batch(&mut self) -> Result<bool> {
        let Some(batch) = guarded(&self.path, || self.batches.next())? else {
            return Ok(false);
        };
        self.first_row += self.batch_rows as u64;
        self.next = 0;
        self.batch_rows = batch.num_rows();
        let table = R::TABLE;
        let batch = conform::upgraded(&self.path, table, self.older, batch)?;
        let fixed = table.columns.iter().map(|c| Wanted {
            name: c.name,
            kind: c.kind,
            nullable: c.nullable,
            check: c.check,
        });
        let ranks = self.ranks.iter().map(|rank| Wanted {
            name: rank,
            kind: Kind::Category,
            nullable: true,
            check: None,
        });
        self.columns = fixed
            .chain(ranks)
            .map(|wanted| conform::typed(&self.path, &batch, wanted, self.first_row))
            .collect::<Result<_>>()?;
        Ok(true)
    }
}

impl<R: Record> Iterator for Reader<R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next == self.batch_rows {
            match self.next_batch() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(fault) => return Some(Err(fault)),
            }
        }
        let row = self.next;
        self.next += 1;
        let record = R::read(&mut Source { columns: self.columns.iter(), row });
        Some(match record.check() {
            Ok(()) => Ok(record),
            Err(Broken { expected, found, remedy }) => {
                Err(self.fault().expected(expected).found(found).remedy(remedy).into())
            }
        })
    }
}
