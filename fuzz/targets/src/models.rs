use std::path::Path;

use candle_core::Device;
use readlens_fault::Result;
use readlens_nn::{CONFIG_FILE, MANIFEST_FILE, WEIGHTS_FILE, load_classifier, load_explainer};
use readlens_provenance::{
    Artefact, InputDigest, Manifest, check_together, digest_bytes, has_learnt_from_them, read_json,
};

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

/// A manifest.
pub fn manifest(input: &[u8], scratch: &Path) -> bool {
    check(read_manifest(input, &scratch.join(MANIFEST_FILE)))
}

fn read_manifest(input: &[u8], path: &Path) -> Result<()> {
    write(path, input)?;
    let manifest: Manifest = read_json(path)?;
    let artefact = |digest: InputDigest, manifest| Artefact { path: path.into(), digest, manifest };
    let mut inputs: Vec<Artefact> =
        manifest.inputs.iter().map(|given| artefact(given.clone(), None)).collect();
    let (role, name) = ("perturbations".to_owned(), "table".to_owned());
    let table = InputDigest { role, name, sha256: digest_bytes(input), bytes: 0 };
    inputs.push(artefact(table, Some(manifest)));
    has_learnt_from_them(&inputs);
    check_together(&inputs)
}
