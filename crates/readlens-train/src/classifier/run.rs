use std::path::PathBuf;

use crate::{Watcher, checkpoint_for, write_model};
use candle_core::DType;
use readlens_batch::Dataset;
use readlens_fault::Result;
use readlens_nn::{Classifier, ClassifierConfig, DeviceKind, MAX_TOKENS, Precision, WeightSource};
use readlens_provenance::{InputDigest, Manifest};
use readlens_stage::Context;

use super::config::Config;
use super::task::ClassifierTask;

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table with the splits train and valid.
    pub tokens: PathBuf,
    /// Directory to write.
    pub output: PathBuf,
}

/// Trains a classifier and writes its directory.
///
/// # Errors
/// The table cannot be used, the configuration cannot work, the loss diverges, or the user
/// interrupts.
pub fn run(config: &Config, paths: &Paths, device: DeviceKind, context: &Context) -> Result<()> {
    config.validate()?;
    let most = config.model.max_tokens.unwrap_or(MAX_TOKENS);
    let mut data = Dataset::read(&paths.tokens, &config.ranks, None, most)?;
    config.augmentation.validate(&data.tokenization)?;
    if config.permute_labels {
        data.permute_labels(config.fit.seed);
        tracing::warn!("labels are permuted among records: this classifier is a sanity check");
    }
    let inputs = vec![InputDigest::of("tokens", &paths.tokens)?];
    let manifest = Manifest::new("train-classifier", config, Some(config.fit.seed), inputs)?;
    let shape = ClassifierConfig {
        encoder: config.model.encoder(data.tokenization.vocabulary_size(), data.longest),
        pooling: config.model.pooling,
        bag: config.model.bag.clone(),
        ranks: data.ranks.clone(),
        tokenization: data.tokenization,
    };
    let mut source =
        WeightSource::fresh(config.fit.seed, DType::F32, &device.open(Precision::F32)?);
    let classifier = Classifier::new(&shape, &mut source)?;
    let parameters = source.finish()?;
    let taxa = data.ranks.iter().map(|r| format!("{} {}", r.taxa.len(), r.rank));
    tracing::info!(
        "training a classifier of {} parameters on {} windows, validated on {}: {}",
        parameters.count(),
        data.train.len(),
        data.valid.len(),
        taxa.collect::<Vec<_>>().join(", ")
    );
    if data.valid.is_empty() {
        tracing::warn!("no windows in the split valid: the last epoch's weights are kept");
    }
    let checkpoint = checkpoint_for(&paths.output, &manifest)?;
    let task = ClassifierTask::new(config, &data, &classifier);
    let watcher = Watcher::new(context, "classifier");
    let fitted = readlens_fit::fit(&task, &parameters, &config.fit, &checkpoint, &watcher)?;
    drop(watcher);
    write_model(&paths.output, &shape, &parameters, &manifest, &fitted.figures)?;
    checkpoint.remove()?;
    match fitted.best_score {
        Some(score) => tracing::info!(
            "kept epoch {} with validation score {score:.4}; wrote {}",
            fitted.best_epoch,
            paths.output.display()
        ),
        None => tracing::info!("wrote {}", paths.output.display()),
    }
    Ok(())
}
