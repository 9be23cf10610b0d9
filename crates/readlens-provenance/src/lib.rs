//! What makes an artefact trustworthy: manifests, digests, whole-or-absent outputs.
//!
//! A [`Manifest`] says which stage, version, configuration, seed and inputs made an artefact. It
//! holds no clock, host or path, so the same inputs give the same manifest anywhere. [`NewFile`]
//! and [`NewDirectory`] appear under their final name only when they are complete.

mod digest;
mod manifest;
mod output;

pub use digest::{DigestReader, Sha256Digest, digest_bytes, digest_file};
pub use manifest::{InputDigest, Manifest, read_json};
pub use output::{NewDirectory, NewFile, refuse_overwriting, write_json};
