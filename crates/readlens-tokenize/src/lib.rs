//! FASTA and FASTQ to k-mer tokens with taxonomy and splits.
//!
//! One pass over the inputs: a thread reads records, another cuts them into windows, the worker
//! threads turn these into row groups of the table, and they are written in the order of the
//! input. Memory holds a few batches, a row group per worker thread, the longest record, the
//! taxonomy and a fingerprint of each identifier.
//!
//! # Rules
//! - Formats and packing are told from the first bytes of a file, never from its name.
//! - A record's identifier is its header up to the first white space. Where the headers of the
//!   first two records, or of the first records of two files, say that they are mates of one name,
//!   all mates get `/1` or `/2` behind it. Two records with one identifier are an error, unless
//!   duplicates are allowed: the further ones then get a number.
//! - Case is folded and U reads as T. A k-mer with an IUPAC ambiguity code, `X`, `-` or `.` is
//!   UNK and counted. Any other byte is an error: the file is not of nucleotides.
//! - Records without a base, or with fewer real tokens than asked for, are skipped and counted.
//! - Windows have their full length; the last is anchored to the end of the record.
//! - A taxon is unknown (null) where its cell is empty, a missing value as pandas, R and
//!   spreadsheets write it, a bare prefix such as `g__`, or a word for taxa that were never
//!   described, such as `uncultured`; and where it is rare: in fewer rows of the taxonomy table
//!   than asked for, at its rank.
//! - A taxon is told by its name and its parents. Taxa of one name with different parents get the
//!   nearest parent behind their name, those of a taxdump their unique name.
//! - Records without a row in the taxonomy are kept with null taxa and, where splits come from a
//!   column, without a split. If no record has a row, the two files do not belong together.

mod config;
mod cutting;
mod frames;
mod input;
mod like;
mod options;
mod reading;
mod run;
mod split;
mod summary;
mod taxonomy;
mod tokenizing;
mod windows;

pub use config::{Config, Gaps, Splits, TaxaSource, TaxonomyConfig};
pub use options::Options;
#[doc(hidden)]
pub use run::read;
pub use run::{Inputs, Outputs, run};
pub use split::Fractions;
pub use summary::{Examples, FrameSummary, RankSummary, SplitSummary, Summary, TaxonomySummary};
pub use windows::{Strands, Windows};
