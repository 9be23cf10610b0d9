use std::path::{Path, PathBuf};

use crate::{ModelOutput, Watcher};
use candle_core::DType;
use readlens_batch::{Dataset, Window, check_tokenization, predict, tokenization_of};
use readlens_fault::{Fault, Result};
use readlens_fit::{Figure, fit, plan};
use readlens_nn::objective::LossWeights;
use readlens_nn::{
    ALL_RANKS, Classifier, DeviceKind, EXPLAINER, Explainer, ExplainerConfig, MAX_TOKENS,
    Parameters, Selection, WEIGHTS_FILE, WeightSource, WindowTokens, load_classifier, query_start,
    read_tensors, weights_digest,
};
use readlens_provenance::{Artefact, Manifest};
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use serde::Serialize;

use super::collapse::find_collapse;
use super::config::{Config, LearnFrom, NetworkConfig, Target};
use super::price::{Price, Pricing, Worth, measured, weights_of};
use super::start::{TRIED, Trial, begin};
use super::targets::targets_of;
use super::task::ExplainerTask;
use super::validation::{HARD_AREA, MASK_CORRELATION, Score, Validation};

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table with the splits train and valid.
    pub tokens: PathBuf,
    /// Directory of the trained classifier.
    pub classifier: PathBuf,
    /// Directory to write.
    pub output: PathBuf,
}

/// What the manifest says of a training.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    config: &'a Config,
    /// What tokens were found to be worth, where the price depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    worth: Option<Worth>,
}

/// Trains an Explainer and writes its directory.
///
/// # Errors
/// An input cannot be used, the configuration cannot work, the loss diverges, or the user
/// interrupts.
pub fn run(config: &Config, paths: &Paths, device: DeviceKind, context: &Context) -> Result<()> {
    config.validate()?;
    let inputs = [&paths.tokens, &paths.classifier];
    let output = ModelOutput::claim(&paths.output, EXPLAINER, &inputs)?;
    let compute = device.compute();
    let device = device.open(config.precision)?;
    let classifier = load_classifier(&paths.classifier, &device)?.with_precision(config.precision);
    let shape = classifier.config();
    let found = tokenization_of(&Reader::open(&paths.tokens)?)?;
    check_tokenization(&paths.tokens, &found, &paths.classifier, &shape.tokenization)?;
    let most = shape.max_tokens();
    let data = Dataset::read(&paths.tokens, &[], Some(&shape.ranks), most)?;
    let data = match config.learn_from {
        LearnFrom::Train => data,
        LearnFrom::Valid => data.of_valid(&paths.tokens, config.fit.seed)?,
    };
    config.augmentation.validate(&data.tokenization)?;
    let inputs = [
        Reader::<TokenRow>::open(&paths.tokens)?.artefact("tokens")?,
        Artefact::model("classifier", &paths.classifier)?,
    ];
    let ranks: Vec<String> = shape.ranks.iter().map(|r| r.rank.clone()).collect();
    let longest = if most < MAX_TOKENS { most } else { data.longest };
    let explainer_shape = ExplainerConfig {
        network: config.network.network(shape, longest, config.dropout),
        masks: if config.mask_per_rank { ranks.clone() } else { vec![ALL_RANKS.to_owned()] },
        smoothing: config.smoothing,
        gradient: config.objective.gradient(),
        selection: config.objective.selection(),
        max_tokens: Some(longest),
        tokenization: data.tokenization.clone(),
    };
    let mut source = WeightSource::fresh(config.fit.seed, DType::F32, &device);
    if let NetworkConfig::Query { .. } = config.network {
        source = source.given(query_start(&classifier)?);
    }
    let explainer = Explainer::new(&explainer_shape, &mut source)?;
    let parameters = source.finish()?;
    tracing::info!(
        "training an Explainer of {} parameters on {} windows, validated on {}",
        parameters.count(),
        data.train.len(),
        data.valid.len()
    );
    if data.valid.is_empty() {
        tracing::warn!(
            "no windows in the split valid: the last epoch is kept and a collapse would not be noticed"
        );
    }
    if config.target == Target::Label
        && !data.train.iter().any(|w| w.classes.iter().any(Option::is_some))
    {
        return Err(Fault::input(&paths.tokens)
            .expected("training windows with a label that the classifier knows")
            .found("none")
            .remedy("tokenize with a taxonomy, or train with --target predicted")
            .into());
    }
    let rows: Vec<WindowTokens> = data.valid.iter().map(Window::as_read).collect();
    let predictions = match config.target {
        Target::Predicted => predict(&classifier, &rows, None)?,
        Target::Label => Vec::new(),
    };
    let validation_targets = targets_of(config.target, &predictions, data.valid.iter());
    let before = classifier_digest(&paths.classifier)?;
    let (data, classifier, explainer) = (&data, &classifier, &explainer);
    let (objective, target) = (&config.objective, config.target);
    let worth = Worth::measure(objective, target, classifier, data, config.fit.seed)?;
    let pricing = Pricing::new(config.price, objective, worth)?;
    let validation = &Validation {
        selection: explainer_shape.selection,
        ranks,
        score: Score::of(objective, &pricing),
        targets: validation_targets,
    };
    if let (NetworkConfig::Query { .. }, Some(weights)) = (&config.network, weights_of(objective)) {
        let weights = LossWeights { area: pricing.weight(), ..*weights };
        begin_well(config, explainer, &parameters, classifier, data, weights)?;
    }
    let watcher = Watcher::new(context, "Explainer");
    let directory = output.checkpoint_directory()?;
    let fit_config = {
        let pricing = &pricing;
        let task = ExplainerTask { config, data, classifier, explainer, validation, pricing };
        plan(&task, &parameters, &config.fit, directory, &watcher)?
    };
    let steps = data.train.len().div_ceil(fit_config.batch) * fit_config.epochs as usize;
    let (pricing, config) = (&pricing.paced(steps), &Config { fit: fit_config, ..config.clone() });
    let seed = Some(config.fit.seed);
    let identity = Manifest::made_from("train-explainer", config, seed, &inputs)?;
    let checkpoint = output.checkpoint(&identity.computed_by(compute.clone()))?;
    // What was measured does not tell one training from another: another processor measures other
    // last digits.
    let worth = worth.filter(|_| config.price != Price::Weight);
    let described = Described { config, worth };
    let manifest = Manifest::made_from("train-explainer", &described, seed, &inputs)?;
    let manifest = manifest.computed_by(compute);
    let task = ExplainerTask { config, data, classifier, explainer, validation, pricing };
    let fitted = fit(&task, &parameters, &config.fit, &checkpoint, &watcher)?;
    drop(watcher);
    let after = weights_digest(classifier.tensors())?;
    if before != after {
        return Err(Fault::failed(
            "keeping the classifier frozen",
            format!(
                "its weights had digest {} before and {} after",
                before.as_str(),
                after.as_str()
            ),
        ));
    }
    tracing::info!("the classifier's weights are unchanged (sha256 {})", after.as_str());
    report_collapse(&fitted.figures, fitted.best_epoch, explainer_shape.selection);
    output.write(&explainer_shape, &parameters.tensors(), &manifest, &fitted.figures, None)?;
    tracing::info!("kept epoch {}; wrote {}", fitted.best_epoch, paths.output.display());
    Ok(())
}

/// Moves an Explainer that queries to where its masks begin best.
fn begin_well(
    config: &Config,
    explainer: &Explainer,
    parameters: &Parameters,
    classifier: &Classifier,
    data: &Dataset,
    weights: LossWeights,
) -> Result<()> {
    let mut windows = measured(data, config.fit.seed);
    windows.truncate(TRIED);
    let rows: Vec<WindowTokens> = windows.iter().map(|window| window.as_read()).collect();
    let predictions = match config.target {
        Target::Predicted => predict(classifier, &rows, None)?,
        Target::Label => Vec::new(),
    };
    let targets = &targets_of(config.target, &predictions, windows.into_iter());
    let wanted = match config.price {
        Price::Area(area) => Some(area),
        Price::Weight | Price::Worth(_) | Price::Loss(_) => None,
    };
    begin(explainer, parameters, &Trial { classifier, rows: &rows, targets, weights }, wanted)
}

/// Digest of the weights as they are on disk.
fn classifier_digest(directory: &Path) -> Result<readlens_provenance::Sha256Digest> {
    weights_digest(&read_tensors(&directory.join(WEIGHTS_FILE))?)
}

/// Warns of every mask that explains nothing.
fn report_collapse(figures: &[Figure], epoch: u32, selection: Selection) {
    let of_epoch = || figures.iter().filter(|f| f.epoch == epoch && f.step.is_none());
    for area in of_epoch().filter(|f| f.term == HARD_AREA) {
        let correlation = of_epoch().find(|f| f.term == MASK_CORRELATION && f.rank == area.rank);
        let collapse = correlation.and_then(|c| find_collapse(area.value, c.value));
        let Some(collapse) = collapse else { continue };
        let whose = area.rank.as_ref().map(|rank| format!("the mask for {rank}: "));
        let remedy = collapse.remedy(selection).map(|remedy| format!(": {remedy}"));
        tracing::warn!("{}{collapse}{}", whose.unwrap_or_default(), remedy.unwrap_or_default());
    }
}
