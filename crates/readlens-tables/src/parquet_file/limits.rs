//! What a table may ask for before it is read: stated bounds, so that a file of a few bytes cannot
//! make a reader take memory that its content never fills.

/// Largest footer of a file, in bytes.
pub(crate) const MAX_FOOTER_BYTES: u64 = 64 << 20;
/// Deepest nesting of a schema; a list takes three levels.
pub(crate) const MAX_SCHEMA_DEPTH: usize = 32;
/// Most elements of a schema: columns, and the groups that hold them.
pub(crate) const MAX_SCHEMA_ELEMENTS: usize = 1 << 14;
/// Longest name of a column, in bytes.
pub(crate) const MAX_COLUMN_NAME_BYTES: usize = 1 << 10;
/// Most column chunks of a file: its row groups times its columns.
pub(crate) const MAX_COLUMN_CHUNKS: usize = 1 << 20;
/// Most key-value pairs of a file.
pub(crate) const MAX_PAIRS: usize = 1 << 12;
/// Largest header of a page, in bytes.
pub(crate) const MAX_PAGE_HEADER_BYTES: u64 = 1 << 20;
/// Largest page, in bytes before compression.
pub(crate) const MAX_PAGE_BYTES: usize = 256 << 20;
/// Most items of a list, such as the tokens of a window.
pub(crate) const MAX_LIST_ITEMS: u64 = 1 << 25;
/// Longest text of a cell, such as an identifier, in bytes.
pub(crate) const MAX_CELL_BYTES: usize = 1 << 16;
/// Longest text of a cell in a column of few words, such as a taxon, in bytes.
pub(crate) const MAX_WORD_BYTES: usize = 1 << 12;
/// Most rank columns of a table: every row has a taxon in each.
pub(crate) const MAX_RANKS: usize = 64;
/// Most rows that are decoded at a time.
pub(crate) const BATCH_ROWS: usize = 1024;
