//! The tokens and labels that every contender works on.

use std::ops::Range;
use std::path::Path;

use candle_core::{DType, Device};
use readlens_fault::{Fault, Result};
use readlens_fit::shards_of;
use readlens_nn::{Classifier, Precision, Targets, TokenBatch, WindowTokens, load_classifier};

use crate::job;
use crate::models::CLASSIFIER;

/// Rows of tokens with a class per rank.
pub(crate) struct Examples {
    rows: Vec<Vec<u32>>,
    /// Classes of all rows, per rank.
    classes: Vec<Vec<u32>>,
}

/// Some consecutive rows, ready for a network.
pub(crate) struct Shard {
    pub(crate) batch: TokenBatch,
    /// The labels per rank, weighted for the mean over all rows and ranks.
    pub(crate) targets: Vec<Targets>,
}

impl Examples {
    /// Reads the first rows of the job's files.
    pub(crate) fn read(job: &job::Examples, tokens: usize, ranks: usize) -> Result<Self> {
        let ids = read_u32(&job.ids, job.rows.get() * tokens)?;
        let labels = read_u32(&job.labels, job.rows.get() * ranks)?;
        let rank = |rank: usize| labels.iter().skip(rank).step_by(ranks).copied().collect();
        Ok(Self {
            rows: ids.chunks(tokens).map(<[u32]>::to_vec).collect(),
            classes: (0..ranks).map(rank).collect(),
        })
    }

    /// The frozen classifier of the job, and its examples.
    pub(crate) fn with_classifier(
        job: &job::Examples,
        precision: Precision,
    ) -> Result<(Classifier, Self)> {
        let classifier = load_classifier(&job.models.join(CLASSIFIER), &Device::Cpu)?;
        let classifier = classifier.with_precision(precision);
        let config = classifier.config();
        let examples = Self::read(job, config.max_tokens(), config.ranks.len())?;
        Ok((classifier, examples))
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows' token ids.
    pub(crate) fn rows(&self) -> Vec<WindowTokens<'_>> {
        self.rows.iter().map(|ids| WindowTokens::unframed(ids)).collect()
    }

    /// The first row as a batch of its own.
    pub(crate) fn first(&self) -> Result<TokenBatch> {
        batch(&self.rows()[..1])
    }

    /// All rows, cut into at most `shards` parts of equal size as far as possible.
    pub(crate) fn shards(&self, shards: usize) -> Result<Vec<Shard>> {
        shards_of(self.len(), shards).map(|rows| self.shard(rows)).collect()
    }

    fn shard(&self, range: Range<usize>) -> Result<Shard> {
        let weight = 1.0 / (self.len() * self.classes.len()) as f64;
        let targets = |classes: &Vec<u32>| Targets {
            classes: classes[range.clone()].to_vec(),
            weights: vec![weight; range.len()],
        };
        Ok(Shard {
            batch: batch(&self.rows()[range.clone()])?,
            targets: self.classes.iter().map(targets).collect(),
        })
    }
}

fn batch(rows: &[WindowTokens]) -> Result<TokenBatch> {
    TokenBatch::new(rows, DType::F32, &Device::Cpu)
        .map_err(|e| Fault::failed("preparing a batch", e))
}

fn read_u32(path: &Path, count: usize) -> Result<Vec<u32>> {
    let bytes = std::fs::read(path).map_err(|e| Fault::io("read", path, e))?;
    let (words, _) = bytes.as_chunks::<4>();
    let values: Vec<u32> = words.iter().take(count).map(|word| u32::from_le_bytes(*word)).collect();
    if values.len() < count {
        return Err(Fault::input(path)
            .expected(format!("{count} numbers of 32 bits"))
            .found(values.len())
            .remedy("let the driver write the file again")
            .into());
    }
    Ok(values)
}
