use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use rand::Rng;
use rand::seq::SliceRandom;
use readlens_fault::{Fault, Result};
use readlens_nn::{
    CLASSIFIER, CONFIG_FILE, Classifier, ClassifierConfig, FRAME_FILE, MANIFEST_FILE, WEIGHTS_FILE,
    WeightSource, load_classifier, save_weights,
};
use readlens_provenance::{Artefact, Manifest, NewDirectory, check_directory, write_json};
use readlens_random::{normal, stream};
use serde::Serialize;

use crate::parts::{Part, inside, parts_of};

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
    let shape = classifier.config();
    let branches: Vec<&str> = shape.branches.iter().map(|branch| branch.name.as_str()).collect();
    // Means and scales of the composition are those of the windows: nobody learned them.
    let learned = classifier
        .tensors()
        .keys()
        .map(String::as_str)
        .filter(|name| !matches!(inside(name, &branches), "mean" | "scale"));
    let parts = parts_of(learned, &branches);
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
///
/// A matrix or table that begins a training at zero would give one answer to all: it is drawn with
/// the standard deviation that it was trained to. Ratios that were counted are dealt out among the
/// features.
fn randomized(
    classifier: &Classifier,
    parts: &[Part],
    seed: u64,
) -> Result<HashMap<String, Tensor>> {
    let failed = |e| Fault::failed("drawing fresh weights", e);
    // A training with this very seed begins with the weights of `WeightSource::fresh(seed)`.
    let seed = stream(seed, "randomized weights").next_u64();
    let mut source = WeightSource::fresh(seed, DType::F32, &Device::Cpu);
    Classifier::new(classifier.config(), &mut source)?;
    let fresh = source.finish()?.tensors();
    let mut tensors = classifier.tensors().clone();
    for name in parts.iter().flat_map(|part| &part.tensors) {
        let mut rng = stream(seed, &format!("randomized/{name}"));
        let trained = classifier.tensors().get(name);
        match (fresh.get(name), trained) {
            (Some(fresh), Some(trained)) => {
                let drawn = drawn(fresh, trained, &mut rng).map_err(failed)?;
                tensors.insert(name.clone(), drawn);
            }
            _ if name.ends_with(".rows") || name.ends_with(".starts") => {
                let dealt = dealt_out(name, classifier.tensors(), &mut rng);
                tensors.extend(dealt.map_err(failed)?);
            }
            // The entries of an index are dealt out with its starts; offsets are sizes of taxa.
            _ => {}
        }
    }
    Ok(tensors)
}

/// A fresh tensor, or one of the trained tensor's standard deviation where it begins at zero.
fn drawn(fresh: &Tensor, trained: &Tensor, rng: &mut impl Rng) -> candle_core::Result<Tensor> {
    let values: Vec<f32> = fresh.flatten_all()?.to_vec1()?;
    if fresh.dims().len() < 2 || values.iter().any(|value| *value != 0.0) {
        return Ok(fresh.clone());
    }
    let trained: Vec<f32> = trained.flatten_all()?.to_vec1()?;
    let square = trained.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let deviation = (square / trained.len().max(1) as f64).sqrt();
    let values = values.iter().map(|_| (deviation * normal(rng)) as f32).collect();
    Tensor::from_vec(values, fresh.shape(), fresh.device())
}

/// Log ratios of an expert with the features in another order.
fn dealt_out(
    name: &str,
    tensors: &HashMap<String, Tensor>,
    rng: &mut impl Rng,
) -> candle_core::Result<Vec<(String, Tensor)>> {
    let tensor = &tensors[name];
    if name.ends_with(".rows") {
        let mut order: Vec<u32> = (0..tensor.dim(0)? as u32).collect();
        order.shuffle(rng);
        let order = Tensor::new(order, tensor.device())?;
        return Ok(vec![(name.to_owned(), tensor.index_select(&order, 0)?)]);
    }
    let of_entries = format!("{}entries", name.strip_suffix("starts").unwrap_or(name));
    let starts: Vec<u32> = tensor.to_vec1()?;
    let entries: Vec<u32> = tensors[&of_entries].to_vec1()?;
    let mut order: Vec<usize> = (0..starts.len() - 1).collect();
    order.shuffle(rng);
    let (mut new_starts, mut new_entries) = (vec![0u32], Vec::with_capacity(entries.len()));
    for row in order {
        new_entries.extend_from_slice(&entries[starts[row] as usize..starts[row + 1] as usize]);
        new_starts.push(new_entries.len() as u32);
    }
    let count = new_entries.len();
    Ok(vec![
        (name.to_owned(), Tensor::new(new_starts, tensor.device())?),
        (of_entries, Tensor::from_vec(new_entries, count, tensor.device())?),
    ])
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
