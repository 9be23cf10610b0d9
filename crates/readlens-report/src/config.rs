use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_tables::vocabulary::Name;
use serde::Serialize;

/// Maximum number of sequences on a page: a browser has to hold them all.
const MAX_SEQUENCES: u32 = 2_000;
/// Longest title in characters.
const MAX_TITLE_CHARS: usize = 300;

/// What the page says and shows, apart from its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Heading of the page.
    pub title: String,
    /// Sequences in the gallery, at most.
    pub sequences: u32,
    /// Seed of the choice of sequences.
    pub seed: u64,
    /// Name of the method whose masks the page shows; none for that of the masks table's first row.
    pub method: Option<Name>,
    /// Which replicate of `method` it is, from 1; without effect where `method` is none.
    pub replicate: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            title: "What the classifier read".to_owned(),
            sequences: 24,
            seed: 1,
            method: None,
            replicate: 1,
        }
    }
}

impl Config {
    /// The same configuration, checked.
    ///
    /// # Errors
    /// The title is empty or too long, more sequences are asked for than a browser can hold, or the
    /// replicate is 0.
    pub fn validated(self) -> Result<Self> {
        if self.title.trim().is_empty() || self.title.chars().count() > MAX_TITLE_CHARS {
            return Err(Fault::usage(format!(
                "--title must have 1 to {MAX_TITLE_CHARS} characters, not {}",
                self.title.chars().count()
            )));
        }
        if self.sequences > MAX_SEQUENCES {
            return Err(Fault::usage(format!(
                "--sequences must be at most {MAX_SEQUENCES}, not {}; the tables hold all of them",
                self.sequences
            )));
        }
        if self.replicate == 0 {
            return Err(Fault::usage("--replicate counts from 1, so it cannot be 0"));
        }
        Ok(self)
    }
}

/// The tables and directories that a page is made of.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// tokens.parquet: sequences, labels and splits.
    pub tokens: PathBuf,
    /// masks.parquet.
    pub masks: PathBuf,
    /// bases.parquet; without it the tokens' masks are spread evenly over their bases.
    pub bases: Option<PathBuf>,
    /// perturbations.parquet; without it the gallery shows no predictions under masks.
    pub perturbations: Option<PathBuf>,
    /// predictions.parquet of windows, of readlens-predict.
    pub predictions: Option<PathBuf>,
    /// assessment.parquet: how right the classifier is.
    pub assessment: Option<PathBuf>,
    /// confusion.parquet: which taxa it takes for which.
    pub confusion: Option<PathBuf>,
    /// metrics.parquet; without it the page has no table of results.
    pub metrics: Option<PathBuf>,
    /// Metrics tables of other stages: compare, probe, baseline.
    pub evidence: Vec<PathBuf>,
    /// metrics.json, for its verdicts.
    pub checks: Option<PathBuf>,
    /// costs.parquet of the attribution methods.
    pub costs: Option<PathBuf>,
    /// Directory of the classifier, for its training curves.
    pub classifier: Option<PathBuf>,
    /// Directory of the Explainer, for its training curves.
    pub explainer: Option<PathBuf>,
    /// Annotated intervals to draw beside the masks.
    pub intervals: Option<PathBuf>,
    /// stretches.parquet, for the page that looks up windows.
    pub stretches: Option<PathBuf>,
}

/// The pages to write.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The report.
    pub report: PathBuf,
    /// The page that looks up any window; it must lie in the folder of the tables that it reads.
    pub browse: Option<PathBuf>,
}

impl Pages {
    /// The report alone.
    pub fn report(path: impl Into<PathBuf>) -> Self {
        Self { report: path.into(), browse: None }
    }
}

impl Inputs {
    /// Every file and directory that is read, with the role it has in the manifest.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let named = [
            ("tokens", Some(&self.tokens)),
            ("masks", Some(&self.masks)),
            ("bases", self.bases.as_ref()),
            ("perturbations", self.perturbations.as_ref()),
            ("predictions", self.predictions.as_ref()),
            ("assessment", self.assessment.as_ref()),
            ("confusion", self.confusion.as_ref()),
            ("metrics", self.metrics.as_ref()),
            ("checks", self.checks.as_ref()),
            ("costs", self.costs.as_ref()),
            ("classifier", self.classifier.as_ref()),
            ("explainer", self.explainer.as_ref()),
            ("intervals", self.intervals.as_ref()),
            ("stretches", self.stretches.as_ref()),
        ];
        let evidence = self.evidence.iter().map(|path| ("evidence", path));
        named.into_iter().filter_map(|(role, path)| Some((role, path?))).chain(evidence)
    }
}
