//! Rows of the chosen columns, some at a time.

use std::fs::File;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::column::page::{PageIterator, PageReader};
use parquet::file::metadata::{FileMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, Type};

use super::footer::{Chunk, Footer, RowGroup};
use super::limits::{BATCH_ROWS, MAX_LIST_ITEMS};
use super::pages::{Pages, Reason};
use super::schema::Selected;
use super::unreadable::{Result, Unreadable};

/// Reads rows in file order, so many at a time that their items are bounded.
pub(crate) struct Batches {
    file: Arc<File>,
    footer: Arc<Footer>,
    selected: Selected,
    /// The row group to open next.
    next_group: usize,
    /// The one being read, with the rows that it has left.
    open: Option<(ParquetRecordBatchReader, u64)>,
    /// Rows to pass over, and to give then.
    skip: u64,
    left: u64,
    reason: Reason,
}

impl Batches {
    /// Rows `range` of the file, which must lie in it.
    pub(crate) fn new(
        file: Arc<File>,
        footer: Arc<Footer>,
        selected: Selected,
        range: std::ops::Range<u64>,
    ) -> Self {
        let (skip, left) = (range.start, range.end - range.start);
        Self {
            file,
            footer,
            selected,
            next_group: 0,
            open: None,
            skip,
            left,
            reason: Reason::default(),
        }
    }

    /// The next rows; none behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.read().map_err(|unreadable| self.reason.get().cloned().unwrap_or(unreadable))
    }

    fn read(&mut self) -> Result<Option<RecordBatch>> {
        while self.left > 0 {
            let Some((reader, rows)) = &mut self.open else {
                if !self.open_group()? {
                    return Err(Unreadable::damaged("fewer rows than the file says"));
                }
                continue;
            };
            if *rows == 0 {
                self.open = None;
                continue;
            }
            let batch = reader.next().transpose()?;
            let found = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            let (Some(batch), Some(rest)) = (batch, rows.checked_sub(found)) else {
                return Err(Unreadable::damaged("a row group with other rows than it says"));
            };
            if found == 0 {
                return Err(Unreadable::damaged("a row group with fewer rows than it says"));
            }
            *rows = rest;
            let passed = self.skip.min(found);
            self.skip -= passed;
            let given = (found - passed).min(self.left);
            self.left -= given;
            if given > 0 {
                return Ok(Some(batch.slice(passed as usize, given as usize)));
            }
        }
        Ok(None)
    }

    /// Opens the next row group that has a row to give, if there is one.
    fn open_group(&mut self) -> Result<bool> {
        while let Some(group) = self.footer.row_groups.get(self.next_group) {
            self.next_group += 1;
            if group.rows <= self.skip {
                self.skip -= group.rows;
                continue;
            }
            let rows = self.batch_rows(group)?;
            let chunks = self.selected.leaves.iter();
            let chunks =
                chunks.map(|(place, column)| (group.chunks[*place], Arc::clone(column))).collect();
            let source = Source {
                file: Arc::clone(&self.file),
                rows: group.rows,
                chunks,
                nothing: nothing(),
                reason: Arc::clone(&self.reason),
            };
            let levels = &self.selected.levels;
            let reader =
                ParquetRecordBatchReader::try_new_with_row_groups(levels, &source, rows, None)?;
            self.open = Some((reader, group.rows));
            return Ok(true);
        }
        Ok(false)
    }

    /// How many rows of a group may be decoded together: as many as have [`MAX_LIST_ITEMS`] items
    /// even if all are as long as the longest.
    fn batch_rows(&self, group: &RowGroup) -> Result<usize> {
        let mut rows = BATCH_ROWS as u64;
        for (place, column) in &self.selected.leaves {
            let chunk = group.chunks[*place];
            // Only such lists are long enough to look where their rows end.
            if column.max_rep_level() == 0 || chunk.values <= MAX_LIST_ITEMS {
                continue;
            }
            let (file, reason) = (Arc::clone(&self.file), Arc::clone(&self.reason));
            let longest = Pages::open(file, chunk, Arc::clone(column), reason)?.longest_row()?;
            if longest > MAX_LIST_ITEMS {
                let what = format!("items in a list of the column {}", column.path().parts()[0]);
                return Err(Unreadable::too_many(&what, MAX_LIST_ITEMS, longest));
            }
            rows = rows.min(MAX_LIST_ITEMS / longest.max(1));
        }
        Ok(rows.max(1) as usize)
    }
}

/// One row group, as the parquet crate asks for it.
struct Source {
    file: Arc<File>,
    rows: u64,
    /// The chunk of each leaf, and what it holds.
    chunks: Vec<(Chunk, ColumnDescPtr)>,
    nothing: ParquetMetaData,
    reason: Reason,
}

impl RowGroups for Source {
    fn num_rows(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX)
    }

    fn column_chunks(&self, i: usize) -> parquet::errors::Result<Box<dyn PageIterator>> {
        let (chunk, column) = &self.chunks[i];
        let (file, reason) = (Arc::clone(&self.file), Arc::clone(&self.reason));
        let pages = Pages::open(file, *chunk, Arc::clone(column), reason)?;
        Ok(Box::new(OneChunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::empty())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.nothing
    }
}

/// A footer without content: the crate asks for one and uses it for columns that are in no file.
fn nothing() -> ParquetMetaData {
    let root = Type::group_type_builder("schema").build();
    let root = root.expect("a group without columns is valid");
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    ParquetMetaData::new(FileMetaData::new(0, 0, None, None, schema, None), Vec::new())
}

/// The pages of a row group's chunk.
struct OneChunk(Option<Pages>);

impl Iterator for OneChunk {
    type Item = parquet::errors::Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for OneChunk {}
