//! Rust values to and from Arrow columns.

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, BooleanArray, BooleanBuilder, DictionaryArray, Float32Array,
    Float32Builder, Float64Array, Float64Builder, ListArray, ListBuilder, StringArray,
    StringBuilder, StringDictionaryBuilder, UInt32Array, UInt32Builder,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use std::sync::Arc;

use crate::column::{Kind, WordCheck};
use crate::number_lists::NumberLists;
use crate::vocabulary::{
    MAX_NAME, MethodKind, Metric, Name, Operator, Over, Ranks, Removal, Split, TargetKind, Word,
};

/// The cells of one column of a row group, as they are encoded.
pub(crate) enum Cells {
    Array(ArrayRef),
    Lists(NumberLists),
}

/// Collects the cells of one column.
pub(crate) enum ColumnBuilder {
    Text(StringBuilder),
    /// With the bytes of all its texts: the dictionary, which is no longer, does not tell its own.
    Category(StringDictionaryBuilder<Int32Type>, usize),
    UInt32(UInt32Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Flag(BooleanBuilder),
    UInt32List(NumberLists),
    Float32List(NumberLists),
    FlagList(ListBuilder<BooleanBuilder>),
}

impl std::fmt::Debug for ColumnBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Category(..) => "Category",
            Self::UInt32(_) => "UInt32",
            Self::Float32(_) => "Float32",
            Self::Float64(_) => "Float64",
            Self::Flag(_) => "Flag",
            Self::UInt32List(_) => "UInt32List",
            Self::Float32List(_) => "Float32List",
            Self::FlagList(_) => "FlagList",
        })
    }
}

impl ColumnBuilder {
    pub(crate) fn new(kind: Kind) -> Self {
        let item = |data_type| Arc::new(Field::new("item", data_type, false));
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Category => Self::Category(StringDictionaryBuilder::new(), 0),
            Kind::UInt32 => Self::UInt32(UInt32Builder::new()),
            Kind::Float32 => Self::Float32(Float32Builder::new()),
            Kind::Float64 => Self::Float64(Float64Builder::new()),
            Kind::Flag => Self::Flag(BooleanBuilder::new()),
            Kind::UInt32List => Self::UInt32List(NumberLists::default()),
            Kind::Float32List => Self::Float32List(NumberLists::default()),
            Kind::FlagList => Self::FlagList(
                ListBuilder::new(BooleanBuilder::new()).with_field(item(DataType::Boolean)),
            ),
        }
    }

    pub(crate) fn finish(self) -> Cells {
        Cells::Array(match self {
            Self::Text(mut b) => Arc::new(b.finish()),
            Self::Category(mut b, _) => Arc::new(b.finish()),
            Self::UInt32(mut b) => Arc::new(b.finish()),
            Self::Float32(mut b) => Arc::new(b.finish()),
            Self::Float64(mut b) => Arc::new(b.finish()),
            Self::Flag(mut b) => Arc::new(b.finish()),
            Self::FlagList(mut b) => Arc::new(b.finish()),
            Self::UInt32List(lists) | Self::Float32List(lists) => return Cells::Lists(lists),
        })
    }

    /// Items of all lists so far; 0 in a column of single values.
    pub(crate) fn list_items(&self) -> usize {
        match self {
            Self::UInt32List(lists) | Self::Float32List(lists) => lists.len(),
            Self::FlagList(b) => b.values_ref().len(),
            Self::Text(_)
            | Self::Category(..)
            | Self::UInt32(_)
            | Self::Float32(_)
            | Self::Float64(_)
            | Self::Flag(_) => 0,
        }
    }

    /// Bytes of all texts so far; 0 in a column of something else.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(b) => b.values_slice().len(),
            Self::Category(_, bytes) => *bytes,
            _ => 0,
        }
    }

    fn append_category(&mut self, text: &str) {
        match self {
            Self::Category(b, bytes) => {
                b.append_value(text);
                *bytes += text.len();
            }
            other => mismatch(other),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(b) => b.append_null(),
            Self::Category(b, _) => b.append_null(),
            Self::UInt32(b) => b.append_null(),
            Self::Float32(b) => b.append_null(),
            Self::Float64(b) => b.append_null(),
            Self::Flag(b) => b.append_null(),
            Self::FlagList(b) => b.append_null(),
            Self::UInt32List(_) | Self::Float32List(_) => mismatch(self),
        }
    }
}

/// One column of a record batch, cast to its declared type.
#[derive(Debug)]
pub(crate) struct ColumnArray(pub(crate) ArrayRef);

impl ColumnArray {
    /// The array as `T`.
    ///
    /// # Panics
    /// The declaration and the Rust type disagree, which the round-trip tests rule out: the
    /// reader has already cast the column to its declared type.
    fn cast<T: 'static>(&self) -> &T {
        self.0.as_any().downcast_ref::<T>().expect("the reader casts to the declared type")
    }

    /// The text of a row that has one.
    fn text(&self, row: usize) -> &str {
        if let Some(text) = self.0.as_any().downcast_ref::<StringArray>() {
            return text.value(row);
        }
        let dictionary = self.cast::<DictionaryArray<Int32Type>>();
        let values = dictionary.values().as_any().downcast_ref::<StringArray>();
        let key = dictionary.key(row).unwrap_or_default();
        values.expect("the reader casts dictionary values").value(key)
    }
}

/// A Rust value that can stand in a column.
pub(crate) trait Cell: Sized {
    /// Whether the column may hold null.
    const NULLABLE: bool = false;
    /// Refuses texts that are no such value, before [`Cell::get`] meets them.
    const CHECK: Option<WordCheck> = None;
    fn put(&self, column: &mut ColumnBuilder);
    fn get(column: &ColumnArray, row: usize) -> Self;
}

/// Reports a declaration whose kind cannot hold the Rust type; the round-trip tests rule it out.
fn mismatch(column: &ColumnBuilder) -> ! {
    unreachable!("a column declared as {column:?} cannot hold this Rust type")
}

macro_rules! plain_cell {
    ($type:ty, $builder:ident, $array:ty) => {
        impl Cell for $type {
            fn put(&self, column: &mut ColumnBuilder) {
                match column {
                    ColumnBuilder::$builder(b) => b.append_value(*self),
                    other => mismatch(other),
                }
            }

            fn get(column: &ColumnArray, row: usize) -> Self {
                column.cast::<$array>().value(row)
            }
        }
    };
}

plain_cell!(u32, UInt32, UInt32Array);
plain_cell!(f32, Float32, Float32Array);
plain_cell!(f64, Float64, Float64Array);
plain_cell!(bool, Flag, BooleanArray);

macro_rules! list_cell {
    ($type:ty, $builder:ident, $array:ty, |$list:ident, $cell:ident| $put:expr, |$items:ident| $values:expr) => {
        impl Cell for Vec<$type> {
            fn put(&self, column: &mut ColumnBuilder) {
                let $cell = self;
                match column {
                    ColumnBuilder::$builder($list) => $put,
                    other => mismatch(other),
                }
            }

            fn get(column: &ColumnArray, row: usize) -> Self {
                let list = column.cast::<ListArray>().value(row);
                let $items =
                    list.as_any().downcast_ref::<$array>().expect("the reader casts list items");
                $values
            }
        }
    };
}

list_cell!(u32, UInt32List, UInt32Array, |lists, cell| lists.push(cell.iter().copied()), |items| {
    items.values().to_vec()
});
list_cell!(
    f32,
    Float32List,
    Float32Array,
    |lists, cell| lists.push(cell.iter().map(|number| number.to_bits())),
    |items| items.values().to_vec()
);
list_cell!(
    bool,
    FlagList,
    BooleanArray,
    |lists, cell| {
        lists.values().append_slice(cell);
        lists.append(true);
    },
    |items| items.values().iter().collect()
);

impl Cell for String {
    fn put(&self, column: &mut ColumnBuilder) {
        match column {
            ColumnBuilder::Text(b) => b.append_value(self),
            other => other.append_category(self),
        }
    }

    fn get(column: &ColumnArray, row: usize) -> Self {
        column.text(row).to_owned()
    }
}

/// A text that the reader has checked against the words that the column may hold.
macro_rules! word_cell {
    ($type:ty, $expected:expr) => {
        impl Cell for $type {
            const CHECK: Option<WordCheck> =
                Some(|text| text.parse::<$type>().map(drop).map_err($expected));

            fn put(&self, column: &mut ColumnBuilder) {
                column.append_category(self.name());
            }

            fn get(column: &ColumnArray, row: usize) -> Self {
                column.text(row).parse().expect("the reader checks the words of a column")
            }
        }
    };
}

word_cell!(Split, |unknown| unknown.expected());
word_cell!(Over, |unknown| unknown.expected());
word_cell!(Removal, |unknown| unknown.expected());
word_cell!(Metric, |unknown| unknown.expected());
word_cell!(MethodKind, |unknown| unknown.expected());
word_cell!(TargetKind, |unknown| unknown.expected());
word_cell!(Ranks, |_| Name::EXPECTED.to_owned());
word_cell!(Name, |_| Name::EXPECTED.to_owned());

impl Cell for Word<Operator> {
    const CHECK: Option<WordCheck> = Some(|text| {
        if text.is_empty() || text.len() > MAX_NAME {
            return Err(format!("an operator's name of 1 to {MAX_NAME} bytes"));
        }
        Ok(())
    });

    fn put(&self, column: &mut ColumnBuilder) {
        column.append_category(self.name());
    }

    fn get(column: &ColumnArray, row: usize) -> Self {
        Self::of(column.text(row))
    }
}

impl<T: Cell> Cell for Option<T> {
    const NULLABLE: bool = true;
    const CHECK: Option<WordCheck> = T::CHECK;

    fn put(&self, column: &mut ColumnBuilder) {
        match self {
            Some(value) => value.put(column),
            None => column.append_null(),
        }
    }

    fn get(column: &ColumnArray, row: usize) -> Self {
        (!column.0.is_null(row)).then(|| T::get(column, row))
    }
}
