use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use rand::Rng;
use readlens_fault::{Fault, Result};
use readlens_nn::{
    CLASSIFIER, CONFIG_FILE, Classifier, ClassifierConfig, FRAME_FILE, MANIFEST_FILE, WEIGHTS_FILE,
    WeightSource, load_classifier, save_weights,
};
use readlens_provenance::{Artefact, Manifest, NewDirectory, check_directory, write_json};
use readlens_random::stream;
use serde::Serialize;

use crate::parts::{Part, parts_of};

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Directory of the trained classifier.
    pub classifier: PathBuf,
    /// Directory to write.
    pub output: PathBuf,
}

/// How much of a network is randomised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many parts from the output on, 1 or more.
    Parts(usize),
    /// Every tensor.
    All,
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(count)) if count > 0 => Ok(Self::Parts(count)),
            _ => Err(format!("expected a number from 1 on, or all, found {text:?}")),
        }
    }
}

/// What was done; goes into the manifest.
#[derive(Debug, Serialize)]
struct Config {
    /// Parts that are fresh, from the output on.
    randomized: Vec<String>,
    /// Parts that are as they were.
    kept: Vec<String>,
}

/// Writes the classifier with its top parts replaced by weights as training begins with.
///
/// The fresh weights are drawn by `seed` from streams that no training draws from, so they are not
/// the ones that this classifier was trained from, whatever its seed. For one seed, a part is the
/// same however many are randomised: the steps of a cascade continue each other.
///
/// # Errors
/// The directory holds no whole classifier, the network has fewer parts, or `output` cannot be
/// written.
pub fn run(amount: Amount, seed: u64, paths: &Paths) -> Result<()> {
    check_directory(&paths.output, &CLASSIFIER, [&paths.classifier])?;
    let classifier = load_classifier(&paths.classifier, &Device::Cpu)?;
    let parts = parts_of(classifier.tensors().keys().map(String::as_str));
    let count = match amount {
        Amount::All => parts.len(),
        Amount::Parts(count) if count <= parts.len() => count,
        Amount::Parts(count) => {
            return Err(Fault::usage(format!(
                "--parts is {count}, but {} has {}: {}",
                paths.classifier.display(),
                parts.len(),
                names(&parts).join(", ")
            )));
        }
    };
    let (fresh, kept) = parts.split_at(count);
    let tensors = randomized(&classifier, fresh, seed)?;
    let config = Config { randomized: names(fresh), kept: names(kept) };
    let inputs = [Artefact::model("classifier", &paths.classifier)?];
    let manifest = Manifest::made_from("randomize", &config, Some(seed), &inputs)?;
    write(paths, classifier.config(), &tensors, &manifest)?;
    let or_nothing = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    tracing::info!(
        "randomised {}; kept {}; wrote {}",
        config.randomized.join(", "),
        or_nothing(&config.kept),
        paths.output.display()
    );
    Ok(())
}

fn names(parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| part.name.clone()).collect()
}

/// The classifier's tensors with those of the `parts` fresh.
fn randomized(
    classifier: &Classifier,
    parts: &[Part],
    seed: u64,
) -> Result<HashMap<String, Tensor>> {
    // A training with this very seed begins with the weights of `WeightSource::fresh(seed)`.
    let seed = stream(seed, "randomized weights").next_u64();
    let mut source = WeightSource::fresh(seed, DType::F32, &Device::Cpu);
    Classifier::new(classifier.config(), &mut source)?;
    let fresh = source.finish()?.tensors();
    let mut tensors = classifier.tensors().clone();
    for name in parts.iter().flat_map(|part| &part.tensors) {
        if let Some(tensor) = fresh.get(name) {
            tensors.insert(name.clone(), tensor.clone());
        }
    }
    Ok(tensors)
}

fn write(
    paths: &Paths,
    config: &ClassifierConfig,
    tensors: &HashMap<String, Tensor>,
    manifest: &Manifest,
) -> Result<()> {
    let new = NewDirectory::create(&paths.output, CLASSIFIER)?;
    save_weights(&new.path().join(WEIGHTS_FILE), tensors)?;
    write_json(&new.path().join(CONFIG_FILE), config)?;
    let frames = paths.classifier.join(FRAME_FILE);
    if frames.exists() {
        let copied = std::fs::copy(&frames, new.path().join(FRAME_FILE));
        copied.map_err(|e| Fault::io("copy", &frames, e))?;
    }
    write_json(&new.path().join(MANIFEST_FILE), manifest)?;
    new.commit()
}
