//! What the end of a Parquet file says about it, read and checked before anything else is.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::limits::{
    MAX_COLUMN_CHUNKS, MAX_COLUMN_NAME_BYTES, MAX_FOOTER_BYTES, MAX_PAIRS, MAX_SCHEMA_ELEMENTS,
};
use super::thrift::{Compact, Wire};
use super::unreadable::{Result, Unreadable};

const MAGIC: &[u8; 4] = b"PAR1";
const MAGIC_OF_ENCRYPTED: &[u8; 4] = b"PARE";
/// Length of the footer and the magic number behind it.
const TAIL_BYTES: u64 = 8;

/// A file's footer.
#[derive(Debug)]
pub(crate) struct Footer {
    /// The schema, each group before what it holds; the first one is the whole.
    pub(crate) elements: Vec<Element>,
    pub(crate) row_groups: Vec<RowGroup>,
    /// Key-value pairs with a value.
    pub(crate) pairs: Vec<(String, String)>,
    /// Rows of the file.
    pub(crate) rows: u64,
    /// Where the footer begins, and so where all pages have ended.
    start: u64,
}

/// One element of a schema, as the file numbers what it is.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Elements that it holds; none makes it a column.
    pub(crate) children: usize,
    pub(crate) physical: Option<i32>,
    pub(crate) length: Option<i32>,
    pub(crate) repetition: Option<i32>,
    pub(crate) converted: Option<i32>,
    pub(crate) scale: Option<i32>,
    pub(crate) precision: Option<i32>,
    pub(crate) logical: Option<Logical>,
}

/// What a column means, beside how it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logical {
    /// The kind's number.
    pub(crate) kind: i64,
    /// The first whole number or truth value of its description.
    pub(crate) first: i64,
    /// The second one.
    pub(crate) second: i64,
}

/// Some rows of a file.
#[derive(Debug)]
pub(crate) struct RowGroup {
    pub(crate) rows: u64,
    /// One per column, in the schema's order.
    pub(crate) chunks: Vec<Chunk>,
}

/// The pages of one column in one row group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunk {
    /// How the values are stored.
    pub(crate) physical: i32,
    pub(crate) codec: i32,
    /// Values, nulls and empty lists.
    pub(crate) values: u64,
    /// How many of them are null, where the file says it.
    pub(crate) nulls: Option<u64>,
    /// Bytes of the file that hold the pages; half-open.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Footer {
    /// Reads and checks the footer of `file`.
    pub(crate) fn read(file: &File) -> Result<Self> {
        let mut file = file;
        let length = file.seek(SeekFrom::End(0))?;
        if length < MAGIC.len() as u64 + TAIL_BYTES {
            return Err(Unreadable::damaged(format!("a file of {length} bytes")));
        }
        let mut tail = [0; TAIL_BYTES as usize];
        file.seek(SeekFrom::Start(length - TAIL_BYTES))?;
        file.read_exact(&mut tail)?;
        let [a, b, c, d, magic @ ..] = tail;
        if &magic == MAGIC_OF_ENCRYPTED {
            return Err(Unreadable::Refused {
                expected: "a file that is not encrypted".to_owned(),
                found: "an encrypted one".to_owned(),
                remedy: "write the table again without encryption",
            });
        }
        if &magic != MAGIC {
            return Err(Unreadable::damaged("no Parquet mark at its end"));
        }
        let bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
        let Some(start) = (length - TAIL_BYTES).checked_sub(bytes) else {
            return Err(Unreadable::damaged(format!(
                "a footer of {bytes} bytes in a file of {length}"
            )));
        };
        if bytes > MAX_FOOTER_BYTES {
            return Err(Unreadable::too_many("bytes of footer", MAX_FOOTER_BYTES, bytes));
        }
        let mut footer = vec![0; bytes as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut footer)?;
        Self::parse(&footer, start)
    }

    fn parse(bytes: &[u8], start: u64) -> Result<Self> {
        let mut footer = Self {
            elements: Vec::new(),
            row_groups: Vec::new(),
            pairs: Vec::new(),
            rows: 0,
            start,
        };
        let mut chunks = 0;
        let mut rows = None;
        Compact::new(bytes).fields(|c, id, wire| {
            match id {
                2 => footer.elements = elements(c, wire)?,
                3 => rows = Some(count(c.integer(wire)?, "rows")?),
                4 => {
                    let (item, groups) = c.list(wire)?;
                    // The list may be longer than it says: nothing is reserved for it.
                    for _ in 0..groups {
                        let group = RowGroup::parse(c, item, MAX_COLUMN_CHUNKS - chunks)?;
                        // A group without columns counts too, so that it cannot be repeated.
                        chunks += group.chunks.len().max(1);
                        footer.row_groups.push(group);
                        if chunks > MAX_COLUMN_CHUNKS {
                            return Err(too_many_chunks());
                        }
                    }
                }
                5 => footer.pairs = pairs(c, wire)?,
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        footer.rows = rows.ok_or_else(|| Unreadable::damaged("a footer without rows"))?;
        footer.check_rows()?;
        footer.check_chunks()?;
        Ok(footer)
    }

    fn check_rows(&self) -> Result<()> {
        let sum = self.row_groups.iter().try_fold(0_u64, |sum, group| sum.checked_add(group.rows));
        if sum == Some(self.rows) {
            return Ok(());
        }
        Err(Unreadable::damaged(format!("{} rows that are not those of its row groups", self.rows)))
    }

    /// Every row group has the schema's columns, whose pages lie in the file.
    fn check_chunks(&self) -> Result<()> {
        let is_column = |element: &&Element| element.children == 0;
        let columns: Vec<&Element> = self.elements.iter().skip(1).filter(is_column).collect();
        for (place, group) in self.row_groups.iter().enumerate() {
            if group.chunks.len() != columns.len() {
                return Err(Unreadable::damaged(format!(
                    "{} columns in row group {place}, not {}",
                    group.chunks.len(),
                    columns.len()
                )));
            }
            for (chunk, column) in group.chunks.iter().zip(&columns) {
                let is_in_file = MAGIC.len() as u64 <= chunk.start
                    && chunk.start <= chunk.end
                    && chunk.end <= self.start;
                let is_right = is_in_file
                    && column.physical == Some(chunk.physical)
                    && chunk.values >= group.rows;
                if !is_right {
                    return Err(Unreadable::damaged(format!(
                        "no pages of column {} in row group {place}",
                        column.name
                    )));
                }
            }
        }
        Ok(())
    }
}

impl RowGroup {
    fn parse(c: &mut Compact<'_>, wire: Wire, most: usize) -> Result<Self> {
        let mut group = Self { rows: 0, chunks: Vec::new() };
        structure(c, wire, |c, id, wire| {
            match id {
                1 => {
                    let (item, count) = c.list(wire)?;
                    if count > most {
                        return Err(too_many_chunks());
                    }
                    group.chunks =
                        (0..count).map(|_| Chunk::parse(c, item)).collect::<Result<_>>()?;
                }
                3 => group.rows = count(c.integer(wire)?, "rows of a row group")?,
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        Ok(group)
    }
}

fn too_many_chunks() -> Unreadable {
    Unreadable::too_many(
        "row groups times columns",
        MAX_COLUMN_CHUNKS,
        format!("more than {MAX_COLUMN_CHUNKS}"),
    )
}

impl Chunk {
    fn parse(c: &mut Compact<'_>, wire: Wire) -> Result<Self> {
        let mut chunk = None;
        structure(c, wire, |c, id, wire| {
            match id {
                1 => return Err(Unreadable::damaged("a column that lies in another file")),
                3 => chunk = Some(Self::parse_metadata(c, wire)?),
                8 | 9 => return Err(Unreadable::damaged("an encrypted column")),
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        chunk.ok_or_else(|| Unreadable::damaged("a column without a description"))
    }

    fn parse_metadata(c: &mut Compact<'_>, wire: Wire) -> Result<Self> {
        let mut chunk = Self { physical: -1, codec: -1, ..Self::default() };
        let (mut bytes, mut data, mut dictionary) = (None, None, None);
        structure(c, wire, |c, id, wire| {
            match id {
                1 => chunk.physical = c.small(wire)?,
                4 => chunk.codec = c.small(wire)?,
                5 => chunk.values = count(c.integer(wire)?, "values of a column")?,
                7 => bytes = Some(count(c.integer(wire)?, "bytes of a column")?),
                9 => data = Some(count(c.integer(wire)?, "as the place of a column")?),
                11 => dictionary = Some(count(c.integer(wire)?, "as the place of a dictionary")?),
                12 => structure(c, wire, |c, id, wire| {
                    match id {
                        3 => chunk.nulls = Some(count(c.integer(wire)?, "nulls")?),
                        _ => c.skip(wire)?,
                    }
                    Ok(())
                })?,
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        let (Some(bytes), Some(data)) = (bytes, data) else {
            return Err(Unreadable::damaged("a column without a place"));
        };
        // Some writers say 0 where there is no dictionary.
        let first = dictionary.filter(|place| *place > 0).map_or(data, |place| place.min(data));
        chunk.start = first;
        let end = first.checked_add(bytes);
        chunk.end = end.ok_or_else(|| Unreadable::damaged("a column behind the end"))?;
        Ok(chunk)
    }
}

/// Reads a value that must be a struct.
fn structure<'a>(
    c: &mut Compact<'a>,
    wire: Wire,
    each: impl FnMut(&mut Compact<'a>, i64, Wire) -> Result<()>,
) -> Result<()> {
    match wire {
        Wire::Struct => c.fields(each),
        other => Err(Unreadable::damaged(format!("{other:?} where a description belongs"))),
    }
}

/// A number that cannot be negative.
fn count(number: i64, what: &str) -> Result<u64> {
    u64::try_from(number).map_err(|_| Unreadable::damaged(format!("{number} {what}")))
}

fn pairs(c: &mut Compact<'_>, wire: Wire) -> Result<Vec<(String, String)>> {
    let (item, count) = c.list(wire)?;
    if count > MAX_PAIRS {
        return Err(Unreadable::too_many("key-value pairs", MAX_PAIRS, count));
    }
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut key, mut value) = (None, None);
        structure(c, item, |c, id, wire| {
            match id {
                1 => key = Some(c.text(wire)?),
                2 => value = Some(c.text(wire)?),
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        if let (Some(key), Some(value)) = (key, value) {
            pairs.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(pairs)
}

fn elements(c: &mut Compact<'_>, wire: Wire) -> Result<Vec<Element>> {
    let (item, count) = c.list(wire)?;
    if count > MAX_SCHEMA_ELEMENTS {
        return Err(Unreadable::too_many("elements of a schema", MAX_SCHEMA_ELEMENTS, count));
    }
    (0..count).map(|_| Element::parse(c, item)).collect()
}

impl Element {
    fn parse(c: &mut Compact<'_>, wire: Wire) -> Result<Self> {
        let mut element = Self::default();
        structure(c, wire, |c, id, wire| {
            match id {
                1 => element.physical = Some(c.small(wire)?),
                2 => element.length = Some(c.small(wire)?),
                3 => element.repetition = Some(c.small(wire)?),
                4 => {
                    let name = c.text(wire)?;
                    if name.len() > MAX_COLUMN_NAME_BYTES {
                        let (most, found) = (MAX_COLUMN_NAME_BYTES, name.len());
                        return Err(Unreadable::too_many("bytes of column name", most, found));
                    }
                    name.clone_into(&mut element.name);
                }
                5 => element.children = count(c.integer(wire)?, "children")? as usize,
                6 => element.converted = Some(c.small(wire)?),
                7 => element.scale = Some(c.small(wire)?),
                8 => element.precision = Some(c.small(wire)?),
                10 => element.logical = Some(Logical::parse(c, wire)?),
                _ => c.skip(wire)?,
            }
            Ok(())
        })?;
        Ok(element)
    }
}

impl Logical {
    /// A union: one field, whose number is the kind, with its description.
    fn parse(c: &mut Compact<'_>, wire: Wire) -> Result<Self> {
        let mut logical = Self::default();
        structure(c, wire, |c, kind, wire| {
            logical.kind = kind;
            structure(c, wire, |c, id, wire| {
                let value = match wire {
                    Wire::Flag(flag) => i64::from(flag),
                    Wire::Byte | Wire::Integer => c.integer(wire)?,
                    // A union again: the number of its field is all there is.
                    Wire::Struct => {
                        let mut which = 0;
                        c.fields(|c, id, wire| {
                            which = id;
                            c.skip(wire)
                        })?;
                        which
                    }
                    other => {
                        c.skip(other)?;
                        0
                    }
                };
                match id {
                    1 => logical.first = value,
                    2 => logical.second = value,
                    _ => {}
                }
                Ok(())
            })
        })?;
        Ok(logical)
    }
}
