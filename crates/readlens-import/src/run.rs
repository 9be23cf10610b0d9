use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use readlens_fault::{Fault, Result};
use readlens_nn::{
    CLASSIFIER, CONFIG_FILE, Classifier, ClassifierConfig, MANIFEST_FILE, NetworkConfig,
    WEIGHTS_FILE, WeightSource, save_weights,
};
use readlens_provenance::{Artefact, Manifest, NewDirectory, check_directory, write_json};
use readlens_tables::vocabulary::Name;
use serde::Serialize;

use crate::heads::Meanings;
use crate::imported::{Arranged, read};
use crate::tokenizer::read_tokenizer;

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Directory of the model.
    pub model: PathBuf,
    /// Table of what its labels mean, if there is one.
    pub labels: Option<PathBuf>,
    /// Directory to write.
    pub output: PathBuf,
}

/// What is chosen; goes into the manifest.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// Name of the only rank of a model without a table of its labels.
    pub rank: String,
}

/// Writes the model as a classifier, which every stage reads.
///
/// # Errors
/// The model is of no known kind, damaged, or not what its configuration says; its tokenizer cannot
/// be had; the table names other labels than the model; or `output` cannot be written.
pub fn run(config: &Config, paths: &Paths) -> Result<()> {
    let Paths { model, labels, output } = paths;
    check_directory(output, &CLASSIFIER, [model].into_iter().chain(labels))?;
    if let Err(bad) = Name::new(&config.rank) {
        return Err(Fault::usage(format!("--rank: {bad}")));
    }
    let imported = read(model)?;
    let tokenizer = read_tokenizer(model, imported.family)?;
    for name in &imported.unused {
        tracing::info!("the tensor {name} is not used");
    }
    let (family, own) = (imported.family, imported.ranks.clone());
    let files = imported.files.clone();
    let Arranged { network, mut tensors } =
        imported.arrange(&tokenizer.rows, tokenizer.has_end, &tokenizer.file)?;
    let meanings = match (labels, own.as_slice()) {
        (Some(table), [only]) => Some((Meanings::read(table)?, only)),
        (None, [only]) => Some((Meanings::of_one_rank(&config.rank, &only.taxa), only)),
        // Its heads have ranks, and each sees what those above it say.
        (None, _) => None,
        (Some(_), _) => {
            return Err(Fault::usage(format!(
                "--labels is for models of one head, and {family} names its own ranks; drop it"
            )));
        }
    };
    let ranks = match meanings {
        Some((meanings, only)) => meanings.heads(only, &mut tensors)?,
        None => own,
    };
    let shape = ClassifierConfig::of(
        NetworkConfig::Transformer(network),
        ranks,
        tokenizer.tokenization.clone(),
    );
    // What is written can be read: every tensor is there, finite and of its shape.
    let weights = output.join(WEIGHTS_FILE);
    let mut source =
        WeightSource::loaded(&weights, tensors.clone(), false, DType::F32, &Device::Cpu);
    Classifier::new(&shape, &mut source)?;
    source.finish()?;
    let inputs = inputs(model, &files, &tokenizer.file, labels.as_deref())?;
    let manifest = Manifest::made_from(STAGE, config, None, &inputs)?;
    let new = NewDirectory::create(output, CLASSIFIER)?;
    save_weights(&new.path().join(WEIGHTS_FILE), &tensors)?;
    write_json(&new.path().join(CONFIG_FILE), &shape)?;
    write_json(&new.path().join(MANIFEST_FILE), &manifest)?;
    new.commit()?;
    let in_words =
        |rank: &readlens_nn::RankClasses| format!("{} of {}", rank.taxa.len(), rank.rank);
    tracing::info!(
        "a classifier of the family {family} that reads {} and names {}; wrote {}",
        tokenizer.tokenization,
        shape.ranks.iter().map(in_words).collect::<Vec<_>>().join(", "),
        output.display()
    );
    Ok(())
}

/// Its name in manifests.
const STAGE: &str = "import";

/// Every file of the model that counts, in order of their names.
fn inputs(
    model: &Path,
    weights: &[PathBuf],
    tokenizer: &Path,
    labels: Option<&Path>,
) -> Result<Vec<Artefact>> {
    let mut inputs = vec![Artefact::file("configuration", &model.join(CONFIG_FILE), None)?];
    for file in weights {
        inputs.push(Artefact::file("weights", file, None)?);
    }
    inputs.push(Artefact::file("tokenizer", tokenizer, None)?);
    if let Some(table) = labels {
        inputs.push(Artefact::file("labels", table, None)?);
    }
    Ok(inputs)
}
