use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// What a program was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The commit that was checked out, 40 or 64 hexadecimal digits; null where git knows none, as
    /// in an unpacked archive. Changes that were not committed are not seen.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub revision: Option<String>,
    /// Version of the Rust compiler, as `rustc --version` prints it.
    pub rust: String,
    /// SHA-256 of Cargo.lock, which names every crate that was linked.
    pub lock: Sha256Digest,
}

static THIS: OnceLock<Build> = OnceLock::new();

impl Build {
    /// Says what this program was built from; the first call of a process counts.
    ///
    /// Every manifest that is made afterwards says it.
    pub fn register(self) {
        // A second registration could only repeat the first: one program has one build.
        let _ = THIS.set(self);
    }

    /// What this program was built from, if it has said so.
    pub fn of_this_program() -> Option<&'static Self> {
        THIS.get()
    }
}

/// What computed the numbers of an artefact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// `cpu` or `cuda`.
    pub device: String,
    /// Instruction set of the kernels: `portable`, `avx2`, `avx512`, `avx512-bf16` or `amx`; null
    /// where no kernel computed.
    pub kernels: Option<String>,
}

impl Compute {
    /// The processor, by kernels for the instruction set of this name.
    pub fn on_cpu(kernels: impl Into<String>) -> Self {
        Self { device: "cpu".to_owned(), kernels: Some(kernels.into()) }
    }
}
