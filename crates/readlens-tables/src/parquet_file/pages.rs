//! The pages of a column, each checked before it is unpacked and before its values are decoded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

use super::footer::Chunk;
use super::limits::{MAX_CELL_BYTES, MAX_PAGE_BYTES, MAX_PAGE_HEADER_BYTES};
use super::thrift::{Compact, Wire};
use super::unreadable::{Result, Unreadable};

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

/// How pages are packed.
enum Codec {
    None,
    Snappy,
    Zstd(zstd::bulk::Decompressor<'static>),
}

impl Codec {
    fn numbered(number: i32) -> Result<Self> {
        let name = match number {
            0 => return Ok(Self::None),
            1 => return Ok(Self::Snappy),
            6 => return Ok(Self::Zstd(zstd::bulk::Decompressor::new()?)),
            2 => "GZIP",
            3 => "LZO",
            4 => "BROTLI",
            5 => "LZ4",
            7 => "LZ4_RAW",
            _ => return Err(Unreadable::damaged(format!("a compression numbered {number}"))),
        };
        Err(Unreadable::Refused {
            expected: "pages compressed with zstd or snappy, or not at all".to_owned(),
            found: name.to_owned(),
            remedy: "write the table with zstd",
        })
    }

    /// Unpacks `packed`, which must become `size` bytes, behind the bytes that are in `out`.
    fn unpack(&mut self, packed: &[u8], size: usize, out: &mut Vec<u8>) -> Result<()> {
        let before = out.len();
        match self {
            Self::None => out.extend_from_slice(packed),
            // A page without values may have been left empty.
            _ if size == 0 => {}
            Self::Snappy => {
                let found = snap::raw::decompress_len(packed).map_err(Unreadable::damaged)?;
                if found == size {
                    out.resize(before + size, 0);
                    let unpacked = snap::raw::Decoder::new().decompress(packed, &mut out[before..]);
                    unpacked.map_err(Unreadable::damaged)?;
                }
            }
            Self::Zstd(zstd) => {
                out.resize(before + size, 0);
                let written = zstd.decompress_to_buffer(packed, &mut out[before..])?;
                out.truncate(before + written);
            }
        }
        if out.len() - before == size {
            return Ok(());
        }
        Err(Unreadable::damaged(format!(
            "a page that does not unpack to the {size} bytes that it says"
        )))
    }
}

/// What a page says about itself.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    kind: i32,
    /// Bytes unpacked and packed.
    unpacked: usize,
    packed: u64,
    values: u32,
    encoding: i32,
    /// How levels are stored in the first kind of data page.
    levels: [i32; 2],
    /// Of the second kind of data page.
    second: Option<Second>,
    is_sorted: bool,
    /// Where the page's bytes begin.
    start: u64,
}

/// What only the second kind of data page says.
#[derive(Clone, Copy, Debug)]
struct Second {
    nulls: u32,
    rows: u32,
    /// Bytes of definition and repetition levels.
    definition: u32,
    repetition: u32,
    is_packed: bool,
}

const DATA_PAGE: i32 = 0;
const INDEX_PAGE: i32 = 1;
const DICTIONARY_PAGE: i32 = 2;
const SECOND_DATA_PAGE: i32 = 3;

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
fn read(mut file: &File, start: u64, count: u64) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; count as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<(Self, u64)> {
        let mut c = Compact::new(bytes);
        let mut header = Self { kind: -1, encoding: -1, ..Self::default() };
        let mut has_details = false;
        c.fields(|c, id, wire| {
            match (id, wire) {
                (1, _) => header.kind = c.small(wire)?,
                (2, _) => header.unpacked = count(c.small(wire)?)? as usize,
                (3, _) => header.packed = u64::from(count(c.small(wire)?)?),
                (5, Wire::Struct) if header.kind == DATA_PAGE => {
                    has_details = true;
                    header.parse_data_page(c)?;
                }
                (7, Wire::Struct) if header.kind == DICTIONARY_PAGE => {
                    has_details = true;
                    header.parse_dictionary_page(c)?;
                }
                (8, Wire::Struct) if header.kind == SECOND_DATA_PAGE => {
                    has_details = true;
                    header.parse_second_data_page(c)?;
                }
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        if !has_details && header.kind != INDEX_PAGE {
            return Err(Unreadable::damaged(format!("a page of the kind {}", header.kind)));
        }
        if header.unpacked > MAX_PAGE_BYTES {
            return Err(Unreadable::too_many("bytes of page", MAX_PAGE_BYTES, header.unpacked));
        }
        Ok((header, (bytes.len() - c.left()) as u64))
    }

    fn parse_data_page(&mut self, c: &mut Compact<'_>) -> Result<()> {
        c.fields(|c, id, wire| {
            match id {
                1 => self.values = count(c.small(wire)?)?,
                2 => self.encoding = c.small(wire)?,
                3 => self.levels[0] = c.small(wire)?,
                4 => self.levels[1] = c.small(wire)?,
                _ => c.skip(wire)?,
            }
            Ok(())
        })
    }

    fn parse_dictionary_page(&mut self, c: &mut Compact<'_>) -> Result<()> {
        c.fields(|c, id, wire| {
            match id {
                1 => self.values = count(c.small(wire)?)?,
                2 => self.encoding = c.small(wire)?,
                3 => self.is_sorted = c.flag(wire)?,
                _ => c.skip(wire)?,
            }
            Ok(())
        })
    }

    fn parse_second_data_page(&mut self, c: &mut Compact<'_>) -> Result<()> {
        let mut second =
            Second { nulls: 0, rows: 0, definition: 0, repetition: 0, is_packed: true };
        c.fields(|c, id, wire| {
            match id {
                1 => self.values = count(c.small(wire)?)?,
                2 => second.nulls = count(c.small(wire)?)?,
                3 => second.rows = count(c.small(wire)?)?,
                4 => self.encoding = c.small(wire)?,
                5 => second.definition = count(c.small(wire)?)?,
                6 => second.repetition = count(c.small(wire)?)?,
                7 => second.is_packed = c.flag(wire)?,
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        self.second = Some(second);
        Ok(())
    }
}

fn count(number: i32) -> Result<u32> {
    u32::try_from(number).map_err(|_| Unreadable::damaged(format!("a page with {number} of it")))
}

fn encoding(number: i32) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => return Err(Unreadable::damaged(format!("an encoding numbered {other}"))),
    })
}

/// Levels are runs and bits; the older form, bits alone, has long been out of use.
fn encoding_of_levels(number: i32) -> Result<Encoding> {
    match encoding(number)? {
        Encoding::RLE => Ok(Encoding::RLE),
        // Without levels there is nothing to encode, and some writers say so in this way.
        Encoding::PLAIN => Ok(Encoding::RLE),
        other => Err(Unreadable::damaged(format!("levels in the encoding {other}"))),
    }
}

/// Levels behind their length in bytes, and what follows them.
fn levels_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Refuses texts, each behind its length, of which one is longer than a cell may be.
fn check_texts(mut bytes: &[u8]) -> Result<()> {
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_CELL_BYTES {
            return Err(Unreadable::too_many("bytes of text in a cell", MAX_CELL_BYTES, length));
        }
        bytes = rest.get(length..).ok_or_else(|| Unreadable::damaged("a text that ends early"))?;
    }
    Ok(())
}

/// Refuses differences, behind their block size, blocks and number, that are more than the page's.
fn check_deltas(bytes: &[u8], values: u32) -> Result<()> {
    const MOST_IN_BLOCK: u64 = 1 << 16;
    let mut rest = bytes;
    let mut number = || -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, behind) = rest.split_first()?;
            rest = behind;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    };
    match (number(), number(), number()) {
        (Some(block), Some(parts), Some(count))
            if block <= MOST_IN_BLOCK && parts <= block && count <= u64::from(values) =>
        {
            Ok(())
        }
        _ => Err(Unreadable::damaged("differences that are more than the values of their page")),
    }
}

/// Calls `each` with the levels and how often each comes, for `values` levels of `width` bits in
/// Parquet's hybrid of runs and bits.
fn for_each_run(
    bytes: &[u8],
    width: u32,
    values: u32,
    mut each: impl FnMut(u64, u32),
) -> Result<()> {
    let damaged = || Unreadable::damaged("levels that end early");
    let (mut rest, mut left) = (bytes, values);
    while left > 0 {
        let mut header = 0_u64;
        let mut shift = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or_else(damaged)?;
            rest = behind;
            if shift > 28 {
                return Err(damaged());
            }
            header |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let count = header >> 1;
        if header & 1 == 0 {
            let (level, behind) =
                rest.split_at_checked(width.div_ceil(8) as usize).ok_or_else(damaged)?;
            rest = behind;
            let level = level.iter().rev().fold(0, |level, byte| level << 8 | u64::from(*byte));
            let count = count.min(u64::from(left)) as u32;
            if count == 0 {
                return Err(damaged());
            }
            each(level, count);
            left -= count;
        } else {
            // Groups of eight; the last one may be filled up.
            let bytes = usize::try_from(count).ok().and_then(|n| n.checked_mul(width as usize));
            let (bits, behind) =
                bytes.and_then(|bytes| rest.split_at_checked(bytes)).ok_or_else(damaged)?;
            rest = behind;
            if bits.is_empty() {
                return Err(damaged());
            }
            let bit = |at: usize| u64::from(bits[at / 8] >> (at % 8) & 1);
            let levels = (bits.len() * 8 / width as usize).min(left as usize);
            for place in 0..levels {
                let first = place * width as usize;
                let level = (0..width as usize).fold(0, |level, i| level | bit(first + i) << i);
                each(level, 1);
            }
            left -= levels as u32;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn levels(bytes: &[u8], width: u32, values: u32) -> Result<Vec<u64>> {
        let mut levels = Vec::new();
        for_each_run(bytes, width, values, |level, count| {
            levels.extend(std::iter::repeat_n(level, count as usize));
        })?;
        Ok(levels)
    }

    #[test]
    fn levels_are_runs_and_bits() {
        // A run of five ones, then a group of eight bits of which three count.
        let mixed = [10, 1, 3, 0b0000_0101];
        assert_eq!(levels(&mixed, 1, 8).unwrap(), [1, 1, 1, 1, 1, 1, 0, 1]);
        // The format's own example: the numbers 0 to 7 in three bits each.
        let packed = [3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(levels(&packed, 3, 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        // A run of 300 million is one call.
        let mut calls = 0;
        let long = [0x80, 0x8c, 0x8d, 0x9e, 0x02, 1];
        for_each_run(&long, 1, 300_000_000, |_, count| calls += count).unwrap();
        assert_eq!(calls, 300_000_000);
    }

    #[test]
    fn levels_that_lack_bytes_are_damaged() {
        for bytes in [&[][..], &[10], &[3], &[0, 1], &[1], &[0xff; 8], &[0xff, 0xff, 0xff, 0x0f]] {
            assert!(levels(bytes, 1, 8).is_err(), "{bytes:?}");
        }
    }

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

    #[test]
    fn texts_and_differences_are_bounded() {
        let text = |length: u32| length.to_le_bytes().to_vec();
        assert!(check_texts(&[text(1), vec![b'a'], text(0)].concat()).is_ok());
        assert!(check_texts(&text(1)).is_err());
        assert!(check_texts(&[text(1 << 17), vec![b'a'; 1 << 17]].concat()).is_err());
        // Blocks of 128 in 4 parts, 3 values; then as many as memory has no place for.
        assert!(check_deltas(&[0x80, 0x01, 4, 3, 0], 3).is_ok());
        assert!(check_deltas(&[0x80, 0x01, 4, 4, 0], 3).is_err());
        assert!(check_deltas(&[0x80, 0x01, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], 3).is_err());
        assert!(check_deltas(&[0x80, 0x80, 0x80, 0x01, 4, 3], 3).is_err());
    }
}
