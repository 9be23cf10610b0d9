//! Whether a file is the table it should be, and its columns as the declaration wants them.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, ListArray, RecordBatch, StringArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use readlens_fault::{Fault, Place, Result};

use crate::cell::ColumnArray;
use crate::column::{Kind, Origin, Table, WordCheck};
use crate::parquet_file::limits::{MAX_CELL_BYTES, MAX_RANKS, MAX_WORD_BYTES};
use crate::vocabulary::{Name, alternatives};
use crate::{KEY_TABLE, KEY_VERSION};

const STORE_AS_DECLARED: &str = "store the column with the type that the column reference gives";

pub(crate) fn check_identity(
    path: &Path,
    table: &Table,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    // A file without our keys may come from another tool; its columns decide.
    if let Some(name) = metadata.get(KEY_TABLE)
        && name != table.name
    {
        return Err(Fault::input(path)
            .expected(format!("a {} table", table.name))
            .found(format!("a {name} table"))
            .remedy(format!("pass a file that {} wrote", table.written_by()))
            .into());
    }
    let known: Vec<String> =
        table.older.iter().chain([&table.version]).map(u32::to_string).collect();
    if let Some(version) = metadata.get(KEY_VERSION)
        && !known.contains(version)
    {
        let known = alternatives(&known);
        return Err(Fault::input(path)
            .expected(format!("schema version {known} of the {} table", table.name))
            .found(format!("version {version}"))
            .remedy(format!("write it again with this version's {}", table.written_by()))
            .into());
    }
    Ok(())
}

/// Who wrote a file that may have an older form; none where it has the present one.
pub(crate) fn older_origin(
    table: &Table,
    metadata: &BTreeMap<String, String>,
    schema: &Schema,
) -> Option<Origin> {
    let is_whole = || table.columns.iter().all(|column| schema.index_of(column.name).is_ok());
    match metadata.get(KEY_VERSION) {
        Some(version) if *version == table.version.to_string() => None,
        Some(_) => Some(Origin::Readlens),
        None if is_whole() => None,
        None => Some(Origin::Foreign),
    }
}

/// A batch of an older form with the columns of today.
pub(crate) fn upgraded(
    path: &Path,
    table: &Table,
    origin: Option<Origin>,
    batch: RecordBatch,
) -> Result<RecordBatch> {
    let (Some(origin), Some(upgrade)) = (origin, table.upgrade) else { return Ok(batch) };
    upgrade(origin, &batch).map_err(|e| {
        Fault::input(path)
            .expected(format!("the columns of a {} table", table.name))
            .found(e)
            .remedy(format!("write it again with this version's {}", table.written_by()))
            .into()
    })
}

/// Checks that every declared column is there, once; gives the names of the rank columns.
///
/// `names` are all columns of the file, `schema` those that the table knows.
pub(crate) fn check_columns(
    path: &Path,
    table: &Table,
    names: &[&str],
    schema: &Schema,
) -> Result<Vec<String>> {
    let fault = |name: &str| Fault::input(path).at(Place::Column(name.to_owned()));
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(fault(twice.1)
            .expected("every column once")
            .found("it twice")
            .remedy("drop or rename one of them")
            .into());
    }
    for column in table.columns {
        let Ok(field) = schema.field_with_name(column.name) else {
            return Err(fault(column.name)
                .expected(format!("the columns of a {} table", table.name))
                .found(format!("only {}", names.join(", ")))
                .remedy(format!("write it with {}", table.written_by()))
                .into());
        };
        if !has_shape_of(field.data_type(), column.kind) {
            return Err(fault(column.name)
                .expected(column.kind.label())
                .found(field.data_type())
                .remedy(STORE_AS_DECLARED)
                .into());
        }
    }
    if !table.has_ranks {
        return Ok(Vec::new());
    }
    let is_rank = |field: &&Field| table.columns.iter().all(|c| c.name != field.name());
    let fields = schema.fields().iter().map(AsRef::as_ref);
    let ranks: Vec<&Field> = fields.filter(is_rank).collect();
    if ranks.len() > MAX_RANKS {
        return Err(Fault::input(path)
            .expected(format!("at most {MAX_RANKS} rank columns"))
            .found(ranks.len())
            .remedy("drop those that are no rank")
            .into());
    }
    if let Some(other) = ranks.iter().find(|field| !is_text(field.data_type())) {
        return Err(fault(other.name())
            .expected(format!("text, as every further column of a {} table is a rank", table.name))
            .found(other.data_type())
            .remedy("drop the column, or store the taxa as text")
            .into());
    }
    if let Some(reserved) = ranks.iter().find(|field| Name::new(field.name()).is_err()) {
        return Err(fault(reserved.name())
            .expected(format!("as the name of a rank {}", Name::EXPECTED))
            .found(format!("{:?}", reserved.name()))
            .remedy("rename the column")
            .into());
    }
    Ok(ranks.into_iter().map(|field| field.name().clone()).collect())
}

/// Whether a column of this type can hold names; one without a single value has the null type.
fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether a column can become one of this kind at all: values are no lists, and lists hold values.
fn has_shape_of(data_type: &DataType, kind: Kind) -> bool {
    match (kind.arrow(), data_type) {
        (DataType::List(_), DataType::List(item)) => !item.data_type().is_nested(),
        (DataType::List(_), _) => false,
        (_, data_type) => !data_type.is_nested() || matches!(data_type, DataType::Dictionary(..)),
    }
}

/// What a column must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) check: Option<WordCheck>,
}

/// The column `wanted` of `batch`, cast to its declared kind, with nulls only where they may be and
/// no word that it may not hold.
pub(crate) fn typed(
    path: &Path,
    batch: &RecordBatch,
    wanted: Wanted<'_>,
    first_row: u64,
) -> Result<ColumnArray> {
    let Wanted { name, kind, nullable, check } = wanted;
    let fault = || Fault::input(path).at(Place::Column(name.to_owned()));
    let missing = || fault().expected("the column").found("none").remedy("write the table again");
    let array = batch.column_by_name(name).ok_or_else(missing)?;
    let null_items = null_items(array);
    if null_items > 0 {
        return Err(fault()
            .expected("lists without null items")
            .found(format!("null items: {null_items} in the rows from {first_row}"))
            .remedy("fill or drop them")
            .into());
    }
    let wanted = kind.arrow();
    // A column without a value has whatever type the tool that wrote it falls back on.
    let is_empty = nullable && array.logical_null_count() == array.len();
    let array: ArrayRef = if is_empty {
        new_null_array(&wanted, array.len())
    } else if *array.data_type() == wanted {
        array.clone()
    } else {
        cast_column(array, &wanted).map_err(|e| {
            fault()
                .expected(kind.label())
                .found(format!("{} ({e})", array.data_type()))
                .remedy(STORE_AS_DECLARED)
        })?
    };
    let most = if kind == Kind::Category { MAX_WORD_BYTES } else { MAX_CELL_BYTES };
    if let Some(length) = longest_text(&array).filter(|length| *length > most) {
        return Err(fault()
            .expected(format!("at most {most} bytes of text in a cell"))
            .found(format!("{length} in the rows from {first_row}"))
            .remedy("shorten the text")
            .into());
    }
    // A dictionary can hide a null among its values; the logical nulls count it.
    let nulls = array.logical_nulls();
    let hole = (0..array.len())
        .find(|&row| !nullable && nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)));
    if let Some(row) = hole {
        return Err(fault()
            .expected("a value in every row")
            .found(format!("null in row {}", first_row + row as u64))
            .remedy("fill or drop the row")
            .into());
    }
    if let Some(check) = check {
        check_words(&array, check).map_err(|(row, expected, found)| {
            fault()
                .expected(expected)
                .found(format!("{found:?} in row {}", first_row + row as u64))
                .remedy("correct the word, or write the table again")
        })?;
    }
    Ok(ColumnArray(array))
}

/// Bytes of the longest text of a column of texts.
fn longest_text(array: &ArrayRef) -> Option<usize> {
    let words = array.as_any().downcast_ref::<DictionaryArray<Int32Type>>();
    let texts = words.map_or(array, |words| words.values());
    let texts = texts.as_any().downcast_ref::<StringArray>()?;
    texts.offsets().lengths().max()
}

/// Checks every word of a column of words; gives the first row with a wrong one, what was expected
/// and the word.
fn check_words(array: &ArrayRef, check: WordCheck) -> Result<(), (usize, String, String)> {
    let Some(dictionary) = array.as_any().downcast_ref::<DictionaryArray<Int32Type>>() else {
        return Ok(());
    };
    let Some(words) = dictionary.values().as_any().downcast_ref::<StringArray>() else {
        return Ok(());
    };
    let wrong: Vec<Option<String>> =
        words.iter().map(|word| word.and_then(|word| check(word).err())).collect();
    if wrong.iter().all(Option::is_none) {
        return Ok(());
    }
    // A dictionary may hold words that no row uses: they do no harm.
    let first = (0..dictionary.len()).find_map(|row| {
        let key = dictionary.key(row)?;
        Some((row, wrong[key].clone()?, words.value(key).chars().take(40).collect()))
    });
    first.map_or(Ok(()), Err)
}

/// Casts a foreign column; values that do not fit are errors and never become null.
fn cast_column(array: &ArrayRef, wanted: &DataType) -> arrow::error::Result<ArrayRef> {
    if cuts_fractions(array.data_type(), wanted) {
        return Err(arrow::error::ArrowError::CastError("fractions would be lost".to_owned()));
    }
    let options = CastOptions { safe: false, ..Default::default() };
    if let (DataType::Dictionary(..), DataType::Dictionary(..)) = (wanted, array.data_type()) {
        let plain = cast_with_options(array, &DataType::Utf8, &options)?;
        return cast_with_options(&plain, wanted, &options);
    }
    cast_with_options(array, wanted, &options)
}

/// Whether the cast would turn fractions into whole numbers or flags without a word.
fn cuts_fractions(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::List(from), DataType::List(to)) => {
            cuts_fractions(from.data_type(), to.data_type())
        }
        (from, to) => from.is_floating() && (to.is_integer() || *to == DataType::Boolean),
    }
}

/// Null items in the lists of a column of lists.
fn null_items(array: &ArrayRef) -> usize {
    array.as_any().downcast_ref::<ListArray>().map_or(0, |list| list.values().null_count())
}
