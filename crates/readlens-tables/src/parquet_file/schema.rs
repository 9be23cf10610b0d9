//! The columns of a file that are read, as Parquet and Arrow describe them.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use parquet::arrow::{FieldLevels, ProjectionMask};
use parquet::arrow::{parquet_to_arrow_field_levels, parquet_to_arrow_schema};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, Type, TypePtr};

use super::footer::{Element, Footer, Logical};
use super::limits::{MAX_CELL_BYTES, MAX_SCHEMA_DEPTH};
use super::unreadable::{Result, Unreadable};

/// Columns that were chosen from a file.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    /// Names and types, without a look at what the file says about Arrow's types: a table that
    /// went through another tool would bring that tool's.
    pub(crate) schema: Arc<Schema>,
    /// How the parquet crate assembles them.
    pub(crate) levels: FieldLevels,
    /// Per leaf, its place among the columns of a row group and its description.
    pub(crate) leaves: Vec<(usize, ColumnDescPtr)>,
}

/// A group whose elements are being read.
struct Open<'a> {
    element: &'a Element,
    left: usize,
    fields: Vec<TypePtr>,
}

impl Footer {
    /// Names of the columns, nested ones by their outermost group.
    pub(crate) fn names(&self) -> Result<Vec<&str>> {
        let mut names = Vec::new();
        self.walk(|_, element, depth| {
            if depth == 1 {
                names.push(element.name.as_str());
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// Visits every element but the first, with its place among the columns where it is one (the
    /// next one's otherwise) and its depth, and checks that all of them are one tree.
    fn walk<'a>(
        &'a self,
        mut visit: impl FnMut(usize, &'a Element, usize) -> Result<()>,
    ) -> Result<()> {
        let Some((root, elements)) = self.elements.split_first() else {
            return Err(Unreadable::damaged("a file without a schema"));
        };
        let mut open = vec![root.children];
        let mut columns = 0;
        for element in elements {
            while open.last() == Some(&0) {
                open.pop();
            }
            let depth = open.len();
            match open.last_mut() {
                Some(left) => *left -= 1,
                None => return Err(Unreadable::damaged("schema elements that belong to no group")),
            }
            if depth > MAX_SCHEMA_DEPTH {
                return Err(Unreadable::damaged(format!(
                    "a schema nested more than {MAX_SCHEMA_DEPTH} deep"
                )));
            }
            visit(columns, element, depth)?;
            match element.children {
                0 => columns += 1,
                children => open.push(children),
            }
        }
        match open.iter().find(|left| **left > 0) {
            Some(left) => Err(Unreadable::damaged(format!("a schema that lacks {left} elements"))),
            None => Ok(()),
        }
    }

    /// Chooses the columns that `is_wanted` by name.
    ///
    /// Texts that `is_category` by name come as dictionaries, as those of few words are stored.
    /// Where `may_be_empty` by name, a column without a single value is null whatever its type.
    pub(crate) fn select(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        is_category: impl Fn(&str) -> bool,
        may_be_empty: impl Fn(&str) -> bool,
    ) -> Result<Selected> {
        let mut roots: Vec<TypePtr> = Vec::new();
        let mut open: Vec<Open<'_>> = Vec::new();
        let mut places = Vec::new();
        let mut is_kept = false;
        self.walk(|place, element, depth| {
            if depth == 1 {
                is_kept = is_wanted(&element.name);
            }
            if !is_kept {
                return Ok(());
            }
            if element.children > 0 {
                open.push(Open { element, left: element.children, fields: Vec::new() });
                return Ok(());
            }
            places.push(place);
            let is_empty = depth == 1 && may_be_empty(&element.name) && self.is_empty(place);
            let mut done = column(element, is_empty)?;
            // A column may end the group that it is in, and that the one that it is in.
            loop {
                match open.last_mut() {
                    None => {
                        roots.push(done);
                        return Ok(());
                    }
                    Some(group) => {
                        group.fields.push(done);
                        group.left -= 1;
                        if group.left > 0 {
                            return Ok(());
                        }
                    }
                }
                match open.pop() {
                    Some(Open { element, fields, .. }) => done = group(element, fields)?,
                    None => return Ok(()),
                }
            }
        })?;
        let root = Type::group_type_builder("schema").with_fields(roots).build()?;
        let descriptor = SchemaDescriptor::new(Arc::new(root));
        let plain = parquet_to_arrow_schema(&descriptor, None)?;
        let hint = |field: &FieldRef| {
            let is_text = *field.data_type() == DataType::Utf8;
            if !is_text || !is_category(field.name()) {
                return Arc::clone(field);
            }
            let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(words))
        };
        let fields: Fields = plain.fields().iter().map(hint).collect();
        let levels =
            parquet_to_arrow_field_levels(&descriptor, ProjectionMask::all(), Some(&fields))?;
        let leaves = places.into_iter().zip(descriptor.columns().iter().cloned()).collect();
        Ok(Selected { schema: Arc::new(Schema::new(fields)), levels, leaves })
    }

    /// Whether a column has no value, as far as the file says so.
    fn is_empty(&self, place: usize) -> bool {
        let mut chunks = self.row_groups.iter().map(|group| &group.chunks[place]);
        chunks.all(|chunk| chunk.nulls == Some(chunk.values))
    }
}

/// A column, as the parquet crate describes it.
fn column(element: &Element, is_empty: bool) -> Result<TypePtr> {
    let physical = match element.physical {
        Some(0) => Physical::BOOLEAN,
        Some(1) => Physical::INT32,
        Some(2) => Physical::INT64,
        Some(3) => Physical::INT96,
        Some(4) => Physical::FLOAT,
        Some(5) => Physical::DOUBLE,
        Some(6) => Physical::BYTE_ARRAY,
        Some(7) => Physical::FIXED_LEN_BYTE_ARRAY,
        Some(other) => return Err(Unreadable::damaged(format!("a column of the type {other}"))),
        None => return Err(Unreadable::damaged("a column without a type")),
    };
    let mut builder = Type::primitive_type_builder(&element.name, physical)
        .with_repetition(repetition(element)?)
        .with_scale(element.scale.unwrap_or(-1))
        .with_precision(element.precision.unwrap_or(-1));
    if physical == Physical::FIXED_LEN_BYTE_ARRAY {
        let length = element.length.unwrap_or(-1);
        if usize::try_from(length).map_or(true, |length| length > MAX_CELL_BYTES) {
            return Err(Unreadable::damaged(format!("values of {length} bytes")));
        }
        builder = builder.with_length(length);
    }
    let logical = match is_empty {
        true => Some(LogicalType::Unknown),
        false => element.logical.and_then(logical_type),
    };
    builder = match logical {
        Some(logical) => builder.with_logical_type(Some(logical)),
        None => builder.with_converted_type(converted(element)?),
    };
    Ok(Arc::new(builder.build()?))
}

/// A group of columns; lists are groups.
fn group(element: &Element, fields: Vec<TypePtr>) -> Result<TypePtr> {
    let is_list = element.logical.is_some_and(|logical| logical.kind == 3);
    let converted = if is_list { ConvertedType::LIST } else { converted(element)? };
    let group = Type::group_type_builder(&element.name)
        .with_repetition(repetition(element)?)
        .with_converted_type(converted)
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(group))
}

fn repetition(element: &Element) -> Result<Repetition> {
    match element.repetition {
        Some(0) => Ok(Repetition::REQUIRED),
        Some(1) => Ok(Repetition::OPTIONAL),
        Some(2) => Ok(Repetition::REPEATED),
        other => Err(Unreadable::damaged(format!("a column of the repetition {other:?}"))),
    }
}

/// The meaning as later versions of the format say it; none of what no table here holds.
fn logical_type(Logical { kind, first, second }: Logical) -> Option<LogicalType> {
    let small = |number: i64| i32::try_from(number).unwrap_or(-1);
    let unit = match second {
        1 => TimeUnit::MILLIS,
        2 => TimeUnit::MICROS,
        _ => TimeUnit::NANOS,
    };
    Some(match kind {
        1 => LogicalType::String,
        4 => LogicalType::Enum,
        5 => LogicalType::decimal(small(first), small(second)),
        6 => LogicalType::Date,
        7 => LogicalType::time(first != 0, unit),
        8 => LogicalType::timestamp(first != 0, unit),
        10 => LogicalType::integer(i8::try_from(first).unwrap_or(-1), second != 0),
        11 => LogicalType::Unknown,
        12 => LogicalType::Json,
        13 => LogicalType::Bson,
        14 => LogicalType::Uuid,
        15 => LogicalType::Float16,
        _ => return None,
    })
}

/// The meaning as earlier versions say it.
fn converted(element: &Element) -> Result<ConvertedType> {
    const BY_NUMBER: [ConvertedType; 22] = [
        ConvertedType::UTF8,
        ConvertedType::MAP,
        ConvertedType::MAP_KEY_VALUE,
        ConvertedType::LIST,
        ConvertedType::ENUM,
        ConvertedType::DECIMAL,
        ConvertedType::DATE,
        ConvertedType::TIME_MILLIS,
        ConvertedType::TIME_MICROS,
        ConvertedType::TIMESTAMP_MILLIS,
        ConvertedType::TIMESTAMP_MICROS,
        ConvertedType::UINT_8,
        ConvertedType::UINT_16,
        ConvertedType::UINT_32,
        ConvertedType::UINT_64,
        ConvertedType::INT_8,
        ConvertedType::INT_16,
        ConvertedType::INT_32,
        ConvertedType::INT_64,
        ConvertedType::JSON,
        ConvertedType::BSON,
        ConvertedType::INTERVAL,
    ];
    let Some(number) = element.converted else { return Ok(ConvertedType::NONE) };
    let known = usize::try_from(number).ok().and_then(|number| BY_NUMBER.get(number));
    known.copied().ok_or_else(|| Unreadable::damaged(format!("a column of the meaning {number}")))
}
