//! Joins the shards of a table into the table an unsharded run writes.
//!
//! A stage that is run with `--shard i/n` writes the `i`-th of `n` consecutive blocks of its rows
//! and notes `i/n` in the file's metadata. Joined in that order, the blocks are the unsharded
//! table, byte for byte: same rows, row groups, metadata and manifest. A merge has therefore no
//! configuration and leaves no manifest of its own. A whole table is the only shard of itself.

mod options;
mod place;
mod run;
mod shards;

pub use options::Options;
pub use run::run;
