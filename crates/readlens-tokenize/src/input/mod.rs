//! Bytes to records: opening, decompressing, guarding against endless records, parsing.

mod duplicates;
mod guard;
mod lines;
mod opening;
mod read_ahead;
mod sequences;
mod signature;

pub(crate) use duplicates::Identifiers;
pub(crate) use lines::Lines;
pub(crate) use opening::{STDIN, is_stdin};
pub(crate) use sequences::{SequenceFile, SequenceRecord};
