//! Rows to the encoded bytes of a row group, on any thread.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;
use readlens_fault::{Fault, Result};
use readlens_provenance::NewFile;

use crate::cell::{Cell, Cells, ColumnBuilder};
use crate::number_lists::EncodedLists;
use crate::record::Record;

/// Most rows of a row group: few enough to stream, enough to compress.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// A row group also ends with the row that brings its longest column of lists to this many
/// items, so that long windows do not pile up in memory.
pub const ROW_GROUP_ITEMS: usize = 1 << 20;
/// A row group also ends with the row that brings its longest column of texts to this many bytes:
/// Arrow counts them with 32 bits, and memory holds a group for each thread.
pub const ROW_GROUP_TEXT_BYTES: usize = 1 << 26;
/// The fastest level: higher ones take more time than they save space.
pub(crate) const ZSTD_LEVEL: i32 = 1;

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

/// The rows of one row group, column by column.
#[derive(Debug)]
pub struct RowGroup<R> {
    columns: Vec<ColumnBuilder>,
    rows: usize,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> RowGroup<R> {
    /// Adds a row.
    pub fn push(&mut self, row: &R) {
        row.write(&mut Sink { columns: self.columns.iter_mut() });
        self.rows += 1;
    }

    /// Rows added so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the group has [`ROW_GROUP_ROWS`] rows, a column of [`ROW_GROUP_ITEMS`] items or one
    /// of [`ROW_GROUP_TEXT_BYTES`].
    pub fn is_full(&self) -> bool {
        let items = self.columns.iter().map(ColumnBuilder::list_items).max().unwrap_or(0);
        let text = self.columns.iter().map(ColumnBuilder::text_bytes).max().unwrap_or(0);
        self.rows >= ROW_GROUP_ROWS || items >= ROW_GROUP_ITEMS || text >= ROW_GROUP_TEXT_BYTES
    }
}

/// A row group as the file will hold it.
pub struct EncodedRowGroup<R> {
    pub(crate) columns: Vec<EncodedColumn>,
    pub(crate) rows: u64,
    record: PhantomData<fn() -> R>,
}

impl<R> std::fmt::Debug for EncodedRowGroup<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodedRowGroup").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Makes and encodes the row groups of one table; clones belong to the same table.
///
/// What it makes depends on the rows alone, so groups can be encoded on any threads, in any
/// order, and appended in theirs.
pub struct RowGroupEncoder<R> {
    shared: Arc<Shared>,
    record: PhantomData<fn() -> R>,
}

struct Shared {
    schema: SchemaRef,
    /// Parquet's description of each column's values.
    leaves: Vec<ColumnDescPtr>,
    factory: ArrowRowGroupWriterFactory,
    target: PathBuf,
}

impl<R> Clone for RowGroupEncoder<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), record: PhantomData }
    }
}

impl<R> std::fmt::Debug for RowGroupEncoder<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowGroupEncoder").field("target", &self.shared.target).finish()
    }
}

impl<R: Record> RowGroupEncoder<R> {
    pub(crate) fn new(
        schema: SchemaRef,
        file: &SerializedFileWriter<NewFile>,
        factory: ArrowRowGroupWriterFactory,
        target: PathBuf,
    ) -> Self {
        let leaves = file.schema_descr().columns().to_vec();
        let shared = Shared { schema, leaves, factory, target };
        Self { shared: Arc::new(shared), record: PhantomData }
    }

    /// A group without rows.
    pub fn row_group(&self) -> RowGroup<R> {
        let ranks = self.shared.schema.fields().len() - R::TABLE.columns.len();
        let columns = R::TABLE.kinds(ranks).map(ColumnBuilder::new).collect();
        RowGroup { columns, rows: 0, record: PhantomData }
    }

    /// Encodes and compresses the columns, each on a thread of the pool that has time.
    ///
    /// # Errors
    /// Parquet refuses a column.
    pub fn encode(&self, group: RowGroup<R>) -> Result<EncodedRowGroup<R>> {
        let Shared { schema, leaves, factory, target } = &*self.shared;
        let failed = |e| Fault::failed(format!("writing {}", target.display()), e);
        // The number of the group matters to encrypted files only.
        let writers = factory.create_column_writers(0).map_err(failed)?;
        let shapes = schema.fields().iter().zip(leaves);
        let columns: Vec<_> = group.columns.into_iter().zip(writers).zip(shapes).collect();
        let columns = columns
            .into_par_iter()
            .map(|((builder, writer), (field, leaf))| {
                EncodedColumn::encode(builder, field, writer, leaf).map_err(failed)
            })
            .collect::<Result<_>>()?;
        Ok(EncodedRowGroup { columns, rows: group.rows as u64, record: PhantomData })
    }
}

/// A column of a row group as the file will hold it.
pub(crate) enum EncodedColumn {
    Cells(ArrowColumnChunk),
    Lists(EncodedLists),
}

impl EncodedColumn {
    fn encode(
        builder: ColumnBuilder,
        field: &Field,
        writer: ArrowColumnWriter,
        column: &ColumnDescPtr,
    ) -> parquet::errors::Result<Self> {
        let array = match builder.finish() {
            Cells::Lists(lists) => {
                let lists = lists.encode(Arc::clone(column), ZSTD_LEVEL)?;
                return Ok(Self::Lists(lists));
            }
            Cells::Array(array) => array,
        };
        let mut writer = writer;
        // Columns hold single values or lists of them: one leaf each.
        for leaf in compute_leaves(field, &array)? {
            writer.write(&leaf)?;
        }
        Ok(Self::Cells(writer.close()?))
    }

    pub(crate) fn append_to(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, NewFile>,
    ) -> parquet::errors::Result<()> {
        match self {
            Self::Cells(chunk) => chunk.append_to_row_group(row_group),
            Self::Lists(lists) => row_group.append_column(&lists.pages, lists.close),
        }
    }
}
