//! The verdicts of an evaluation.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::{Manifest, refuse_large_json};
use readlens_tables::vocabulary::{MaskName, Method, MethodKind, Name, Ranks};
use serde::Deserialize;

/// Maximum number of verdicts in one document; more are a damaged one.
const MAX_CHECKS: usize = 10_000;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Passed,
    Failed,
    Noted,
    NotMeasured,
}

impl Verdict {
    pub(crate) const ALL: [Self; 4] = [Self::Failed, Self::Noted, Self::Passed, Self::NotMeasured];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Noted => "noted",
            Self::NotMeasured => "not measured",
        }
    }

    /// A sign that differs by its shape, not by its colour alone.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Failed => "✗",
            Self::Noted => "!",
            Self::NotMeasured => "?",
        }
    }

    pub(crate) fn style(self) -> &'static str {
        match self {
            Self::Passed => "shown",
            Self::Failed => "against",
            Self::Noted => "noted",
            Self::NotMeasured => "open",
        }
    }
}

/// One check of one mask, or of the classifier alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Entry")]
pub(crate) struct Check {
    pub(crate) name: String,
    /// The mask that was checked; none where it was the classifier.
    pub(crate) mask: Option<MaskName>,
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
}

/// A check as metrics.json has it.
#[derive(Deserialize)]
struct Entry {
    name: String,
    method: Option<Name>,
    method_kind: Option<MethodKind>,
    replicate: Option<u32>,
    mask_rank: Option<Ranks>,
    verdict: Verdict,
    sentence: String,
}

impl TryFrom<Entry> for Check {
    type Error = &'static str;

    fn try_from(entry: Entry) -> std::result::Result<Self, Self::Error> {
        let Entry { name, method, method_kind, replicate, mask_rank, verdict, sentence } = entry;
        let mask = match (method, method_kind, replicate, mask_rank) {
            (None, None, None, None) => None,
            (Some(name), Some(kind), Some(replicate), Some(ranks)) => {
                Some(MaskName { method: Method { kind, name, replicate }, ranks })
            }
            _ => return Err("a check with some of method, method_kind, replicate and mask_rank"),
        };
        Ok(Self { name, mask, verdict, sentence })
    }
}

/// The part of metrics.json that the page shows.
#[derive(Debug, Deserialize)]
struct Document {
    manifest: Manifest,
    checks: Option<Vec<Check>>,
}

/// Reads the verdicts, none where nothing was checked, and the document's manifest.
///
/// # Errors
/// The document cannot be read or is none of readlens-evaluate.
pub(crate) fn checks_of(path: &Path) -> Result<(Vec<Check>, Manifest)> {
    refuse_large_json(path)?;
    let file = File::open(path).map_err(|e| Fault::io("open", path, e))?;
    // The document holds every figure too: tens of megabytes, which are read past.
    let document: Document = serde_json::from_reader(BufReader::new(file)).map_err(|e| {
        Fault::input(path)
            .at(Place::Line(e.line() as u64))
            .expected("metrics.json as readlens-evaluate writes it")
            .found(e)
            .remedy("restore the file or run readlens-evaluate again")
    })?;
    let checks = document.checks.unwrap_or_default();
    if checks.len() > MAX_CHECKS {
        return Err(Fault::input(path)
            .expected(format!("at most {MAX_CHECKS} checks"))
            .found(checks.len())
            .remedy("pass the metrics.json of readlens-evaluate --check")
            .into());
    }
    Ok((checks, document.manifest))
}
