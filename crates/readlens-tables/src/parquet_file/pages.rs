//! The pages of a column, each checked before it is unpacked and before its values are decoded.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

use super::codec::Codec;
use super::footer::Chunk;
use super::limits::MAX_PAGE_HEADER_BYTES;
use super::page_header::{DICTIONARY_PAGE, Header, INDEX_PAGE, encoding, encoding_of_levels};
use super::unreadable::{Result, Unreadable};
use super::values::{check_deltas, check_texts, for_each_run, levels_first};

/// Bytes in which most headers fit.
const USUAL_HEADER_BYTES: u64 = 1 << 10;

/// Reads the pages of one column chunk in their order.
pub(crate) struct Pages {
    file: Arc<File>,
    column: ColumnDescPtr,
    codec: Codec,
    /// Where the next page begins.
    at: u64,
    end: u64,
    /// Values that the pages to come may hold.
    values: u64,
    /// The next page's header, if it was looked at.
    next: Option<Header>,
    /// Where a reason to stop is left, as the crates between here and the reader of rows pass on no
    /// more than its text.
    reason: Reason,
}

/// The first reason why a page could not be read.
pub(crate) type Reason = Arc<OnceLock<Unreadable>>;

impl Pages {
    /// The pages of `chunk` of `file`, whose values `column` describes.
    pub(crate) fn open(
        file: Arc<File>,
        chunk: Chunk,
        column: ColumnDescPtr,
        reason: Reason,
    ) -> Result<Self> {
        let codec = Codec::numbered(chunk.codec)?;
        let Chunk { start, end, values, .. } = chunk;
        Ok(Self { file, column, codec, at: start, end, values, next: None, reason })
    }

    /// The next page's header; none behind the last page.
    fn header(&mut self) -> Result<Option<Header>> {
        while self.next.is_none() {
            if self.at >= self.end {
                return Ok(None);
            }
            let (header, length) = self.read_header()?;
            let start = self.at + length;
            if header.packed > self.end - start {
                return Err(Unreadable::damaged("a page that ends behind its column"));
            }
            if header.kind == INDEX_PAGE {
                self.at = start + header.packed;
                continue;
            }
            if header.kind != DICTIONARY_PAGE {
                let left = self.values.checked_sub(u64::from(header.values));
                let more = || Unreadable::damaged("pages with more values than their column");
                self.values = left.ok_or_else(more)?;
            }
            self.next = Some(Header { start, ..header });
        }
        Ok(self.next)
    }

    /// The header at the present place, and its length.
    fn read_header(&self) -> Result<(Header, u64)> {
        let mut most = USUAL_HEADER_BYTES;
        loop {
            let count = most.min(self.end - self.at);
            let bytes = read(&self.file, self.at, count)?;
            match Header::parse(&bytes) {
                // It may only be longer than what was read.
                Err(_) if count < self.end - self.at && most < MAX_PAGE_HEADER_BYTES => most *= 32,
                parsed => return parsed,
            }
        }
    }

    /// The next page, unpacked and checked; none behind the last one.
    fn page(&mut self) -> Result<Option<Page>> {
        let Some(header) = self.header()? else { return Ok(None) };
        self.next = None;
        self.at = header.start + header.packed;
        let packed = read(&self.file, header.start, header.packed)?;
        let buf = self.unpack(&header, packed)?;
        let num_values = header.values;
        let encoding = encoding(header.encoding)?;
        let page = match (header.kind, header.second) {
            (DICTIONARY_PAGE, _) => {
                Page::DictionaryPage { buf, num_values, encoding, is_sorted: header.is_sorted }
            }
            (_, Some(second)) => Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls: second.nulls,
                num_rows: second.rows,
                def_levels_byte_len: second.definition,
                rep_levels_byte_len: second.repetition,
                is_compressed: second.is_packed,
                statistics: None,
            },
            (_, None) => Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: encoding_of_levels(header.levels[0])?,
                rep_level_encoding: encoding_of_levels(header.levels[1])?,
                statistics: None,
            },
        };
        self.check_values(&page)?;
        Ok(Some(page))
    }

    fn unpack(&mut self, header: &Header, packed: Vec<u8>) -> Result<Bytes> {
        // Levels of the second kind of data page are not packed.
        let (levels, is_packed) = match header.second {
            Some(second) => {
                (second.definition as usize + second.repetition as usize, second.is_packed)
            }
            None => (0, true),
        };
        if levels > packed.len() || levels > header.unpacked {
            return Err(Unreadable::damaged("a page whose levels are longer than it"));
        }
        if !is_packed || matches!(self.codec, Codec::None) {
            return Ok(packed.into());
        }
        let mut unpacked = Vec::with_capacity(header.unpacked);
        unpacked.extend_from_slice(&packed[..levels]);
        self.codec.unpack(&packed[levels..], header.unpacked - levels, &mut unpacked)?;
        Ok(unpacked.into())
    }

    /// Checks that no value of the page makes its decoder take more memory than the page itself.
    fn check_values(&self, page: &Page) -> Result<()> {
        let is_text = self.column.physical_type() == Physical::BYTE_ARRAY;
        if let Page::DictionaryPage { buf, num_values, .. } = page {
            if *num_values as usize > buf.len() {
                return Err(Unreadable::damaged("a dictionary with more values than bytes"));
            }
            return if is_text { check_texts(buf) } else { Ok(()) };
        }
        let values = self.values_of(page)?;
        match page.encoding() {
            Encoding::PLAIN if is_text => check_texts(values),
            Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                check_deltas(values, page.num_values())
            }
            Encoding::PLAIN
            | Encoding::PLAIN_DICTIONARY
            | Encoding::RLE_DICTIONARY
            | Encoding::RLE
            | Encoding::BYTE_STREAM_SPLIT => Ok(()),
            // Each text repeats the begin of the one before it: a page can become any size.
            other => Err(Unreadable::Refused {
                expected: "values in an encoding that bounds their size".to_owned(),
                found: format!("{other} in the column {}", self.column.path()),
                remedy: "write the table with plain or dictionary encoding",
            }),
        }
    }

    /// The bytes of a data page's values, behind its levels.
    fn values_of<'a>(&self, page: &'a Page) -> Result<&'a [u8]> {
        let damaged = || Unreadable::damaged("a page whose levels are longer than it");
        match page {
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                buf.get(levels..).ok_or_else(damaged)
            }
            page => {
                let mut rest: &[u8] = page.buffer();
                for most in [self.column.max_rep_level(), self.column.max_def_level()] {
                    if most > 0 {
                        rest = levels_first(rest).ok_or_else(damaged)?.1;
                    }
                }
                Ok(rest)
            }
        }
    }

    /// Items of the longest row of the column: what is repeated at its outermost level.
    pub(crate) fn longest_row(&mut self) -> Result<u64> {
        let (mut longest, mut row) = (0, 0);
        while let Some(page) = self.page()? {
            let levels = match &page {
                Page::DictionaryPage { .. } => continue,
                Page::DataPageV2 { buf, rep_levels_byte_len, .. } => {
                    buf.get(..*rep_levels_byte_len as usize)
                }
                Page::DataPage { buf, .. } => levels_first(buf).map(|(levels, _)| levels),
            };
            let damaged = || Unreadable::damaged("a page whose levels are longer than it");
            let levels = levels.ok_or_else(damaged)?;
            let width = u32::BITS - (self.column.max_rep_level() as u32).leading_zeros();
            for_each_run(levels, width, page.num_values(), |level, count| {
                if level == 0 {
                    longest = longest.max(row);
                    // Each of several zeros begins a row, and all but the last are rows of one.
                    row = 1;
                } else {
                    row += u64::from(count);
                }
            })?;
        }
        Ok(longest.max(row))
    }
}

impl Pages {
    fn reported(&self, unreadable: Unreadable) -> ParquetError {
        // Only the first reason matters.
        let _ = self.reason.set(unreadable.clone());
        unreadable.into()
    }
}

impl Iterator for Pages {
    type Item = parquet::errors::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> parquet::errors::Result<Option<Page>> {
        self.page().map_err(|unreadable| self.reported(unreadable))
    }

    fn peek_next_page(&mut self) -> parquet::errors::Result<Option<PageMetadata>> {
        let header = self.header().map_err(|unreadable| self.reported(unreadable))?;
        Ok(header.map(|header| PageMetadata {
            num_rows: header.second.map(|second| second.rows as usize),
            num_levels: (header.kind != DICTIONARY_PAGE).then_some(header.values as usize),
            is_dict: header.kind == DICTIONARY_PAGE,
        }))
    }

    fn skip_next_page(&mut self) -> parquet::errors::Result<()> {
        let header = self.header().map_err(|unreadable| self.reported(unreadable))?;
        if let Some(header) = header {
            self.next = None;
            self.at = header.start + header.packed;
        }
        Ok(())
    }
}

/// `count` bytes of `file` from `start`.
fn read(file: &File, start: u64, count: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count as usize];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// The longest row is found over the bounds of pages, in either kind of page.
    #[test]
    fn the_longest_row_is_found_from_the_levels() {
        use arrow::array::{ArrayRef, ListArray, RecordBatch};
        use arrow::datatypes::UInt32Type;
        use parquet::arrow::ArrowWriter;
        use parquet::file::properties::{WriterProperties, WriterVersion};

        let lists = [Some(3), Some(0), None, Some(1), Some(70), Some(2), Some(69)];
        let lists = lists.map(|length| length.map(|length| (0..length).map(Some)));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>(lists));
        let batch = RecordBatch::try_from_iter([("tokens", lists)]).unwrap();
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_data_page_row_count_limit(2)
                .set_write_batch_size(1)
                .build();
            let file = tempfile::tempfile().unwrap();
            let copy = file.try_clone().unwrap();
            let mut writer = ArrowWriter::try_new(copy, batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let footer = super::super::footer::Footer::read(&file).unwrap();
            let selected = footer.select(|_| true, |_| false, |_| false).unwrap();
            let (place, column) = selected.leaves[0].clone();
            let chunk = footer.row_groups[0].chunks[place];
            let pages = Pages::open(Arc::new(file), chunk, column, Reason::default());
            assert_eq!(pages.unwrap().longest_row(), Ok(70), "{version:?}");
        }
    }
}
