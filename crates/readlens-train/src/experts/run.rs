use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use readlens_batch::{Dataset, Window};
use readlens_channels::{Channel, Window as Bases};
use readlens_fault::{Fault, Result};
use readlens_kernels::sparse_entry;
use readlens_kmer::Tokenization;
use readlens_linear::{FeatureWindows, LogRatios, TooManyEntries};
use readlens_nn::{
    CLASSIFIER, Classifier, ClassifierConfig, DeviceKind, ExpertChannel, ExpertsConfig, MAX_TOKENS,
    MaskSite, NetworkConfig, WEIGHTS_FILE, WeightSource,
};
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;

use super::config::Config;
use crate::combination::{Labelled, accuracies, set_weights};
use crate::{ModelOutput, frame_model_of};

/// Bytes of an entry.
const ENTRY: u64 = 4;
/// A full table is kept where at least this share of it would be entries: reading it in order is
/// that much faster.
const FULL_FROM: f64 = 0.25;

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table with the splits train and valid.
    pub tokens: PathBuf,
    /// Directory to write.
    pub output: PathBuf,
}

/// Counts experts and writes their directory.
///
/// # Errors
/// The table cannot be used, the experts need more memory than allowed, or the user interrupts.
pub fn run(config: &Config, paths: &Paths, context: &Context) -> Result<()> {
    config.validate()?;
    let output = ModelOutput::claim_at_once(&paths.output, CLASSIFIER, &[&paths.tokens])?;
    let data = Dataset::read(&paths.tokens, &config.ranks, None, MAX_TOKENS)?;
    let tokens = Reader::<TokenRow>::open(&paths.tokens)?;
    let inputs = [tokens.artefact("tokens")?];
    let manifest = Manifest::made_from("train-experts", config, Some(config.seed), &inputs)?
        .computed_by(DeviceKind::Cpu.compute());
    // What cannot work is said before anything is counted.
    shape(&data, config.channels.iter().map(|channel| (channel.clone(), Some(0)))).validate()?;
    let windows = Windows::of(&data);
    let labelled = Labelled::new(&data, config.channels.len(), config.masks, config.seed)?;
    let mut tensors = HashMap::new();
    let mut experts = Vec::with_capacity(config.channels.len());
    let mut left = (config.memory << 20) / ENTRY;
    let progress = context.progress("experts", config.channels.len() as u64);
    for channel in &config.channels {
        context.check_interrupt("nothing was written; start again")?;
        let rows = channel.rows() as usize;
        let prior = config.prior * rows as f64;
        let of_channel = OfChannel { windows: &windows, channel, tokenization: &data.tokenization };
        let ratios = LogRatios::fit(&of_channel, rows, windows.classes, prior, left)
            .map_err(|TooManyEntries(_)| too_much(config.memory, channel))?;
        let share = ratios.entries.len() as f64 / (rows * windows.classes) as f64;
        let is_full = share >= FULL_FROM && (rows * windows.classes) as u64 <= left;
        let numbers = if is_full { rows * windows.classes } else { ratios.entries.len() } as u64;
        left -= numbers;
        let megabytes = (numbers * ENTRY) as f64 / f64::from(1 << 20);
        tracing::info!("{channel}: {} entries, {megabytes:.0} MiB", ratios.entries.len());
        experts.push((channel.clone(), (!is_full).then_some(ratios.entries.len())));
        tensors.extend(
            to_tensors(channel, &ratios, windows.classes, is_full)
                .map_err(|e| Fault::failed("keeping the ratios", e))?,
        );
        progress.advance(1);
    }
    drop(progress);
    let mut shape = shape(&data, experts.into_iter());
    let build = |shape: &ClassifierConfig| {
        let file = paths.output.join(WEIGHTS_FILE);
        let cpu = Device::Cpu;
        let mut source = WeightSource::loaded(&file, tensors.clone(), false, DType::F32, &cpu);
        Classifier::new(shape, &mut source)
    };
    tracing::info!("fitting weights on {} windows, whole and masked", labelled.len());
    let classifier = build(&shape)?;
    let whole = labelled.scores(&classifier, false)?;
    context.check_interrupt("nothing was written; start again")?;
    let masked = labelled.scores(&classifier, true)?;
    context.check_interrupt("nothing was written; start again")?;
    let count = shape.branches.iter().map(|branch| branch.network.components()).sum();
    set_weights(&mut shape, labelled.weights(&whole, &masked, &[count]));
    let classifier = build(&shape)?;
    let joined = labelled.joined(&whole, |scores| classifier.join(scores))?;
    shape.temperatures = Some(labelled.temperatures(&joined));
    let classifier = build(&shape)?;
    let figures = labelled.figures(&labelled.joined(&whole, |scores| classifier.join(scores))?);
    tracing::info!("valid: {}", accuracies(&figures));
    let frame_model = frame_model_of(&tokens, &data.tokenization, &paths.tokens);
    let frame_model = frame_model.as_deref();
    output.write(&shape, classifier.tensors(), &manifest, &figures, frame_model)?;
    tracing::info!("wrote {}", paths.output.display());
    Ok(())
}

fn shape(
    data: &Dataset,
    channels: impl Iterator<Item = (Channel, Option<usize>)>,
) -> ClassifierConfig {
    let channels = channels.map(|(channel, entries)| ExpertChannel { channel, entries });
    let experts = ExpertsConfig { channels: channels.collect(), mask_site: MaskSite::Embedding };
    let network = NetworkConfig::Experts(experts);
    ClassifierConfig::of(network, data.ranks.clone(), data.tokenization.clone())
}

fn too_much(memory: u64, channel: &Channel) -> Fault {
    Fault::usage(format!(
        "the experts need more than --memory {memory} MiB, at {channel}: leave a channel out, give \
         its table fewer rows ({channel}@N), or allow more"
    ))
}

/// Training windows with their classes of all ranks, numbered one rank after the other.
struct Windows<'a> {
    windows: &'a [Window],
    labels: Vec<Vec<u32>>,
    classes: usize,
}

impl<'a> Windows<'a> {
    fn of(data: &'a Dataset) -> Self {
        let mut first = 0;
        let firsts = data.ranks.iter().map(|rank| {
            let of_rank = first;
            first += rank.taxa.len();
            of_rank as u32
        });
        let firsts: Vec<u32> = firsts.collect();
        let labels = data.train.iter().map(|window| {
            let classes = window.classes.iter().zip(&firsts);
            classes.filter_map(|(class, first)| Some(first + (*class)?)).collect()
        });
        Self { windows: &data.train, labels: labels.collect(), classes: first }
    }
}

/// The training windows as one channel counts them.
struct OfChannel<'a> {
    windows: &'a Windows<'a>,
    channel: &'a Channel,
    tokenization: &'a Tokenization,
}

impl FeatureWindows for OfChannel<'_> {
    fn count(&self) -> usize {
        self.windows.windows.len()
    }

    fn each_feature(&self, window: usize, visit: &mut dyn FnMut(u32)) {
        let Window { tokens, phase, .. } = &self.windows.windows[window];
        // A window whose tokens tell no bases was refused when the table was read.
        if let Ok(bases) = Bases::of(tokens, self.tokenization, *phase) {
            self.channel.each(&bases, |feature| visit(feature.row));
        }
    }

    fn classes(&self, window: usize) -> &[u32] {
        &self.windows.labels[window]
    }
}

/// The tensors of an expert, by name.
fn to_tensors(
    channel: &Channel,
    ratios: &LogRatios,
    classes: usize,
    is_full: bool,
) -> candle_core::Result<Vec<(String, Tensor)>> {
    let cpu = &Device::Cpu;
    let named = |part: &str, tensor: Tensor| (format!("ratios.{channel}.{part}"), tensor);
    let offsets = named("offsets", Tensor::new(ratios.offsets.as_slice(), cpu)?);
    let rows = ratios.starts.len() - 1;
    if is_full {
        let mut full = vec![0f32; rows * classes];
        for (row, bounds) in ratios.starts.windows(2).enumerate() {
            for (class, value) in &ratios.entries[bounds[0] as usize..bounds[1] as usize] {
                full[row * classes + *class as usize] = *value;
            }
        }
        return Ok(vec![offsets, named("rows", Tensor::from_vec(full, (rows, classes), cpu)?)]);
    }
    let entries = ratios.entries.iter().map(|(class, value)| sparse_entry(*class, *value));
    let entries: Vec<u32> = entries.collect();
    Ok(vec![
        offsets,
        named("starts", Tensor::new(ratios.starts.as_slice(), cpu)?),
        named("entries", Tensor::from_vec(entries, ratios.entries.len(), cpu)?),
    ])
}
