//! The manifests of everything that went into the page.

use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_provenance::{InputDigest, Manifest, read_json};

use crate::config::{Config, Inputs};

/// One manifest under the name of what it belongs to.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) manifest: Option<Manifest>,
}

impl Source {
    /// The manifest as indented JSON, for people.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn json(&self) -> Result<String> {
        match &self.manifest {
            None => Ok("written without a manifest".to_owned()),
            Some(manifest) => serde_json::to_string_pretty(manifest)
                .map_err(|e| Fault::failed("writing a manifest as JSON", e)),
        }
    }
}

/// The manifest of a model directory.
///
/// # Errors
/// There is none, or it is not a manifest.
pub(crate) fn manifest_of(directory: &Path) -> Result<Manifest> {
    read_json(&directory.join("manifest.json"))
}

/// The manifest of the page itself.
///
/// # Errors
/// An input cannot be read.
pub(crate) fn own_manifest(config: &Config, inputs: &Inputs) -> Result<Manifest> {
    let digests = inputs.files().map(|(role, path)| InputDigest::of(role, path));
    let digests = digests.collect::<Result<Vec<_>>>()?;
    Manifest::new("report", config, Some(config.seed), digests)
}
