//! Calibrations as files, so that those who use a model need not have the tokens it was fitted on.

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_nn::RankClasses;
use readlens_provenance::{Artefact, InputDigest, Manifest, read_json};
use serde::{Deserialize, Serialize};

use crate::calibration::{Calibration, Figures};

/// Range of a temperature.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// Where temperatures come from.
#[derive(Clone, Debug)]
pub enum CalibrationSource {
    /// A token table with taxa and the split valid, on which they are fitted.
    Tokens(PathBuf),
    /// A file that an earlier run for the same classifier wrote.
    Saved(PathBuf),
}

impl CalibrationSource {
    /// The file that is read.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Tokens(path) | Self::Saved(path) => path,
        }
    }
}

/// The file: a calibration, and how it came to be.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    pub(crate) calibration: Calibration,
    pub(crate) manifest: Manifest,
}

impl Saved {
    /// Reads the file at `path`, which is to be of `classifier`, which has `ranks`.
    ///
    /// # Errors
    /// The file cannot be read, is no calibration, or is that of another classifier.
    pub(crate) fn read(
        path: &Path,
        classifier: Option<&InputDigest>,
        ranks: &[RankClasses],
    ) -> Result<(Calibration, Artefact)> {
        let saved: Self = read_json(path)?;
        let fault = |part: &str| {
            Fault::input(path)
                .at(Place::Part(part.to_owned()))
                .remedy("pass what --save-calibration wrote for this very classifier")
        };
        let found = saved.manifest.input("classifier");
        let name = classifier.map_or("", |classifier| &classifier.name);
        let is_it = found.zip(classifier).is_some_and(|(found, own)| found.sha256 == own.sha256);
        if !is_it {
            return Err(fault("manifest")
                .expected(format!("a calibration of the classifier {name}"))
                .found("one of another classifier")
                .into());
        }
        for (part, figures) in
            [("windows", &saved.calibration.windows), ("records", &saved.calibration.records)]
        {
            let named = || figures.iter().map(|figures| &figures.rank);
            if !named().eq(ranks.iter().map(|rank| &rank.rank)) {
                let found: Vec<&str> = named().map(String::as_str).collect();
                return Err(fault(part)
                    .expected("a temperature for each rank of the classifier")
                    .found(format!("temperatures of {}", found.join(", ")))
                    .into());
            }
            let outside = |figures: &&Figures| !TEMPERATURES.contains(&figures.temperature);
            if let Some(figures) = figures.iter().find(outside) {
                return Err(fault(part)
                    .expected("temperatures of 0.001 to 1000")
                    .found(format!("{} at {}", figures.temperature, figures.rank))
                    .into());
            }
        }
        let artefact = Artefact::file("calibration", path, Some(saved.manifest))?;
        Ok((saved.calibration, artefact))
    }
}
