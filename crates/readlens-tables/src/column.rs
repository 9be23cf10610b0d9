use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use crate::vocabulary::alternatives;

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text, mostly distinct.
    Text,
    /// UTF-8 text with few distinct values: a dictionary with 32-bit keys.
    Category,
    /// Unsigned 32-bit integer.
    UInt32,
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Float64,
    /// True or false.
    Flag,
    /// List of unsigned 32-bit integers.
    UInt32List,
    /// List of 32-bit floats.
    Float32List,
    /// List of true or false.
    FlagList,
}

impl Kind {
    /// The Arrow type; list items are never null.
    pub fn arrow(self) -> DataType {
        let list = |item| DataType::List(Arc::new(Field::new("item", item, false)));
        match self {
            Self::Text => DataType::Utf8,
            Self::Category => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            Self::UInt32 => DataType::UInt32,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Flag => DataType::Boolean,
            Self::UInt32List => list(DataType::UInt32),
            Self::Float32List => list(DataType::Float32),
            Self::FlagList => list(DataType::Boolean),
        }
    }

    /// The type as the column reference prints it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "utf8",
            Self::Category => "dictionary<int32, utf8>",
            Self::UInt32 => "uint32",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Flag => "bool",
            Self::UInt32List => "list<uint32>",
            Self::Float32List => "list<float32>",
            Self::FlagList => "list<bool>",
        }
    }
}

/// Whether a text may stand in a column; what would have been expected otherwise.
pub type WordCheck = fn(&str) -> Result<(), String>;

/// Brings a batch of an older version, or of another tool, to the columns of today.
pub(crate) type Upgrade = fn(Origin, &RecordBatch) -> Result<RecordBatch, ArrowError>;

/// Who wrote a file of an older form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A readlens stage, before the table's present version.
    Readlens,
    /// Another tool: the file names no version.
    Foreign,
}

/// One column: declared here, and nowhere else.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name in the file.
    pub name: &'static str,
    /// How it is stored.
    pub kind: Kind,
    /// Whether a row may have none.
    pub nullable: bool,
    /// Unit or range; empty for names.
    pub unit: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// Refuses texts that the column may not hold; none where any text will do.
    pub check: Option<WordCheck>,
}

/// A table: its columns and the version of their meaning.
#[derive(Debug)]
pub struct Table {
    /// Name, such as `masks`.
    pub name: &'static str,
    /// Raised whenever a reader of the old version would be misled.
    pub version: u32,
    /// Older versions that can still be read.
    pub older: &'static [u32],
    /// The stages that write it.
    pub writers: &'static [&'static str],
    /// What a row is.
    pub about: &'static str,
    /// The fixed columns, in file order.
    pub columns: &'static [Column],
    /// Whether one nullable [`Kind::Category`] column per taxonomic rank follows.
    pub has_ranks: bool,
    /// How older forms become this one.
    pub(crate) upgrade: Option<Upgrade>,
}

impl Table {
    /// The binaries that write it, as a sentence names them: `readlens-mask or readlens-attribute`.
    pub fn written_by(&self) -> String {
        let names: Vec<String> =
            self.writers.iter().map(|stage| format!("readlens-{stage}")).collect();
        alternatives(&names)
    }

    /// How the columns are stored, `ranks` rank columns included, in file order.
    pub(crate) fn kinds(&self, ranks: usize) -> impl Iterator<Item = Kind> {
        self.columns.iter().map(|c| c.kind).chain(std::iter::repeat_n(Kind::Category, ranks))
    }

    /// The Arrow schema, with one more column per rank where the table has them.
    pub fn schema(&self, ranks: &[String]) -> Schema {
        let fixed = self.columns.iter().map(|c| Field::new(c.name, c.kind.arrow(), c.nullable));
        let ranks = ranks.iter().map(|rank| Field::new(rank, Kind::Category.arrow(), true));
        Schema::new(fixed.chain(ranks).collect::<Vec<_>>())
    }
}
