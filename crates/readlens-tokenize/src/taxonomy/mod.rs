//! Taxa, splits and groups of the records, from a table in memory.

mod lineage;
mod names;
mod rank;
mod table;
mod taxdump;
mod tsv;
mod unknown;

pub(crate) use rank::{is_lineage_rank, lineage_ranks};
pub(crate) use table::Taxonomy;
pub(crate) use taxdump::TAXDUMP_FILES;
