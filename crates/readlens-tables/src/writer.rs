use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use readlens_fault::{Fault, Result};
use readlens_provenance::{Manifest, NewFile};

use crate::cell::{Cell, ColumnBuilder};
use crate::column::Kind;
use crate::record::Record;
use crate::{KEY_MANIFEST, KEY_TABLE, KEY_VERSION};

/// Rows per row group: small enough to stream, large enough to compress.
pub const ROW_GROUP_ROWS: usize = 8192;

/// Takes the cells of one row, column by column.
#[derive(Debug)]
pub struct Sink<'a> {
    columns: std::slice::IterMut<'a, ColumnBuilder>,
}

impl Sink<'_> {
    #[expect(private_bounds, reason = "only this crate declares records")]
    /// Puts the next column's cell.
    ///
    /// # Panics
    /// A row has more cells than the table has columns.
    pub fn put(&mut self, cell: &impl Cell) {
        cell.put(self.columns.next().expect("a row has as many cells as its table has columns"));
    }
}

/// Writes a table of `R` rows, zstd-compressed, whole or not at all.
pub struct Writer<R> {
    parquet: ArrowWriter<NewFile>,
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    buffered: usize,
    rows: u64,
    target: std::path::PathBuf,
    record: PhantomData<R>,
}

impl<R> std::fmt::Debug for Writer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("target", &self.target).field("rows", &self.rows).finish()
    }
}

impl<R: Record> Writer<R> {
    /// Begins the table at `target`.
    ///
    /// `ranks` name the rank columns of a table that has them (empty otherwise); `metadata` are
    /// further key-value pairs of the file beside the table's name, version and `manifest`.
    ///
    /// # Errors
    /// `target` cannot be created, or a rank has the name of a fixed column or of another rank.
    pub fn create(
        target: &Path,
        ranks: &[String],
        manifest: &Manifest,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut writer = Self::begin(target, ranks, metadata)?;
        writer.put_manifest(manifest)?;
        Ok(writer)
    }

    /// Begins the table at `target` as [`Writer::create`] does, for a stage that knows its
    /// manifest only at the end, such as one that digests a stream while reading it. Complete
    /// the file with [`Writer::finish_with`].
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn begin(
        target: &Path,
        ranks: &[String],
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let table = R::TABLE;
        for (i, rank) in ranks.iter().enumerate() {
            if table.columns.iter().any(|c| c.name == rank) || ranks[..i].contains(rank) {
                return Err(Fault::usage(format!(
                    "rank {rank:?} cannot be a column of the {} table: the name is taken; rename it",
                    table.name
                )));
            }
        }
        let schema = Arc::new(table.schema(ranks));
        let failed = |e| Fault::failed(format!("writing {}", target.display()), e);
        let mut pairs = vec![
            KeyValue::new(KEY_TABLE.to_owned(), table.name.to_owned()),
            KeyValue::new(KEY_VERSION.to_owned(), table.version.to_string()),
        ];
        pairs.extend(metadata.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(failed)?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by(format!("readlens {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(pairs))
            .build();
        let parquet =
            ArrowWriter::try_new(NewFile::create(target)?, Arc::clone(&schema), Some(properties))
                .map_err(failed)?;
        let kinds =
            table.columns.iter().map(|c| c.kind).chain(ranks.iter().map(|_| Kind::Category));
        Ok(Self {
            parquet,
            schema,
            columns: kinds.map(ColumnBuilder::new).collect(),
            buffered: 0,
            rows: 0,
            target: target.to_path_buf(),
            record: PhantomData,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A full row group cannot be written.
    pub fn push(&mut self, row: &R) -> Result<()> {
        row.write(&mut Sink { columns: self.columns.iter_mut() });
        self.buffered += 1;
        self.rows += 1;
        if self.buffered == ROW_GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    /// Rows added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the row group early, so that memory stays bounded where rows are long: a writer
    /// holds the rows of one group.
    ///
    /// # Errors
    /// The row group cannot be written.
    pub fn end_row_group(&mut self) -> Result<()> {
        if self.buffered > 0 {
            self.flush()?;
        }
        let failed = |e| Fault::failed(format!("writing {}", self.target.display()), e);
        self.parquet.flush().map_err(failed)
    }

    fn put_manifest(&mut self, manifest: &Manifest) -> Result<()> {
        let manifest = serde_json::to_string(manifest)
            .map_err(|e| Fault::failed(format!("writing {}", self.target.display()), e))?;
        self.parquet.append_key_value_metadata(KeyValue::new(KEY_MANIFEST.to_owned(), manifest));
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let arrays = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        self.buffered = 0;
        let failed = |target: &Path, e: Box<dyn std::error::Error + Send + Sync>| {
            Fault::failed(format!("writing {}", target.display()), e)
        };
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|e| failed(&self.target, e.into()))?;
        self.parquet.write(&batch).map_err(|e| failed(&self.target, e.into()))
    }

    /// Completes a file that was begun without a manifest and gives it its name.
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub fn finish_with(mut self, manifest: &Manifest) -> Result<()> {
        self.put_manifest(manifest)?;
        self.finish()
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// The disk is full or the rename is refused.
    pub fn finish(mut self) -> Result<()> {
        if self.buffered > 0 {
            self.flush()?;
        }
        let failed = |e| Fault::failed(format!("writing {}", self.target.display()), e);
        self.parquet.into_inner().map_err(failed)?.commit()
    }
}
