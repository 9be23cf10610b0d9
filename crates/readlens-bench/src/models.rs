//! The networks that every contender loads: fresh weights of a stated seed.

use std::path::Path;

use candle_core::{DType, Device};
use readlens_fault::Result;
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{
    Architecture, CONFIG_FILE, Classifier, ClassifierConfig, EncoderConfig, Explainer,
    ExplainerConfig, ExplainerNetwork, MANIFEST_FILE, MaskSite, NetworkConfig, NormPlace,
    Parameters, Pooling, RankClasses, Selection, TransformerConfig, WEIGHTS_FILE, WeightSource,
    save_weights,
};
use readlens_provenance::{DirectoryKind, Manifest, NewDirectory, write_json};
use serde::Serialize;

use crate::job::{ExplainerKind, Shape};

/// Folder of the classifier in a models directory.
pub(crate) const CLASSIFIER: &str = "classifier";

/// The directory of a model with fresh weights.
const MODEL: DirectoryKind = DirectoryKind {
    name: "model of the benchmark",
    stages: &["bench"],
    files: &[WEIGHTS_FILE, CONFIG_FILE],
    is_temporary: false,
};

/// Width, span and dilations of the Explainer that `train-explainer` builds by default.
const CONVOLUTIONAL_DIM: usize = 32;
const CONVOLUTIONAL_WIDTH: usize = 5;
const CONVOLUTIONAL_DILATIONS: [usize; 4] = [1, 2, 4, 8];

impl ExplainerKind {
    /// Folder of the Explainer in a models directory.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Convolutional => "convolutional",
        }
    }
}

/// Writes a classifier and both Explainers below `directory`.
pub(crate) fn write(directory: &Path, seed: u64, shape: &Shape) -> Result<()> {
    let tokenization = Tokenization::new(Alphabet::Dna, shape.k, shape.k, true)?;
    let encoder = encoder(shape, tokenization.vocabulary_size());
    let rank = |(i, taxa): (usize, &usize)| RankClasses {
        rank: format!("rank{i}"),
        taxa: (0..*taxa).map(|taxon| format!("taxon{taxon}")).collect(),
    };
    let config = ClassifierConfig::of(
        NetworkConfig::Transformer(TransformerConfig {
            encoder: encoder.clone(),
            pooling: Pooling::Mean,
            bag: None,
        }),
        shape.taxa.iter().enumerate().map(rank).collect(),
        tokenization.clone(),
    );
    let mut source = WeightSource::fresh(seed, DType::F32, &Device::Cpu);
    Classifier::new(&config, &mut source)?;
    write_model(&directory.join(CLASSIFIER), seed, &config, &source.finish()?)?;
    for kind in [ExplainerKind::Transformer, ExplainerKind::Convolutional] {
        let config = ExplainerConfig {
            network: network(kind, &encoder),
            masks: vec![readlens_nn::ALL_RANKS.to_owned()],
            smoothing: 1,
            gradient: None,
            selection: Selection::Threshold,
            max_tokens: None,
            tokenization: tokenization.clone(),
        };
        // Another seed than the classifier's, or its tensors of the same name would be equal.
        let seed = seed + 1;
        let mut source = WeightSource::fresh(seed, DType::F32, &Device::Cpu);
        Explainer::new(&config, &mut source)?;
        write_model(&directory.join(kind.folder()), seed, &config, &source.finish()?)?;
    }
    Ok(())
}

fn encoder(shape: &Shape, vocabulary: usize) -> EncoderConfig {
    EncoderConfig {
        vocabulary,
        max_tokens: shape.tokens,
        dim: shape.dim,
        layers: shape.layers,
        heads: shape.heads,
        feed_forward: shape.feed_forward,
        patch: 1,
        norm: NormPlace::Pre,
        embedding_norm: true,
        dropout: 0.0,
        mask_site: MaskSite::Embedding,
        architecture: Architecture::default(),
    }
}

fn network(kind: ExplainerKind, encoder: &EncoderConfig) -> ExplainerNetwork {
    match kind {
        ExplainerKind::Transformer => ExplainerNetwork::Transformer(encoder.clone()),
        ExplainerKind::Convolutional => ExplainerNetwork::Convolutional {
            vocabulary: encoder.vocabulary,
            dim: CONVOLUTIONAL_DIM,
            width: CONVOLUTIONAL_WIDTH,
            dilations: CONVOLUTIONAL_DILATIONS.to_vec(),
        },
    }
}

fn write_model(
    directory: &Path,
    seed: u64,
    config: &impl Serialize,
    parameters: &Parameters,
) -> Result<()> {
    let new = NewDirectory::create(directory, MODEL)?;
    save_weights(&new.path().join(WEIGHTS_FILE), &parameters.tensors())?;
    write_json(&new.path().join(CONFIG_FILE), config)?;
    let manifest = Manifest::new("bench", config, Some(seed), Vec::new())?;
    write_json(&new.path().join(MANIFEST_FILE), &manifest)?;
    new.commit()
}
