//! Bytes to records: guarding against endless records, parsing, names and numbers of mates.

mod duplicates;
mod format;
mod guard;
mod mate;
mod sequences;

pub(crate) use duplicates::{Fingerprint, Identifiers, fingerprint};
pub(crate) use mate::Mate;
pub(crate) use sequences::{SequenceFile, SequenceRecord};
