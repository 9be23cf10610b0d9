//! The folder that `learn` writes and `predict` and `explain` read.

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_provenance::{InputDigest, read_json};
use serde::Deserialize;

use crate::card::{Card, FORMAT};

/// A model directory.
#[derive(Clone, Debug)]
pub(crate) struct Model(PathBuf);

impl Model {
    /// The directory at `root`, whether it is there or not.
    pub(crate) fn at(root: &Path) -> Self {
        Self(root.to_path_buf())
    }

    /// The finished model at `root`, and its card.
    ///
    /// # Errors
    /// There is no such directory, it is no model, it is not finished, or another version of
    /// readlens wrote it in a form that this one does not know.
    pub(crate) fn open(root: &Path) -> Result<(Self, Card)> {
        let model = Self::at(root);
        let card = model.card();
        if !root.is_dir() {
            let found = if root.exists() { "a file" } else { "nothing" };
            return Err(fault(root).found(found).into());
        }
        if !card.exists() {
            let begun = model.journal().exists();
            let found =
                if begun { "one that is not finished" } else { "a directory without a card" };
            let remedy = match begun {
                true => "run the same readlens learn again: it goes on where it stopped",
                false => "pass the directory that readlens learn wrote",
            };
            return Err(fault(root).found(found).remedy(remedy).into());
        }
        // The form first: a card of another form need not have the parts of this one.
        let Form { format } = read_json(&card)?;
        if format != FORMAT {
            return Err(Fault::input(&card)
                .expected(format!("a model in form {FORMAT}, which this version of readlens reads"))
                .found(format!("form {format}"))
                .remedy("use the version of readlens that wrote it, or learn it again")
                .into());
        }
        let found: Card = read_json(&card)?;
        for (directory, of_card) in
            [(model.classifier(), &found.classifier), (model.explainer(), &found.explainer)]
        {
            if InputDigest::of(&of_card.role, &directory)?.sha256 != of_card.sha256 {
                return Err(Fault::input(&directory)
                    .expected("what the model's card is about")
                    .found("another one")
                    .remedy("restore it, or run the same readlens learn again")
                    .into());
            }
        }
        Ok((model, found))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn classifier(&self) -> PathBuf {
        self.0.join("classifier")
    }

    pub(crate) fn explainer(&self) -> PathBuf {
        self.0.join("explainer")
    }

    /// Temperatures of the classifier.
    pub(crate) fn calibration(&self) -> PathBuf {
        self.0.join("calibration.json")
    }

    pub(crate) fn card(&self) -> PathBuf {
        self.0.join("card.json")
    }

    pub(crate) fn read_me(&self) -> PathBuf {
        self.0.join("README.md")
    }

    pub(crate) fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join(crate::flow::JOURNAL)
    }

    /// A file or a folder of what the model was made and judged with.
    pub(crate) fn evidence(&self, name: &str) -> PathBuf {
        self.0.join("evaluation").join(name)
    }
}

/// What every card has, of whatever form.
#[derive(Debug, Deserialize)]
struct Form {
    format: u32,
}

fn fault(root: &Path) -> readlens_fault::InputFault {
    Fault::input(root)
        .expected("a model directory")
        .remedy("pass the directory that readlens learn wrote")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn what_is_no_model_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("model");
        let refused = |message: &str| {
            let text = Model::open(&root).unwrap_err().to_string();
            assert!(text.contains(message), "{text}");
        };
        refused("found nothing");
        std::fs::create_dir(&root).unwrap();
        refused("found a directory without a card");
        std::fs::write(root.join(crate::flow::JOURNAL), "{}").unwrap();
        refused("not finished; run the same readlens learn again");
        std::fs::write(root.join("card.json"), r#"{"format": 9, "new": []}"#).unwrap();
        refused("found form 9");
        std::fs::write(root.join("card.json"), r#"{"format": 1}"#).unwrap();
        refused("card.json, line 1");
    }
}
