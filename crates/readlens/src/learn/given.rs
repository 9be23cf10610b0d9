//! A classifier that is explained instead of learning one.

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_nn::{CLASSIFIER, CONFIG_FILE, ClassifierConfig, MAX_TOKENS};
use readlens_provenance::{InputDigest, NewDirectory, check_directory, read_json};

/// A classifier of whatever stage.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// How it reads sequences, in words.
    pub(crate) tokens: String,
    /// Whether it reads windows up to some length only, which then is the length of windows.
    pub(crate) is_bounded: bool,
}

impl Given {
    /// The classifier in `directory`.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn at(directory: &Path) -> Result<Self> {
        let shape: ClassifierConfig = read_json(&directory.join(CONFIG_FILE))?;
        Ok(Self {
            directory: directory.to_path_buf(),
            tokens: shape.tokenization.to_string(),
            is_bounded: shape.max_tokens() < MAX_TOKENS,
        })
    }

    /// Copies it to `model`, whole or not at all; nothing is done where it is there.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(crate) fn copy_to(&self, model: &Path) -> Result<()> {
        let digest = |path: &Path| InputDigest::of("classifier", path);
        let own = digest(&self.directory)?;
        if model.exists() && digest(model).is_ok_and(|there| there.sha256 == own.sha256) {
            return Ok(());
        }
        check_directory(model, &CLASSIFIER, [&self.directory])?;
        let new = NewDirectory::create(model, CLASSIFIER)?;
        let files = CLASSIFIER.files.iter().copied().chain([readlens_nn::MANIFEST_FILE]);
        for name in files {
            let file = self.directory.join(name);
            if file.is_file() {
                let copied = std::fs::copy(&file, new.path().join(name));
                copied.map_err(|e| Fault::io("copy", &file, e))?;
            }
        }
        new.commit()
    }
}
