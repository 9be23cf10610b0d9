use std::path::PathBuf;
use std::str::FromStr;

use readlens_fault::{Fault, Result};
use readlens_metrics::check_replicates;
use readlens_provenance::Explains;
use readlens_tables::vocabulary::{Operator, Role, Word};
use serde::Serialize;

use crate::window::Label;

/// Longest word of a label.
const MAX_LABEL: usize = 64;

/// How figures are computed; goes into the manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
        check_replicates(self.replicates)?;
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
    /// What is different about it: a comparison that this project knows, or a word of the user's
    /// own.
    pub operator: Word<Operator>,
    /// Which of several such differences it is. Tables of one operator and variant are averaged.
    pub variant: Option<String>,
    /// The table of masks, on bases or on tokens.
    pub path: PathBuf,
    /// The tokens that masks on tokens are of; none: those of the reference.
    pub tokens: Option<PathBuf>,
}

impl Other {
    /// What the table shows, as a message names it.
    pub(crate) fn label(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{} ({variant})", self.operator),
            None => self.operator.to_string(),
        }
    }
}

impl Other {
    /// What its masks explain, as its label says.
    pub(crate) fn explains(&self) -> Explains {
        match self.operator.known() {
            Some(Operator::Randomized) => Explains::ARandomizedCopy,
            Some(Operator::Permuted) => Explains::ATwin,
            Some(_) => Explains::TheSame,
            None => Explains::Any,
        }
    }
}

/// Whether an operator compares the masks of two readings of a window.
fn is_comparison(operator: Operator) -> bool {
    operator.role() == Role::Masks && operator != Operator::Mask
}

impl FromStr for Other {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            !label.is_empty() && label.len() <= MAX_LABEL && label.chars().all(is_plain)
        };
        let fault = || {
            format!(
                "expected WHAT=FILE, WHAT:VARIANT=FILE or WHAT=MASKS,TOKENS with words of letters, \
                 digits, '_', '-' and '.', such as seed=bases-2.parquet, found {text:?}"
            )
        };
        let (label, files) = text.split_once('=').ok_or_else(fault)?;
        let (operator, variant) = match label.split_once(':') {
            Some((operator, variant)) => (operator, Some(variant)),
            None => (label, None),
        };
        if !is_label(operator) || !variant.is_none_or(is_label) || files.is_empty() {
            return Err(fault());
        }
        let operator = Word::<Operator>::of(operator);
        if let Some(known) = operator.known()
            && !is_comparison(known)
        {
            let known: Vec<&str> =
                Operator::ALL.iter().filter(|o| is_comparison(**o)).map(|o| o.name()).collect();
            let known = known.join(", ");
            return Err(format!("{operator} compares no masks; the comparisons are {known}"));
        }
        let (path, tokens) = match files.split_once(',') {
            Some((path, tokens)) => (path, Some(tokens.into())),
            None => (files, None),
        };
        Ok(Self { operator, variant: variant.map(str::to_owned), path: path.into(), tokens })
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
    /// What is different about the others, each once, in the order they were given.
    pub(crate) fn labels(&self) -> Vec<Label> {
        let mut labels: Vec<Label> = Vec::new();
        for (place, other) in self.others.iter().enumerate() {
            let is_it = |label: &&mut Label| {
                label.operator == other.operator && label.variant == other.variant
            };
            match labels.iter_mut().find(is_it) {
                Some(label) => label.tables.push(place),
                None => labels.push(Label {
                    operator: other.operator.clone(),
                    variant: other.variant.clone(),
                    tables: vec![place],
                }),
            }
        }
        labels
    }
}
