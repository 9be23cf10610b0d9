use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use readlens_batch::{Dataset, check_tokenization, tokenization_of};
use readlens_fault::{Fault, Place, Result};
use readlens_nn::{
    BranchConfig, CLASSIFIER, CONFIG_FILE, Classifier, ClassifierConfig, DeviceKind,
    LineageDecoding, WEIGHTS_FILE, WeightSource, load_classifier,
};
use readlens_provenance::{Artefact, Manifest};
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;

use super::config::{Config, Joint};
use super::fitting::{Labelled, accuracies, mean_accuracy};
use super::tree::parents;
use crate::{ModelOutput, frame_model_of};

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table with the splits train and valid.
    pub tokens: PathBuf,
    /// Directories of the classifiers to combine, one or more.
    pub classifiers: Vec<PathBuf>,
    /// Directory to write.
    pub output: PathBuf,
}

/// Branches of all classifiers, and their tensors.
struct Parts {
    branches: Vec<BranchConfig>,
    tensors: HashMap<String, Tensor>,
}

/// Combines classifiers and writes the directory of the combination.
///
/// # Errors
/// A classifier cannot be read or does not fit the table or the first one, there is no window to
/// fit on, or the output cannot be written.
pub fn run(config: &Config, paths: &Paths, context: &Context) -> Result<()> {
    config.validate()?;
    let read: Vec<&PathBuf> = std::iter::once(&paths.tokens).chain(&paths.classifiers).collect();
    let output = ModelOutput::claim_at_once(&paths.output, CLASSIFIER, &read)?;
    let tokens = Reader::<TokenRow>::open(&paths.tokens)?;
    let found = tokenization_of(&tokens)?;
    let mut parts = Parts { branches: Vec::new(), tensors: HashMap::new() };
    let mut first: Option<ClassifierConfig> = None;
    let mut inputs = vec![tokens.artefact("tokens")?];
    for directory in &paths.classifiers {
        context.check_interrupt("nothing was written; start again")?;
        let classifier = load_classifier(directory, &Device::Cpu)?;
        let shape = classifier.config().clone();
        check_tokenization(&paths.tokens, &found, directory, &shape.tokenization)?;
        check_ranks(first.as_ref(), &shape, directory)?;
        parts.add(directory, &shape, classifier.tensors());
        inputs.push(Artefact::model("classifier", directory)?);
        first.get_or_insert(shape);
    }
    let Some(first) = first else {
        return Err(Fault::usage("combine needs at least one classifier"));
    };
    let manifest = Manifest::made_from("combine", config, Some(config.seed), &inputs)?
        .computed_by(DeviceKind::Cpu.compute());
    let mut shape =
        ClassifierConfig { branches: parts.branches, decoding: None, temperatures: None, ..first };
    let data = Dataset::read(&paths.tokens, &[], Some(&shape.ranks), shape.max_tokens())?;
    let tensors = parts.tensors;
    let build = |shape: &ClassifierConfig| {
        let file = paths.output.join(WEIGHTS_FILE);
        let cpu = Device::Cpu;
        let mut source = WeightSource::loaded(&file, tensors.clone(), false, DType::F32, &cpu);
        let classifier = Classifier::new(shape, &mut source)?;
        source.finish()?;
        Ok::<_, Fault>(classifier)
    };
    let counts: Vec<usize> = shape.branches.iter().map(|b| b.network.components()).collect();
    let labelled = Labelled::new(&data, counts.iter().sum(), config.masks, config.seed)?;
    tracing::info!("fitting weights on {} windows, whole and masked", labelled.len());
    let progress = context.progress("passes over the windows", 2);
    let stopped = || context.check_interrupt("nothing was written; start again");
    let classifier = build(&shape)?;
    let whole = labelled.scores(&classifier, false)?;
    progress.advance(1);
    stopped()?;
    let masked = labelled.scores(&classifier, true)?;
    progress.advance(1);
    stopped()?;
    drop(progress);
    set_weights(&mut shape, labelled.weights(&whole, &masked, &counts));
    drop(masked);
    log_weights(&shape);
    let classifier = build(&shape)?;
    for (i, branch) in shape.branches.iter().enumerate() {
        let alone = labelled.joined(&whole, |scores| classifier.join_branch(i, scores))?;
        let accuracies = accuracies(&labelled.figures(&alone));
        tracing::info!("{} of {}, {}: {accuracies}", i + 1, shape.branches.len(), branch.name);
    }
    let together = labelled.joined(&whole, |scores| classifier.join(scores))?;
    tracing::info!("all together: {}", accuracies(&labelled.figures(&together)));
    if let Some(joint) = &config.joint
        && shape.ranks.len() > 1
    {
        let mut best: Option<(f64, LineageDecoding)> = None;
        let tree = parents(&data);
        for decoding in decodings(joint, &tree) {
            shape.decoding = Some(decoding.clone());
            let classifier = build(&shape)?;
            let decoded = labelled.joined(&whole, |scores| classifier.join(scores))?;
            let figures = labelled.figures(&decoded);
            let LineageDecoding { above, below, .. } = decoding;
            tracing::info!("decoded with above {above}, below {below}: {}", accuracies(&figures));
            let mean = mean_accuracy(&figures);
            if best.as_ref().is_none_or(|(most, _)| mean > *most) {
                best = Some((mean, decoding));
            }
            stopped()?;
        }
        shape.decoding = best.map(|(_, decoding)| decoding);
    }
    let classifier = build(&shape)?;
    let decoded = labelled.joined(&whole, |scores| classifier.join(scores))?;
    shape.temperatures = Some(labelled.temperatures(&decoded));
    stopped()?;
    let classifier = build(&shape)?;
    let figures = labelled.figures(&labelled.joined(&whole, |scores| classifier.join(scores))?);
    if let Some(LineageDecoding { above, below, .. }) = &shape.decoding {
        tracing::info!("above {above} and below {below} are kept");
    }
    let frame_model = frame_model_of(&tokens, &data.tokenization, &paths.tokens);
    let frame_model = frame_model.as_deref();
    output.write(&shape, classifier.tensors(), &manifest, &figures, frame_model)?;
    tracing::info!("wrote {}", paths.output.display());
    Ok(())
}

/// The decodings to choose from, along a tree of parents.
fn decodings(joint: &Joint, tree: &[Vec<Option<u32>>]) -> Vec<LineageDecoding> {
    let pairs = joint.above.iter().flat_map(|above| joint.below.iter().map(move |b| (*above, *b)));
    let decoding = |(above, below)| LineageDecoding { parents: tree.to_vec(), above, below };
    pairs.map(decoding).collect()
}

impl Parts {
    /// Adds the branches of a classifier: the only branch gets the directory's name, and others the
    /// name that they have there behind it.
    fn add(
        &mut self,
        directory: &Path,
        shape: &ClassifierConfig,
        tensors: &HashMap<String, Tensor>,
    ) {
        let of_directory = directory.file_name().map(|name| name.to_string_lossy());
        // `..` has no name of its own.
        let of_directory = of_directory.unwrap_or(Cow::Borrowed("classifier")).replace('.', "-");
        for branch in &shape.branches {
            let wanted = match branch.name.as_str() {
                "" => of_directory.clone(),
                name if shape.branches.len() == 1 => name.to_owned(),
                name => format!("{of_directory}-{name}"),
            };
            let is_taken = |name: &str| self.branches.iter().any(|other| other.name == name);
            let mut name = wanted.clone();
            for number in 2.. {
                if !is_taken(&name) {
                    break;
                }
                name = format!("{wanted}-{number}");
            }
            for (tensor, values) in tensors.iter().filter(|(tensor, _)| is_of(tensor, &branch.name))
            {
                let rest = match branch.name.as_str() {
                    "" => tensor.as_str(),
                    own => &tensor[own.len() + 1..],
                };
                self.tensors.insert(format!("{name}.{rest}"), values.clone());
            }
            let network = branch.network.clone();
            self.branches.push(BranchConfig { name, network, weights: None });
        }
    }
}

/// Whether a tensor belongs to a branch.
fn is_of(tensor: &str, branch: &str) -> bool {
    branch.is_empty() || tensor.strip_prefix(branch).is_some_and(|rest| rest.starts_with('.'))
}

/// Refuses a classifier of other taxa than the first.
fn check_ranks(
    first: Option<&ClassifierConfig>,
    shape: &ClassifierConfig,
    directory: &Path,
) -> Result<()> {
    let Some(first) = first.filter(|first| first.ranks != shape.ranks) else { return Ok(()) };
    let named = |shape: &ClassifierConfig| {
        let ranks = shape.ranks.iter().map(|rank| format!("{} {}", rank.taxa.len(), rank.rank));
        ranks.collect::<Vec<_>>().join(", ")
    };
    Err(Fault::input(directory.join(CONFIG_FILE))
        .at(Place::Part("ranks".to_owned()))
        .expected(format!("the taxa of the first classifier: {}", named(first)))
        .found(format!("others: {}", named(shape)))
        .remedy("combine classifiers that were trained on the same windows")
        .into())
}

/// Deals out weights, `[component][rank]`, to the branches.
pub(crate) fn set_weights(shape: &mut ClassifierConfig, weights: Vec<Vec<f64>>) {
    let mut weights = weights.into_iter();
    for branch in &mut shape.branches {
        let count = branch.network.components();
        branch.weights = Some(weights.by_ref().take(count).collect());
    }
}

fn log_weights(shape: &ClassifierConfig) {
    for branch in &shape.branches {
        for (component, weights) in
            branch.network.names().iter().zip(branch.weights.iter().flatten())
        {
            let ranks = shape.ranks.iter().zip(weights);
            let ranks = ranks.map(|(rank, weight)| format!("{} {weight:.3}", rank.rank));
            let ranks = ranks.collect::<Vec<_>>().join(", ");
            tracing::info!("weights of {}{component}: {ranks}", branch.name);
        }
    }
}
