//! Naive Bayes experts: log ratios of hashed features by class, linear in the mask.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use readlens_channels::Channel;
use readlens_fault::{Fault, Result};
use readlens_kernels::{Engine, MaskSite, Precision, sparse_value};
use readlens_kmer::Tokenization;
use serde::{Deserialize, Serialize};

use super::channel_bag::check_channels;
use super::features::window_features;
use crate::batch::TokenBatch;
use crate::fused_ratios::{RatioRows, RatioSums, RatioTable, with_integers};
use crate::weights::WeightSource;

/// Most classes of all ranks together: an entry has 16 bits for one.
const MOST_CLASSES: usize = 1 << 16;
/// Most scores of a window, of all experts together.
const MOST_NUMBERS: usize = 1 << 18;
/// Most entries of a channel.
const MOST_ENTRIES: usize = u32::MAX as usize;

/// Shape of a set of experts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertsConfig {
    /// What the experts count; each channel is one.
    pub channels: Vec<ExpertChannel>,
    /// What a hidden feature is: nothing, or the mean of its channel.
    pub mask_site: MaskSite,
}

/// An expert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertChannel {
    /// Its features.
    pub channel: Channel,
    /// Number of entries of its inverted index; none where the ratios are a full table.
    pub entries: Option<usize>,
}

impl ExpertsConfig {
    /// Refuses shapes that cannot work; `taxa` holds the number of taxa of each rank.
    pub(crate) fn validate(&self, tokenization: &Tokenization, taxa: &[usize]) -> Result<()> {
        let classes: usize = taxa.iter().sum();
        if classes > MOST_CLASSES {
            return Err(Fault::usage(format!(
                "experts tell at most {MOST_CLASSES} taxa of all ranks apart, and there are \
                 {classes}: leave a rank out with --ranks"
            )));
        }
        let numbers = classes * self.channels.len();
        if numbers > MOST_NUMBERS {
            return Err(Fault::usage(format!(
                "experts times taxa are at most {MOST_NUMBERS}, not {numbers}: leave out a channel or \
                 a rank"
            )));
        }
        if let Some(found) = self.channels.iter().filter_map(|c| c.entries).max()
            && found > MOST_ENTRIES
        {
            return Err(Fault::usage(format!(
                "an expert has at most {MOST_ENTRIES} entries, not {found}"
            )));
        }
        let channels: Vec<Channel> = self.channels.iter().map(|c| c.channel.clone()).collect();
        check_channels(&channels, tokenization)
    }
}

/// Scores `Σ w ratio[feature] / √bases` of every class, by one expert for each channel.
///
/// The sum is over the features of the channel; `w` is the least mask of the tokens that the
/// feature covers.
#[derive(Debug)]
pub(crate) struct Experts {
    channels: Vec<Channel>,
    tokenization: Tokenization,
    taxa: Vec<usize>,
    tables: Arc<Vec<RatioTable>>,
    /// Type and place of the logits; the tables are f32 and on the CPU.
    dtype: DType,
    device: Device,
}

impl Experts {
    /// Takes its tensors from `source`; `taxa` holds the number of taxa of each rank.
    pub(crate) fn new(
        config: &ExpertsConfig,
        tokenization: &Tokenization,
        taxa: &[usize],
        source: &mut WeightSource,
    ) -> Result<Self> {
        let classes: usize = taxa.iter().sum();
        let table = |expert: &ExpertChannel| -> Result<RatioTable> {
            let name = |part: &str| format!("ratios.{}.{part}", expert.channel);
            let rows = expert.channel.rows() as usize;
            let offsets = source.counted(&name("offsets"), &[classes])?;
            let ratios = match expert.entries {
                None => RatioRows::Full(source.counted(&name("rows"), &[rows, classes])?),
                Some(entries) => {
                    let starts = source.integers(&name("starts"), rows + 1)?;
                    let entries = source.integers(&name("entries"), entries)?;
                    check_index(&starts, &entries, classes)
                        .map_err(|found| source.broken(&name("entries"), &found.to_string()))?;
                    RatioRows::Index { starts, entries }
                }
            };
            Ok(RatioTable { rows: ratios, offsets, mean: None })
        };
        let tables: Vec<RatioTable> = config.channels.iter().map(table).collect::<Result<_>>()?;
        let experts = Self {
            channels: config.channels.iter().map(|expert| expert.channel.clone()).collect(),
            tokenization: tokenization.clone(),
            taxa: taxa.to_vec(),
            tables: Arc::new(tables),
            dtype: source.dtype(),
            device: source.device().clone(),
        };
        experts.with_mask_site(config.mask_site)
    }

    /// Masks as `site` says.
    pub(crate) fn with_mask_site(self, site: MaskSite) -> Result<Self> {
        let engine = Engine::current(Precision::F32);
        let tables = self.tables.iter().zip(&self.channels).map(|(table, channel)| {
            let mean = (site == MaskSite::Mean).then(|| table.mean(channel.rows(), engine));
            let mean = mean.transpose().map_err(|e| Fault::failed("averaging an expert", e))?;
            Ok(RatioTable { mean, ..table.clone() })
        });
        let tables = tables.collect::<Result<_>>()?;
        Ok(Self { tables: Arc::new(tables), ..self })
    }

    /// Logits of each expert per rank, `(batch, taxa)` each.
    pub(crate) fn forward(
        &self,
        batch: &TokenBatch,
        mask: Option<&Tensor>,
    ) -> candle_core::Result<Vec<Vec<Tensor>>> {
        let windows = batch.ragged.rows();
        let windows = windows.map(|row| window_features(row, &self.tokenization, &self.channels));
        let sums = RatioSums {
            engine: Engine::current(Precision::F32),
            classes: self.taxa.iter().sum(),
            tables: Arc::clone(&self.tables),
            batch: Arc::clone(&batch.ragged),
            first: usize::from(batch.has_cls),
            windows: windows.collect::<candle_core::Result<_>>()?,
            is_masked: mask.is_some(),
        };
        let classes = sums.classes;
        let mask = batch.mask_on_cpu(mask)?;
        let scores =
            if mask.track_op() { mask.apply_op1(sums)? } else { mask.apply_op1_no_bwd(&sums)? };
        let scores = scores.to_device(&self.device)?.to_dtype(self.dtype)?;
        let of_expert = |expert: usize| {
            let mut first = expert * classes;
            let of_rank = |taxa: &usize| {
                let logits = scores.narrow(1, first, *taxa);
                first += taxa;
                logits
            };
            self.taxa.iter().map(of_rank).collect()
        };
        (0..self.channels.len()).map(of_expert).collect()
    }
}

/// Refuses an inverted index that reading would leave; a fresh one is all zero.
fn check_index(starts: &Tensor, entries: &Tensor, classes: usize) -> candle_core::Result<()> {
    with_integers(starts, |starts| {
        with_integers(entries, |entries| {
            let is_fresh = starts.iter().chain(entries).all(|value| *value == 0);
            let is_rising = starts.windows(2).all(|pair| pair[0] <= pair[1]);
            let last = starts.last().map(|last| *last as usize);
            let is_whole = is_rising && starts[0] == 0 && last == Some(entries.len());
            if !is_whole && !is_fresh {
                candle_core::bail!("rows that do not follow each other");
            }
            let mut values = entries.iter().map(|entry| sparse_value(*entry));
            match values.find(|(class, value)| *class >= classes || !value.is_finite()) {
                Some((class, value)) => candle_core::bail!("{value} for class {class}"),
                None => Ok(()),
            }
        })
    })
}
