use std::path::Path;

use readlens_fault::{Fault, Place, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Sha256Digest, digest_file};

/// Largest JSON file that is read: configurations and manifests are small, bombs are not.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// One input of a stage, by content and not by place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl InputDigest {
    /// Digests the file at `path`; a model directory is identified by its weights, configuration
    /// and manifest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(role: &str, path: &Path) -> Result<Self> {
        let name = file_name(path);
        if path.is_dir() {
            let (weights, bytes) = digest_file(&path.join("model.safetensors"))?;
            let (config, _) = digest_file(&path.join("config.json"))?;
            let (manifest, _) = digest_file(&path.join("manifest.json"))?;
            let all = [weights.as_str(), config.as_str(), manifest.as_str()].concat();
            let sha256 = crate::digest_bytes(all.as_bytes());
            return Ok(Self { role: role.to_owned(), name, sha256, bytes });
        }
        let (sha256, bytes) = digest_file(path)?;
        Ok(Self { role: role.to_owned(), name, sha256, bytes })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// How an artefact came to be: enough to make it again and to notice that it would differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the stage, such as `tokenize`.
    pub stage: String,
    /// Version of readlens that ran it.
    pub version: String,
    /// The validated configuration, without paths and thread counts, which change no content.
    pub config: Value,
    /// Seed of every random choice, where the stage makes any.
    pub seed: Option<u64>,
    /// The inputs in a stable order.
    pub inputs: Vec<InputDigest>,
}

impl Manifest {
    /// A manifest of this version of readlens.
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
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { stage: stage.to_owned(), version, config, seed, inputs })
    }

    /// Refuses an input that is not the one that the artefact `file` was made from; `given` is
    /// what this stage was given in the same role. An artefact that names no such input passes.
    ///
    /// # Errors
    /// [`Fault::Input`] about `file`.
    pub fn check_input(&self, file: &Path, given: &InputDigest) -> Result<()> {
        match self.input(&given.role) {
            Some(made_from) if made_from.sha256 != given.sha256 => Err(Fault::input(file)
                .expected(format!("to be made from the {} {} given here", given.role, given.name))
                .found(format!("that it was made from another {}", made_from.name))
                .remedy("pass files of one run together, or make this one again")
                .into()),
            _ => Ok(()),
        }
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
    let length = std::fs::metadata(path).map_err(|e| Fault::io("open", path, e))?.len();
    if length > MAX_JSON_BYTES {
        return Err(Fault::input(path)
            .expected(format!("a JSON file of at most {MAX_JSON_BYTES} bytes"))
            .found(format!("{length} bytes"))
            .remedy("pass the file that the stage wrote")
            .into());
    }
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
