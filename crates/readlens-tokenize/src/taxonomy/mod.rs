//! Taxa, splits and groups of the records, from a table in memory.

mod identity;
mod levels;
mod lineage;
mod names;
mod parts;
mod rank;
mod table;
mod taxdump;
mod taxids;
mod unknown;

pub(crate) use rank::{is_lineage_rank, is_same_rank, lineage_ranks};
pub(crate) use table::Taxonomy;
pub(crate) use taxdump::TAXDUMP_FILES;
pub(crate) use unknown::DEFAULT_WORDS;

/// What is wrong with a row, for a message.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub expected: String,
    pub found: String,
    pub remedy: String,
}
