//! Whether a file is the table it should be, and its columns as the declaration wants them.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow::array::{Array, ArrayRef, LargeListArray, ListArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema};
use readlens_fault::{Fault, Place, Result};

use crate::cell::ColumnArray;
use crate::column::{Kind, Table};
use crate::{KEY_TABLE, KEY_VERSION};

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
            .remedy(format!("pass the file that readlens-{} wrote", table.stage))
            .into());
    }
    if let Some(version) = metadata.get(KEY_VERSION)
        && *version != table.version.to_string()
    {
        return Err(Fault::input(path)
            .expected(format!("schema version {} of the {} table", table.version, table.name))
            .found(format!("version {version}"))
            .remedy(format!("write it again with this version's readlens-{}", table.stage))
            .into());
    }
    Ok(())
}

/// Checks that every declared column is there, once; gives the names of the rank columns.
pub(crate) fn check_columns(path: &Path, table: &Table, schema: &Schema) -> Result<Vec<String>> {
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let fault = |name: &str| Fault::input(path).at(Place::Column(name.to_owned()));
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(fault(twice.1)
            .expected("every column once")
            .found("it twice")
            .remedy("drop or rename one of them")
            .into());
    }
    if let Some(column) = table.columns.iter().find(|column| !names.contains(&column.name)) {
        return Err(fault(column.name)
            .expected(format!("the columns of a {} table", table.name))
            .found(format!("only {}", names.join(", ")))
            .remedy(format!("write it with readlens-{}", table.stage))
            .into());
    }
    if !table.has_ranks {
        return Ok(Vec::new());
    }
    let is_rank = |field: &&Field| table.columns.iter().all(|c| c.name != field.name());
    let fields = schema.fields().iter().map(AsRef::as_ref);
    let ranks: Vec<&Field> = fields.filter(is_rank).collect();
    if let Some(other) = ranks.iter().find(|field| !is_text(field.data_type())) {
        return Err(fault(other.name())
            .expected(format!("text, as every further column of a {} table is a rank", table.name))
            .found(other.data_type())
            .remedy("drop the column, or store the taxa as text")
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

/// Runs a Parquet call on untrusted bytes: a decoder that panics on them is an input fault too.
pub(crate) fn guarded<T, E: std::fmt::Display>(
    path: &Path,
    call: impl FnOnce() -> std::result::Result<T, E>,
) -> Result<T> {
    let found = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(e)) => e.to_string(),
        Err(panic) => panic_text(panic.as_ref()),
    };
    Err(Fault::input(path)
        .expected("a whole Parquet file")
        .found(found)
        .remedy("the file is damaged or not Parquet; write it again")
        .into())
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("damaged pages").to_owned()
}

/// Column `name` of `batch`, cast to its declared kind, with nulls only where they may be.
pub(crate) fn typed(
    path: &Path,
    batch: &RecordBatch,
    name: &str,
    kind: Kind,
    nullable: bool,
    first_row: u64,
) -> Result<ColumnArray> {
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
    let array: ArrayRef = if *array.data_type() == wanted {
        array.clone()
    } else {
        cast_column(array, &wanted).map_err(|e| {
            fault()
                .expected(kind.label())
                .found(format!("{} ({e})", array.data_type()))
                .remedy("store the column with the type that the column reference gives")
        })?
    };
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
    Ok(ColumnArray(array))
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
        (DataType::List(from) | DataType::LargeList(from), DataType::List(to)) => {
            cuts_fractions(from.data_type(), to.data_type())
        }
        (from, to) => from.is_floating() && (to.is_integer() || *to == DataType::Boolean),
    }
}

/// Null items in the lists of a column of lists.
fn null_items(array: &ArrayRef) -> usize {
    if let Some(list) = array.as_any().downcast_ref::<ListArray>() {
        return list.values().null_count();
    }
    array.as_any().downcast_ref::<LargeListArray>().map_or(0, |list| list.values().null_count())
}
