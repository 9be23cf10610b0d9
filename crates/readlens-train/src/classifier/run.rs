use std::path::PathBuf;

use crate::{ModelOutput, Watcher, frame_model_of};
use candle_core::DType;
use readlens_batch::{Dataset, Window};
use readlens_fault::Result;
use readlens_fit::{fit, plan};
use readlens_nn::{
    CLASSIFIER, Classifier, ClassifierConfig, DeviceKind, Precision, WeightSource, frequency_biases,
};
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;

use super::config::{Config, ModelConfig};
use super::curve::last_rise;
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
    let output = ModelOutput::claim(&paths.output, CLASSIFIER, &[&paths.tokens])?;
    let most = config.model.max_tokens();
    let mut data = Dataset::read(&paths.tokens, &config.ranks, None, most)?;
    config.augmentation.validate(&data.tokenization)?;
    if config.permute_labels {
        data.permute_labels(config.fit.seed);
        tracing::warn!("labels are permuted among records: this classifier is a sanity check");
    }
    let tokens = Reader::<TokenRow>::open(&paths.tokens)?;
    let frame_model = frame_model_of(&tokens, &data.tokenization, &paths.tokens);
    let inputs = [tokens.artefact("tokens")?];
    let compute = device.compute();
    let network = config.model.network(data.tokenization.vocabulary_size(), data.longest);
    let shape = ClassifierConfig::of(network, data.ranks.clone(), data.tokenization.clone());
    shape.validate()?;
    let device = device.open(Precision::F32)?;
    let mut source = WeightSource::fresh(config.fit.seed, DType::F32, &device);
    if let ModelConfig::Composition(composition) = &config.model {
        let windows = data.train.iter().map(Window::as_read);
        let mut given = composition.moments(&data.tokenization, windows)?;
        // Weighed alike, no taxon is more frequent than another.
        if !config.class_weights {
            given.extend(frequency_biases(&data.train_counts())?);
        }
        source = source.given(given);
    }
    let classifier = Classifier::new(&shape, &mut source)?;
    let parameters = source.finish()?;
    let of_tables = match parameters.table_count() {
        0 => String::new(),
        count => format!(" and {count} in tables"),
    };
    let taxa = data.ranks.iter().map(|r| format!("{} {}", r.taxa.len(), r.rank));
    tracing::info!(
        "training a classifier of {} parameters{of_tables} on {} windows, validated on {}: {}",
        parameters.count(),
        data.train.len(),
        data.valid.len(),
        taxa.collect::<Vec<_>>().join(", ")
    );
    for rank in data.ranks.iter().filter(|rank| rank.taxa.len() == 1) {
        tracing::warn!(
            "the training windows know one taxon of {}, {}: every prediction of it is right, so it \
             takes no part in comparisons; leave the rank out with --ranks",
            rank.rank,
            rank.taxa[0]
        );
    }
    if data.valid.is_empty() {
        tracing::warn!("no windows in the split valid: the last epoch's weights are kept");
    }
    let watcher = Watcher::new(context, "classifier");
    let task = ClassifierTask::new(config, &data, &classifier);
    let planned = plan(&task, &parameters, &config.fit, output.checkpoint_directory()?, &watcher)?;
    let config = &Config { fit: planned, ..config.clone() };
    let manifest = Manifest::made_from("train-classifier", config, Some(config.fit.seed), &inputs)?
        .computed_by(compute);
    let checkpoint = output.checkpoint(&manifest)?;
    let task = ClassifierTask::new(config, &data, &classifier);
    let fitted = fit(&task, &parameters, &config.fit, &checkpoint, &watcher)?;
    drop(watcher);
    output.write(
        &shape,
        classifier.tensors(),
        &manifest,
        &fitted.figures,
        frame_model.as_deref(),
    )?;
    if let Some(rise) = last_rise(&fitted.figures) {
        tracing::info!(
            "over the last quarter of the epochs the accuracy on valid changed by {rise:+.2} points"
        );
    }
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
