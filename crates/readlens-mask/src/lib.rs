//! Masks for any token table.
