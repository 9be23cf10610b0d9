use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use readlens_nn::{
    Architecture, CONFIG_FILE, Classifier, ClassifierConfig, EncoderConfig, Explainer,
    ExplainerConfig, ExplainerNetwork, MANIFEST_FILE, MaskSite, NetworkConfig, NormPlace, Pooling,
    RankClasses, Selection, TransformerConfig, WEIGHTS_FILE, WeightSource, save_weights,
};
use readlens_provenance::{Manifest, write_json};

use crate::tables::{RANKS, TAXA, tokenization};

/// Five special tokens and the 3-mers.
const VOCABULARY: usize = 69;

fn encoder(patch: usize) -> EncoderConfig {
    EncoderConfig {
        vocabulary: VOCABULARY,
        max_tokens: 20,
        dim: 8,
        layers: 1,
        heads: 2,
        feed_forward: 12,
        patch,
        norm: NormPlace::Pre,
        embedding_norm: true,
        dropout: 0.0,
        mask_site: MaskSite::Embedding,
        architecture: Architecture::default(),
    }
}

/// A classifier of the taxa of [`crate::rows`].
pub fn classifier_shape() -> ClassifierConfig {
    let rank = |(rank, taxa): (&str, usize)| RankClasses {
        rank: rank.to_owned(),
        taxa: (0..taxa).map(|t| format!("{rank}{t}")).collect(),
    };
    ClassifierConfig::of(
        NetworkConfig::Transformer(TransformerConfig {
            encoder: encoder(2),
            pooling: Pooling::Mean,
            bag: None,
        }),
        RANKS.into_iter().zip(TAXA).map(rank).collect(),
        tokenization(),
    )
}

/// A small convolutional network.
pub fn convolutional() -> ExplainerNetwork {
    ExplainerNetwork::Convolutional {
        vocabulary: VOCABULARY,
        dim: 8,
        width: 3,
        dilations: vec![1, 2],
    }
}

/// A small transformer.
pub fn transformer() -> ExplainerNetwork {
    ExplainerNetwork::Transformer(encoder(1))
}

/// An Explainer with the `masks` and `selection`.
pub fn explainer_shape(
    network: ExplainerNetwork,
    masks: &[&str],
    selection: Selection,
) -> ExplainerConfig {
    ExplainerConfig {
        network,
        masks: masks.iter().map(|&mask| mask.to_owned()).collect(),
        smoothing: 1,

        gradient: None,
        selection,
        max_tokens: None,
        tokenization: tokenization(),
    }
}

/// Writes weights and configuration as given.
pub fn write_model_with(
    directory: &Path,
    config: &impl serde::Serialize,
    tensors: &HashMap<String, Tensor>,
) {
    std::fs::create_dir_all(directory).unwrap();
    save_weights(&directory.join(WEIGHTS_FILE), tensors).unwrap();
    write_json(&directory.join(CONFIG_FILE), config).unwrap();
    let manifest = Manifest::new("test", &"test", Some(1), Vec::new()).unwrap();
    write_json(&directory.join(MANIFEST_FILE), &manifest).unwrap();
}

/// Writes a classifier that has learned nothing; its predictions still differ between windows.
pub fn write_classifier(directory: &Path, config: &ClassifierConfig, seed: u64) {
    let mut source = WeightSource::fresh(seed, DType::F32, &Device::Cpu);
    Classifier::new(config, &mut source).unwrap();
    write_model_with(directory, config, &source.finish().unwrap().tensors());
}

/// Writes an Explainer that has learned nothing; its masks still differ between windows.
pub fn write_explainer(directory: &Path, config: &ExplainerConfig, seed: u64) {
    let mut source = WeightSource::fresh(seed, DType::F32, &Device::Cpu);
    Explainer::new(config, &mut source).unwrap();
    write_model_with(directory, config, &source.finish().unwrap().tensors());
}
