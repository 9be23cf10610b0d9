//! The manifests of everything that went into the page.

use std::path::PathBuf;

use readlens_fault::{Fault, Result};
use readlens_provenance::{Artefact, Manifest};
use readlens_tables::Reader;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::bases::BaseRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::stretches::StretchRow;
use readlens_tables::tokens::TokenRow;

use crate::config::Inputs;
use crate::text::visible;

/// One manifest under the name of what it belongs to.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) manifest: Option<Manifest>,
}

impl Source {
    /// The manifest as indented JSON, for people.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn json(&self) -> Result<String> {
        match &self.manifest {
            None => Ok("written without a manifest".to_owned()),
            Some(manifest) => serde_json::to_string_pretty(manifest)
                .map_err(|e| Fault::failed("writing a manifest as JSON", e)),
        }
    }
}

/// Every input with its digest and manifest; `checks` is the manifest of the document of verdicts.
///
/// # Errors
/// An input cannot be read.
pub(crate) fn artefacts(inputs: &Inputs, checks: Option<&Manifest>) -> Result<Vec<Artefact>> {
    let artefact = |(role, path): (&str, &PathBuf)| match role {
        "tokens" => Reader::<TokenRow>::open(path)?.artefact(role),
        "masks" => Reader::<MaskRow>::open(path)?.artefact(role),
        "bases" => Reader::<BaseRow>::open(path)?.artefact(role),
        "perturbations" => Reader::<PerturbationRow>::open(path)?.artefact(role),
        "predictions" => Reader::<PredictionRow>::open(path)?.artefact(role),
        "assessment" => Reader::<AssessmentRow>::open(path)?.artefact(role),
        "confusion" => Reader::<ConfusionRow>::open(path)?.artefact(role),
        "metrics" | "evidence" => Reader::<MetricRow>::open(path)?.artefact(role),
        "stretches" => Reader::<StretchRow>::open(path)?.artefact(role),
        "costs" => Reader::<CostRow>::open(path)?.artefact(role),
        "classifier" | "explainer" => Artefact::model(role, path),
        "checks" => Artefact::file(role, path, checks.cloned()),
        _ => Artefact::file(role, path, None),
    };
    inputs.files().map(artefact).collect()
}

/// The manifests that the page shows: those of everything that a stage may have written.
pub(crate) fn sources(artefacts: &[Artefact]) -> Vec<Source> {
    let shown = artefacts.iter().filter(|artefact| artefact.digest.role != "intervals");
    let source = |Artefact { digest, manifest, .. }: &Artefact| {
        let name = match digest.role.as_str() {
            "evidence" => {
                let stage = manifest.as_ref().map_or("unknown stage", |m| m.stage.as_str());
                format!("evidence of {}", visible(stage, 40))
            }
            role => role.to_owned(),
        };
        Source { name, manifest: manifest.clone() }
    };
    shown.map(source).collect()
}
