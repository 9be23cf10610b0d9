//! The columns of every table, declared once, with streaming readers and atomic writers.
//!
//! A table is a Rust struct declared with its columns' kinds, units and meanings (see
//! [`tokens`], [`masks`], …); its Arrow schema, its writer, its reader and its page in the column
//! reference all come from that one declaration. No other crate names `parquet`.
//!
//! Coordinates are 0-based and half-open everywhere.
//!
//! ```
//! use readlens_tables::{Record, masks::MaskRow};
//!
//! let masks = MaskRow::TABLE;
//! assert_eq!((masks.name, masks.version), ("masks", 4));
//! assert!(masks.columns.iter().any(|column| column.name == "replicate"));
//! assert_eq!(masks.written_by(), "readlens-mask, readlens-attribute or readlens-merge");
//! ```

mod cell;
mod column;
mod conform;
mod mask_columns;
mod number_lists;
mod origin;
mod parquet_file;
mod reader;
mod record;
mod reference;
mod row_group;
mod upgrade;
mod writer;

pub mod assessment;
pub mod bases;
pub mod confusion;
pub mod costs;
pub mod masks;
pub mod metrics;
pub mod perturbations;
pub mod predictions;
pub mod stretches;
pub mod tokens;
pub mod training;
pub mod vocabulary;

pub use column::{Column, Kind, Table, WordCheck};
pub use reader::{Reader, Source, table_of};
pub use record::{Broken, Record};
pub use reference::{column_reference, vocabulary_reference};
pub use row_group::{
    EncodedRowGroup, ROW_GROUP_ITEMS, ROW_GROUP_ROWS, ROW_GROUP_TEXT_BYTES, RowGroup,
    RowGroupEncoder, Sink,
};
pub use writer::Writer;

/// Metadata key of the table's name.
pub const KEY_TABLE: &str = "readlens.table";
/// Metadata key of the table's schema version.
pub const KEY_VERSION: &str = "readlens.schema_version";
/// Metadata key of the manifest, as JSON.
pub const KEY_MANIFEST: &str = "readlens.manifest";
/// Metadata key of a shard's place, `i/n` with `i` from 1; a whole table does not have it.
pub const KEY_SHARD: &str = "readlens.shard";

/// Every table, in the order of the data flow.
pub const TABLES: [&Table; 11] = [
    tokens::TokenRow::TABLE,
    training::TrainingRow::TABLE,
    assessment::AssessmentRow::TABLE,
    confusion::ConfusionRow::TABLE,
    predictions::PredictionRow::TABLE,
    masks::MaskRow::TABLE,
    bases::BaseRow::TABLE,
    stretches::StretchRow::TABLE,
    costs::CostRow::TABLE,
    perturbations::PerturbationRow::TABLE,
    metrics::MetricRow::TABLE,
];
