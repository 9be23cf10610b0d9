use std::path::Path;

use candle_core::Device;
use readlens_fault::Result;
use readlens_nn::{CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE, load_classifier, load_explainer};
use readlens_provenance::{Artefact, Manifest, check_together, read_json, what_it_learned_from};

use crate::{NEXT_FILE, check, write};

/// A model directory, as a classifier and as an Explainer: `config.json`, [`NEXT_FILE`], then
/// `model.safetensors`.
pub fn model(input: &[u8], scratch: &Path) -> bool {
    let end = input.iter().position(|&byte| byte == NEXT_FILE).unwrap_or(input.len());
    let weights = input.get(end + 1..).unwrap_or_default();
    let written = write(&scratch.join(CONFIG_FILE), &input[..end])
        .and_then(|()| write(&scratch.join(WEIGHTS_FILE), weights));
    check(written);
    let is_classifier = check(load_classifier(scratch, &Device::Cpu).map(drop));
    let is_explainer = check(load_explainer(scratch, &Device::Cpu).map(drop));
    is_classifier || is_explainer
}

/// Manifests of tokens, classifier, Explainer and masks, with [`NEXT_FILE`] between them: each for
/// itself, and whether they are of one run.
pub fn manifest(input: &[u8], scratch: &Path) -> bool {
    check(read_manifests(input, scratch))
}

fn read_manifests(input: &[u8], scratch: &Path) -> Result<()> {
    let roles = ["tokens", "classifier", "explainer", "masks"];
    let files = roles.into_iter().zip(input.split(|&byte| byte == NEXT_FILE));
    let artefacts: Vec<Artefact> =
        files.map(|(role, file)| artefact(role, file, scratch)).collect::<Result<_>>()?;
    check_together(&artefacts)?;
    what_it_learned_from(&artefacts);
    Manifest::made_from("fuzz", &"", None, &artefacts).map(drop)
}

fn artefact(role: &str, file: &[u8], scratch: &Path) -> Result<Artefact> {
    let path = scratch.join(format!("{role}-{MANIFEST_FILE}"));
    write(&path, file)?;
    Artefact::file(role, &path, Some(read_json(&path)?))
}
