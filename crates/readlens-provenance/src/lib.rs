//! What makes an artefact trustworthy: manifests, digests, whole-or-absent outputs.
//!
//! A [`Manifest`] says which stage, version, build, configuration, seed and inputs made an
//! artefact, and what those were made from. It holds no clock, host or path, so the same inputs
//! give the same manifest anywhere but for the kernels that computed ([`Compute`]).
//! [`check_together`] refuses inputs of different runs. [`NewFile`] and [`NewDirectory`] appear
//! under their final name only when they are complete.
//!
//! ```
//! use std::io::Write;
//!
//! use readlens_provenance::{InputDigest, Manifest, NewFile};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("genes.fasta");
//! let mut file = NewFile::create(&path)?;
//! file.write_all(b">a\nACGT\n")?;
//! assert!(!path.exists(), "a file has its name only when it is whole");
//! file.commit()?;
//!
//! let input = InputDigest::of("sequences", &path)?;
//! assert_eq!((input.name.as_str(), input.bytes), ("genes.fasta", 8));
//! let manifest = Manifest::new("tokenize", &"a configuration", Some(1), vec![input])?;
//! assert_eq!(manifest.stage, "tokenize");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artefact;
mod build;
mod digest;
mod facts;
mod graph;
mod manifest;
mod output;
mod schema;
mod together;

pub use artefact::{Artefact, refuse_large_json};
pub use build::{Build, Compute};
pub use digest::{DigestReader, Digester, Sha256Digest, digest_bytes, digest_file};
pub use manifest::{InputDigest, Manifest, Origin, read_json};
pub use output::{
    DirectoryKind, ExitHold, NewDirectory, NewFile, OutputLock, abandon_outputs, check_directory,
    check_files, commit_together, put_json, refuse_standard_output, remove_directory, write_json,
};
pub use schema::manifest_schema;
pub use together::{
    Compared, Explains, Learned, check_compared, check_together, what_it_learned_from,
};
