use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::{Fault, Place, Result};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artefact::{Artefact, refuse_large_json};
use crate::build::{Build, Compute};
use crate::digest::Sha256Digest;

/// Largest JSON file that is read: configurations and manifests are small, bombs are not.
pub(crate) const MAX_JSON_BYTES: u64 = 64 << 20;

/// One input of a stage, by content and not by place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputDigest {
    /// What the input was to the stage, such as `tokens` or `taxonomy`.
    pub role: String,
    /// Last component of its path, or `-` for standard input.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// How an artefact that an input was made from came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name of the stage that made it.
    pub stage: String,
    /// What it was made from.
    pub inputs: Vec<InputDigest>,
}

/// How an artefact came to be: enough to make it again and to notice that it would differ.
///
/// The same inputs, options and build give the same manifest on any machine; only `compute` may
/// differ between machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the stage, such as `tokenize`.
    pub stage: String,
    /// Version of readlens that ran it.
    pub version: String,
    /// The build that ran it; null in manifests of version 0.1.0 and in those of a program that
    /// does not say what it was built from.
    #[serde(default)]
    pub build: Option<Build>,
    /// What computed the numbers; null where the stage computes none that depend on it.
    #[serde(default)]
    pub compute: Option<Compute>,
    /// The validated configuration, without paths and thread counts, which change no content.
    pub config: Value,
    /// Seed of every random choice, where the stage makes any.
    pub seed: Option<u64>,
    /// The inputs in a stable order.
    pub inputs: Vec<InputDigest>,
    /// How the inputs, and what they were made from, came to be, by their digests.
    #[serde(default)]
    pub lineage: BTreeMap<Sha256Digest, Origin>,
}

impl Manifest {
    /// A manifest of this build of readlens, for a stage whose inputs no other stage made.
    ///
    /// # Errors
    /// `config` cannot be written as JSON.
    pub fn new(
        stage: &str,
        config: &impl Serialize,
        seed: Option<u64>,
        inputs: Vec<InputDigest>,
    ) -> Result<Self> {
        let config = serde_json::to_value(config)
            .map_err(|e| Fault::failed(format!("writing the configuration of {stage}"), e))?;
        Ok(Self {
            stage: stage.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: Build::of_this_program().cloned(),
            compute: None,
            config,
            seed,
            inputs,
            lineage: BTreeMap::new(),
        })
    }

    /// A manifest of this build of readlens, which also says how the inputs came to be.
    ///
    /// # Errors
    /// `config` cannot be written as JSON.
    pub fn made_from(
        stage: &str,
        config: &impl Serialize,
        seed: Option<u64>,
        inputs: &[Artefact],
    ) -> Result<Self> {
        let digests = inputs.iter().map(|input| input.digest.clone()).collect();
        let mut manifest = Self::new(stage, config, seed, digests)?;
        for Artefact { digest, manifest: made, .. } in inputs {
            let Some(made) = made else { continue };
            let origin = Origin { stage: made.stage.clone(), inputs: made.inputs.clone() };
            manifest.lineage.insert(digest.sha256.clone(), origin);
            let earlier = made.lineage.iter().map(|(sha256, o)| (sha256.clone(), o.clone()));
            manifest.lineage.extend(earlier);
        }
        Ok(manifest)
    }

    /// The same manifest, for numbers that `compute` has computed.
    #[must_use]
    pub fn computed_by(mut self, compute: Compute) -> Self {
        self.compute = Some(compute);
        self
    }

    /// Whether both are of the same stage, version, configuration, seed and inputs, whatever the
    /// build and the machine.
    pub fn is_same_work(&self, other: &Self) -> bool {
        let work = |m: &Self| (m.stage.clone(), m.version.clone(), m.config.clone(), m.seed);
        work(self) == work(other) && self.inputs == other.inputs
    }

    /// The digest of the input with `role`, if there is one.
    pub fn input(&self, role: &str) -> Option<&InputDigest> {
        self.inputs.iter().find(|input| input.role == role)
    }
}

/// Reads a JSON file of at most 64 MiB into `T`.
///
/// # Errors
/// The file cannot be read, is too large, or is not the JSON that `T` expects.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    refuse_large_json(path)?;
    let text = std::fs::read(path).map_err(|e| Fault::io("read", path, e))?;
    serde_json::from_slice(&text).map_err(|e| {
        Fault::input(path)
            .at(Place::Line(e.line() as u64))
            .expected("the JSON that the stage wrote")
            .found(e)
            .remedy("restore the file or run the stage that writes it again")
            .into()
    })
}
