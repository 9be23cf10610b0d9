use std::path::PathBuf;
use std::str::FromStr;

use readlens_fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// Maximum number of replicates: far beyond what a percentile needs, and memory grows with it.
const MAX_REPLICATES: u32 = 100_000;
/// Longest label.
const MAX_LABEL: usize = 64;

/// How figures are computed; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Shares of the bases whose overlap is measured, in (0, 1].
    pub shares: Vec<f64>,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { shares: vec![0.05, 0.1, 0.2], replicates: 1000 }
    }
}

impl Config {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A usage fault that names the option.
    pub fn validate(&self) -> Result<()> {
        if self.replicates > MAX_REPLICATES {
            return Err(Fault::usage(format!(
                "--replicates is {}; give a maximum of {MAX_REPLICATES}",
                self.replicates
            )));
        }
        if let Some(share) = self.shares.iter().find(|share| !(**share > 0.0 && **share <= 1.0)) {
            return Err(Fault::usage(format!("--shares has {share}; give shares in (0, 1]")));
        }
        if let Some(share) =
            self.shares.iter().enumerate().find(|(i, s)| self.shares[..*i].contains(s))
        {
            return Err(Fault::usage(format!("--shares has {} twice", share.1)));
        }
        Ok(())
    }
}

/// A table that is compared with the reference, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// What is different about it; several tables may share a label.
    pub label: String,
    /// The table of masks, on bases or on tokens.
    pub path: PathBuf,
    /// The tokens that masks on tokens are of; none: those of the reference.
    pub tokens: Option<PathBuf>,
}

impl FromStr for Other {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            !label.is_empty() && label.len() <= MAX_LABEL && label.chars().all(is_plain)
        };
        match text.split_once('=') {
            Some((label, files)) if is_label(label) && !files.is_empty() => {
                let (path, tokens) = match files.split_once(',') {
                    Some((path, tokens)) => (path, Some(tokens.into())),
                    None => (files, None),
                };
                Ok(Self { label: label.to_owned(), path: path.into(), tokens })
            }
            _ => Err(format!(
                "expected LABEL=FILE or LABEL=MASKS,TOKENS with a label of letters, digits, '_', '-' and '.', such as \
                 seed=bases-2.parquet, found {text:?}"
            )),
        }
    }
}

/// The tables that are compared.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Tokenized windows of the reference: they give the order and the splits.
    pub tokens: PathBuf,
    /// Masks on the bases or the tokens of these windows.
    pub reference: PathBuf,
    /// Masks to compare with it.
    pub others: Vec<Other>,
}

impl Inputs {
    /// The labels, each once, in the order they were given.
    pub(crate) fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = Vec::new();
        for other in &self.others {
            if !labels.contains(&other.label.as_str()) {
                labels.push(&other.label);
            }
        }
        labels
    }
}
