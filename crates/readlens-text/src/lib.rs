//! Text inputs, packed or not: opening them, tables with a header, interval lists.
//!
//! Every text file that a stage reads comes through here, so that all are read by the same rules:
//! - Packing (gzip, bgzip, zstd) is told from the first bytes of a file, never from its name.
//! - Memory is bounded: a line, and a row of a table, has at most [`MAX_LINE_BYTES`].
//! - Text is UTF-8, with or without a byte-order mark, with LF or CRLF. Control characters are
//!   refused.
//! - A table has a header. It is separated by tabs, commas or semicolons, and its cells may be
//!   quoted. White space around a cell does not count.
//! - The digest of the file comes from the one pass that reads it.

mod compression;
mod gzip;
mod intervals;
mod lines;
mod opening;
mod quotes;
mod read_ahead;
mod table;

pub use intervals::{Interval, Intervals};
pub use lines::{Lines, MAX_LINE_BYTES};
pub use opening::{Bytes, STDIN, Tap, is_stdin, open};
pub use table::Table;

/// Longest identifier of a record, in bytes.
pub const MAX_IDENTIFIER_BYTES: usize = 1 << 16;
/// Longest name of a taxon, a group or an interval, in bytes.
pub const MAX_NAME_BYTES: usize = 1 << 12;
