//! A tiny classifier of two branches, a transformer and a bag of channels, that learns the taxa of
//! sixteen random windows by heart.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::sync::Mutex;

use candle_core::{D, DType, Device, Tensor};
use rand::RngExt;
use readlens_fault::Result;
use readlens_fit::{Checkpoint, Figure, FitConfig, Loss, Split, Task, shards_of};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{
    Architecture, BranchConfig, ChannelBagConfig, Classifier, ClassifierConfig, Dropout,
    EncoderConfig, MaskSite, NetworkConfig, NormPlace, Parameters, Pass, Pooling, RankClasses,
    Targets, TokenBatch, TransformerConfig, WeightGradients, WeightSource, WindowTokens, losses,
    weights_digest,
};
use readlens_provenance::{Manifest, Sha256Digest};
use readlens_random::stream;

pub const WINDOWS: usize = 16;
const TAXA: u32 = 4;

/// What the validation gives as score.
pub enum Score {
    /// Nothing: the last weights are kept.
    None,
    /// The accuracy on the windows.
    Accuracy,
    /// One score per epoch.
    Scripted(Vec<f64>),
}

/// Terms of a step's loss by name, and its pace.
pub type Told = (Vec<(String, f64)>, f64);

pub struct Memory {
    pub classifier: Classifier,
    pub windows: Vec<(Vec<u32>, u32)>,
    pub dropout: f64,
    pub score: Score,
    /// Step, from 0, whose loss is not a number.
    pub poison: Option<u32>,
    /// What it was told of each step: the terms and the pace.
    pub told: Mutex<Vec<Told>>,
    /// Weights at the end of each epoch.
    pub digests: Mutex<Vec<Sha256Digest>>,
}

pub struct Shard {
    batch: TokenBatch,
    targets: Targets,
    stream: String,
    factor: f64,
}

/// With dropout, as is usual, or without any.
fn shape(drops: bool) -> ClassifierConfig {
    let transformer = NetworkConfig::Transformer(TransformerConfig {
        encoder: EncoderConfig {
            vocabulary: 21,
            max_tokens: 9,
            dim: 16,
            layers: 1,
            heads: 2,
            feed_forward: 32,
            patch: 1,
            norm: NormPlace::Pre,
            embedding_norm: true,
            dropout: 0.0,
            mask_site: MaskSite::Embedding,
            architecture: Architecture::default(),
        },
        pooling: Pooling::Mean,
        bag: None,
    });
    let channels = NetworkConfig::ChannelBag(ChannelBagConfig {
        channels: vec!["kmer:2".parse().unwrap(), "kmer:5@300".parse().unwrap()],
        dim: 5,
        occurrence_dropout: if drops { 0.2 } else { 0.0 },
        dropout: if drops { 0.1 } else { 0.0 },
        mask_site: MaskSite::Embedding,
    });
    let branches = [("transformer", transformer), ("channels", channels)];
    let branch = |(name, network): (&str, NetworkConfig)| BranchConfig {
        name: name.to_owned(),
        network,
        weights: None,
    };
    ClassifierConfig {
        branches: branches.map(branch).into(),
        ranks: vec![RankClasses {
            rank: "genus".to_owned(),
            taxa: (0..TAXA).map(|t| t.to_string()).collect(),
        }],
        tokenization: Tokenization::new(Alphabet::Dna, 2, 2, true).unwrap(),
        decoding: None,
        temperatures: None,
    }
}

impl Memory {
    /// Fresh weights and windows, the same each time.
    pub fn new() -> (Self, Parameters) {
        Self::dropping(true)
    }

    /// Nothing is left out in training.
    pub fn without_dropout() -> (Self, Parameters) {
        Self::dropping(false)
    }

    fn dropping(drops: bool) -> (Self, Parameters) {
        let mut source = WeightSource::fresh(3, DType::F32, &Device::Cpu);
        let classifier = Classifier::new(&shape(drops), &mut source).unwrap();
        let parameters = source.finish().unwrap();
        let mut rng = stream(4, "windows");
        let windows = (0..WINDOWS)
            .map(|i| {
                let kmers = (0..4 + i % 5).map(|_| rng.random_range(5..21));
                ([2].into_iter().chain(kmers).collect(), rng.random_range(0..TAXA))
            })
            .collect();
        let memory = Self {
            classifier,
            windows,
            dropout: if drops { 0.1 } else { 0.0 },
            score: Score::Accuracy,
            poison: None,
            told: Mutex::default(),
            digests: Mutex::default(),
        };
        (memory, parameters)
    }

    pub fn accuracy(&self) -> f64 {
        let rows: Vec<WindowTokens> =
            self.windows.iter().map(|(tokens, _)| WindowTokens::unframed(tokens)).collect();
        let batch = TokenBatch::new(&rows, DType::F32, &Device::Cpu).unwrap();
        let logits = self.classifier.forward(&batch, None, &mut Pass::inference()).unwrap();
        let predicted: Vec<u32> = logits[0].argmax(D::Minus1).unwrap().to_vec1().unwrap();
        let right = predicted.iter().zip(&self.windows).filter(|(p, (_, class))| *p == class);
        right.count() as f64 / self.windows.len() as f64
    }
}

impl Task for Memory {
    type Shard = Shard;

    fn examples(&self) -> usize {
        self.windows.len()
    }

    fn prepare(
        &self,
        indices: &[usize],
        shards: usize,
        epoch: u32,
        step: u32,
    ) -> Result<Vec<Shard>> {
        let shard = |(i, rows): (usize, std::ops::Range<usize>)| {
            let part = &indices[rows];
            let rows: Vec<WindowTokens> =
                part.iter().map(|&i| WindowTokens::unframed(&self.windows[i].0)).collect();
            Shard {
                batch: TokenBatch::new(&rows, DType::F32, &Device::Cpu).unwrap(),
                targets: Targets {
                    classes: part.iter().map(|&i| self.windows[i].1).collect(),
                    weights: vec![1.0 / indices.len() as f64; part.len()],
                },
                stream: format!("dropout/{epoch}/{step}/{i}"),
                factor: if self.poison == Some(step) { f64::NAN } else { 1.0 },
            }
        };
        Ok(shards_of(indices.len(), shards).enumerate().map(shard).collect())
    }

    fn loss(&self, shard: &Shard, gradients: &WeightGradients) -> candle_core::Result<Loss> {
        let dropout = Dropout::seeded(self.dropout, stream(1, &shard.stream));
        let mut pass = Pass::training(dropout, gradients);
        let logits = self.classifier.forward(&shard.batch, None, &mut pass)?;
        let total = losses::cross_entropy(&logits[0], &shard.targets)?;
        let squares = (&total * &total)?.to_dtype(DType::F64)?.to_scalar()?;
        let total: Tensor = (total * shard.factor)?;
        Ok(Loss { total, terms: vec![("squares", squares)] })
    }

    fn stepped(&self, terms: &[(&str, f64)], pace: f64) {
        let terms = terms.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.told.lock().unwrap().push((terms, pace));
    }

    fn validate(&self, epoch: u32) -> Result<(Vec<Figure>, Option<f64>)> {
        self.digests.lock().unwrap().push(weights_digest(self.classifier.tensors())?);
        let score = match &self.score {
            Score::None => None,
            Score::Accuracy => Some(self.accuracy()),
            Score::Scripted(scores) => Some(scores[epoch as usize - 1]),
        };
        let term = "score".to_owned();
        let figure =
            |value| Figure { epoch, step: None, split: Split::Valid, rank: None, term, value };
        Ok((score.map(figure).into_iter().collect(), score))
    }
}

/// Four steps an epoch, each in three parts.
pub fn config(epochs: u32) -> FitConfig {
    FitConfig {
        epochs,
        hours: None,
        batch: 4,
        shards: 3,
        learning_rate: 1e-2,
        table_learning_rate: 0.1,
        warm_up: 0.1,
        weight_decay: 0.01,
        clip: 1.0,
        patience: None,
        seed: 7,
    }
}

pub fn checkpoint(directory: &Path, config: &FitConfig) -> Checkpoint {
    let manifest =
        Manifest::new("train-classifier", config, Some(config.seed), Vec::new()).unwrap();
    Checkpoint::new(&directory.join("memory.checkpoint"), manifest)
}
