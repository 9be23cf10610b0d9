//! What a page says about itself.

use parquet::basic::Encoding;

use super::limits::MAX_PAGE_BYTES;
use super::thrift::{Compact, Wire};
use super::unreadable::{Result, Unreadable};

/// What a page says about itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    pub(super) kind: i32,
    /// Bytes unpacked and packed.
    pub(super) unpacked: usize,
    pub(super) packed: u64,
    pub(super) values: u32,
    pub(super) encoding: i32,
    /// How levels are stored in the first kind of data page.
    pub(super) levels: [i32; 2],
    /// Of the second kind of data page.
    pub(super) second: Option<Second>,
    pub(super) is_sorted: bool,
    /// Where the page's bytes begin.
    pub(super) start: u64,
}

/// What only the second kind of data page says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Second {
    pub(super) nulls: u32,
    pub(super) rows: u32,
    /// Bytes of definition and repetition levels.
    pub(super) definition: u32,
    pub(super) repetition: u32,
    pub(super) is_packed: bool,
}

pub(super) const DATA_PAGE: i32 = 0;
pub(super) const INDEX_PAGE: i32 = 1;
pub(super) const DICTIONARY_PAGE: i32 = 2;
pub(super) const SECOND_DATA_PAGE: i32 = 3;

impl Header {
    /// The header that `bytes` begin with, and its length.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, u64)> {
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

/// The encoding with this number.
pub(super) fn encoding(number: i32) -> Result<Encoding> {
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
pub(super) fn encoding_of_levels(number: i32) -> Result<Encoding> {
    match encoding(number)? {
        Encoding::RLE => Ok(Encoding::RLE),
        // Without levels there is nothing to encode, and some writers say so in this way.
        Encoding::PLAIN => Ok(Encoding::RLE),
        other => Err(Unreadable::damaged(format!("levels in the encoding {other}"))),
    }
}
