//! The stage binary from sequence and taxonomy files to the table of tokens.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod dialects;
mod frames;
mod like;
mod sequences;
mod taxonomy;
