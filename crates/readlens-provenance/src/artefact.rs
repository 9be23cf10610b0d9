use std::fs::Metadata;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};

use crate::digest::digest_file;
use crate::manifest::{InputDigest, MAX_JSON_BYTES, Manifest, read_json};

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const MANIFEST: &str = "manifest.json";

/// An input of a stage: where it lies, what is in it, and how it came to be.
#[derive(Clone, Debug)]
pub struct Artefact {
    /// Where it lies, as the user wrote it.
    pub path: PathBuf,
    /// Its role in the stage and its content.
    pub digest: InputDigest,
    /// How it came to be; none for a file of another program.
    pub manifest: Option<Manifest>,
}

impl Artefact {
    /// A file, with the manifest that was found in it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn file(role: &str, path: &Path, manifest: Option<Manifest>) -> Result<Self> {
        Ok(Self { path: path.to_path_buf(), digest: InputDigest::of(role, path)?, manifest })
    }

    /// The directory of a model.
    ///
    /// # Errors
    /// A file is missing, or the manifest is none.
    pub fn model(role: &str, directory: &Path) -> Result<Self> {
        let digest = InputDigest::of(role, directory)?;
        let manifest = Some(read_json(&directory.join(MANIFEST))?);
        Ok(Self { path: directory.to_path_buf(), digest, manifest })
    }
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
            let [config, manifest] = [CONFIG, MANIFEST].map(|name| path.join(name));
            refuse_large_json(&config)?;
            refuse_large_json(&manifest)?;
            let (weights, bytes) = digest_file(&path.join(WEIGHTS))?;
            let (config, _) = digest_file(&config)?;
            let (manifest, _) = digest_file(&manifest)?;
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

/// Refuses what cannot be a JSON document of ours by its kind and size, before it is read.
///
/// # Errors
/// There is no such file, it is no regular one, or it has more than 64 MiB.
pub fn refuse_large_json(path: &Path) -> Result<()> {
    let metadata: Metadata = std::fs::metadata(path).map_err(|e| Fault::io("open", path, e))?;
    let fault = |found: String| {
        Fault::input(path)
            .expected(format!("a JSON file of at most {MAX_JSON_BYTES} bytes"))
            .found(found)
            .remedy("pass the file that the stage wrote")
            .into()
    };
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a directory" } else { "a device or a pipe" };
        return Err(fault(found.to_owned()));
    }
    if metadata.len() > MAX_JSON_BYTES {
        return Err(fault(format!("{} bytes", metadata.len())));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_refused_by_its_size_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.json");
        // Sparse: reading all of it would take minutes.
        std::fs::File::create(&path).unwrap().set_len(30 << 30).unwrap();
        let fault = refuse_large_json(&path).unwrap_err();
        let message = fault.to_string();
        assert!(message.contains("big.json") && message.contains("32212254720 bytes"), "{message}");
        let model = folder.path().join("model");
        std::fs::create_dir(&model).unwrap();
        std::fs::rename(&path, model.join(CONFIG)).unwrap();
        std::fs::write(model.join(MANIFEST), "{}").unwrap();
        let fault = InputDigest::of("classifier", &model).unwrap_err();
        assert!(fault.to_string().contains(CONFIG), "{fault}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_document() {
        let fault = refuse_large_json(Path::new("/dev/zero")).unwrap_err();
        assert!(fault.to_string().contains("a device or a pipe"), "{fault}");
    }
}
