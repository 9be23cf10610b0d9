//! Lists of numbers as Parquet pages, made here because they are most of the bytes of a table.
//!
//! Parquet's own writer gathers every number through an index and looks it up in a dictionary.
//! These lists are never null and hold no null, so a page can be written straight from the
//! numbers: their bytes split into four streams (all first bytes, all second ones, …), which
//! zstd packs closer than the indices of a dictionary, and levels as the runs that they are.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::parquet_file::limits::MAX_LIST_ITEMS;

/// A page ends with the row that brings it to this many entries: 1 MiB of numbers.
const PAGE_ENTRIES: usize = 1 << 18;
/// Width of a number, in bytes.
const WIDTH: usize = size_of::<u32>();

/// A column of lists of 32-bit numbers, the numbers as their bits.
#[derive(Debug, Default)]
pub(crate) struct NumberLists {
    lengths: Vec<usize>,
    numbers: Vec<u32>,
}

/// The pages of a column of one row group.
pub(crate) struct EncodedLists {
    pub(crate) pages: Bytes,
    pub(crate) close: ColumnCloseResult,
}

impl NumberLists {
    pub(crate) fn push(&mut self, numbers: impl ExactSizeIterator<Item = u32>) {
        self.lengths.push(numbers.len());
        self.numbers.extend(numbers);
    }

    /// Numbers of all lists.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The column chunk, compressed with zstd at `level`.
    ///
    /// # Errors
    /// A list is longer than a table may hold, or `column` is not of such lists.
    pub(crate) fn encode(self, column: ColumnDescPtr, level: i32) -> Result<EncodedLists> {
        if (column.max_rep_level(), column.max_def_level()) != (1, 1) {
            return Err(ParquetError::General(format!("{} may hold null", column.name())));
        }
        // A longer list would be refused where the table is read.
        if let Some(longest) = self.lengths.iter().find(|length| **length as u64 > MAX_LIST_ITEMS) {
            return Err(ParquetError::General(format!(
                "a list of {longest} items in the column {}: a table holds at most {MAX_LIST_ITEMS}; \
                 use smaller windows",
                column.path().parts()[0]
            )));
        }
        let rows = self.lengths.len() as u64;
        let mut zstd = zstd::bulk::Compressor::new(level)?;
        let mut chunk = Chunk::default();
        let mut file = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut file);
        let (mut lengths, mut numbers) = (self.lengths.as_slice(), self.numbers.as_slice());
        while !lengths.is_empty() {
            let page = RawPage::next(&mut lengths, &mut numbers);
            let uncompressed = page.bytes.len();
            let page = Page::DataPage {
                buf: zstd.compress(&page.bytes)?.into(),
                num_values: page.entries as u32,
                encoding: Encoding::BYTE_STREAM_SPLIT,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let written = pages.write_page(CompressedPage::new(page, uncompressed))?;
            chunk.entries += i64::from(written.num_values);
            chunk.uncompressed += written.uncompressed_size as i64;
            chunk.compressed += written.compressed_size as i64;
        }
        let pages: Bytes = file.into_inner()?.into();
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::try_new(level)?))
            .set_encodings(vec![Encoding::RLE, Encoding::BYTE_STREAM_SPLIT])
            .set_num_values(chunk.entries)
            .set_total_uncompressed_size(chunk.uncompressed)
            .set_total_compressed_size(chunk.compressed)
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: pages.len() as u64,
            rows_written: rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(EncodedLists { pages, close })
    }
}

/// Sums over the pages of a chunk; sizes with headers.
#[derive(Default)]
struct Chunk {
    entries: i64,
    uncompressed: i64,
    compressed: i64,
}

/// An uncompressed page: repetition levels, definition levels, four byte streams.
struct RawPage {
    bytes: Vec<u8>,
    /// Numbers and empty lists.
    entries: usize,
}

impl RawPage {
    /// Takes the rows of the next page, at least one.
    fn next(lengths: &mut &[usize], numbers: &mut &[u32]) -> Self {
        // An entry repeats (1) the row of the one before it, or begins a row (0); it is a number
        // (1) or says that the list has none (0).
        let (mut repetition, mut definition) = (Runs::default(), Runs::default());
        let (mut entries, mut count, mut rows) = (0, 0, 0);
        for &length in *lengths {
            repetition.push(0, 1);
            repetition.push(1, length.saturating_sub(1));
            definition.push(u8::from(length > 0), length.max(1));
            entries += length.max(1);
            count += length;
            rows += 1;
            if entries >= PAGE_ENTRIES {
                break;
            }
        }
        let (of_page, rest) = numbers.split_at(count);
        *numbers = rest;
        *lengths = &lengths[rows..];
        let (repetition, definition) = (repetition.finish(), definition.finish());
        let mut bytes =
            Vec::with_capacity(repetition.len() + definition.len() + of_page.len() * WIDTH);
        bytes.extend(repetition);
        bytes.extend(definition);
        split_into(&mut bytes, of_page);
        Self { bytes, entries }
    }
}

/// Appends the lowest bytes of all numbers, then the second lowest ones, and so on.
fn split_into(bytes: &mut Vec<u8>, numbers: &[u32]) {
    let used = numbers.iter().fold(0, |used, number| used | number);
    for place in 0..WIDTH {
        let shift = 8 * place;
        if used >> shift == 0 {
            // Small vocabularies use one byte or two: the rest is filled, not computed.
            bytes.resize(bytes.len() + numbers.len(), 0);
        } else {
            bytes.extend(numbers.iter().map(|number| (number >> shift) as u8));
        }
    }
}

/// Levels of 0 or 1 in Parquet's hybrid of runs and bits, as runs only, behind their length in
/// bytes.
///
/// A run is its length times two as a LEB128 number, then the level.
#[derive(Default)]
struct Runs {
    bytes: Vec<u8>,
    level: u8,
    length: usize,
}

impl Runs {
    fn push(&mut self, level: u8, length: usize) {
        if length > 0 && level != self.level {
            self.end_run();
            self.level = level;
        }
        self.length += length;
    }

    fn end_run(&mut self) {
        let mut header = std::mem::take(&mut self.length) << 1;
        if header == 0 {
            return;
        }
        while header >= 0x80 {
            self.bytes.push(header as u8 | 0x80);
            header >>= 7;
        }
        self.bytes.extend([header as u8, self.level]);
    }

    fn finish(mut self) -> Vec<u8> {
        self.end_run();
        let mut levels = (self.bytes.len() as u32).to_le_bytes().to_vec();
        levels.append(&mut self.bytes);
        levels
    }
}
