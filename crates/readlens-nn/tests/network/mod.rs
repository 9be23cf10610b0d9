//! Tiny networks for tests: 2-mers, two ranks, and every parameter away from its neutral start.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by several test files")]

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use rand_chacha::ChaCha8Rng;
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{
    Architecture, Classifier, ClassifierConfig, EncoderConfig, Explainer, ExplainerConfig,
    ExplainerNetwork, FeedForward, GradientUse, MaskSite, NetworkConfig, NormPlace, Parameters,
    Pooling, Positions, RankClasses, Selection, TokenBatch, TransformerConfig, WeightSource,
};
use readlens_random::{normal, stream};

pub const CPU: Device = Device::Cpu;
/// Five special tokens and sixteen 2-mers.
pub const VOCABULARY: usize = 21;
pub const MAX_TOKENS: usize = 12;
/// Taxa of the two ranks.
pub const TAXA: [usize; 2] = [2, 3];

/// Rows of different lengths, CLS first, with an UNK.
pub const ROWS: [&[u32]; 3] =
    [&[2, 5, 6, 7, 8, 9, 10, 20], &[2, 11, 1, 12, 13, 14], &[2, 15, 16, 17, 18, 19, 5, 5]];

pub fn tokenization() -> Tokenization {
    Tokenization::new(Alphabet::Dna, 2, 2, true).unwrap()
}

pub fn encoder(norm: NormPlace, patch: usize, site: MaskSite) -> EncoderConfig {
    EncoderConfig {
        vocabulary: VOCABULARY,
        max_tokens: MAX_TOKENS,
        dim: 6,
        layers: 2,
        heads: 2,
        feed_forward: 8,
        patch,
        norm,
        embedding_norm: true,
        dropout: 0.0,
        mask_site: site,
        architecture: Architecture::default(),
    }
}

/// Encoders of imported models, by name: what each computes otherwise, with heads of even width.
pub fn foreign_encoders() -> [(&'static str, EncoderConfig); 5] {
    let post = |architecture| EncoderConfig {
        architecture,
        dim: 8,
        ..encoder(NormPlace::Post, 1, MaskSite::Embedding)
    };
    let pre = |architecture| EncoderConfig {
        norm: NormPlace::Pre,
        embedding_norm: false,
        ..post(architecture)
    };
    let own = Architecture::default();
    let bert =
        Architecture { token_type: true, norm_epsilon: Some(1e-12), end: true, ..own.clone() };
    let (alibi, rotary) = (Positions::Alibi, Positions::Rotary);
    [
        ("bert", post(bert.clone())),
        ("bertax", post(Architecture { unit: FeedForward::GeluTanh, end: false, ..bert.clone() })),
        (
            "mosaic",
            EncoderConfig {
                heads: 4,
                ..post(Architecture { positions: alibi, unit: FeedForward::GatedGelu, ..bert })
            },
        ),
        ("esm", pre(Architecture { positions: rotary, end: true, ..own.clone() })),
        ("nt", pre(Architecture { positions: rotary, unit: FeedForward::GatedSilu, ..own })),
    ]
}

pub fn classifier_config(encoder: EncoderConfig, pooling: Pooling) -> ClassifierConfig {
    let rank = |(i, n): (usize, &usize)| RankClasses {
        rank: format!("rank{i}"),
        taxa: (0..*n).map(|t| format!("taxon{t}")).collect(),
    };
    ClassifierConfig::of(
        NetworkConfig::Transformer(TransformerConfig { encoder, pooling, bag: None }),
        TAXA.iter().enumerate().map(rank).collect(),
        tokenization(),
    )
}

pub fn explainer_config(network: ExplainerNetwork, smoothing: usize) -> ExplainerConfig {
    ExplainerConfig {
        network,
        masks: vec!["all".to_owned()],
        smoothing,
        gradient: None,
        selection: Selection::Threshold,
        max_tokens: None,
        tokenization: tokenization(),
    }
}

pub fn convolutional() -> ExplainerNetwork {
    ExplainerNetwork::Convolutional {
        vocabulary: VOCABULARY,
        dim: 6,
        width: 3,
        dilations: vec![1, 2],
    }
}

/// Explainers that read the classifier's gradient: with one mask, and with one per rank.
///
/// The second is not smoothed: its smoothed masks have two neighbours so nearly equal that a step
/// of the finite differences passes the kink of their absolute difference.
pub fn gradient_fed_explainers() -> [ExplainerConfig; 2] {
    let gradient = || Some(GradientUse::Read { levels: vec![0.1, 0.3] });
    let masks = vec!["rank0".to_owned(), "rank1".to_owned()];
    [
        ExplainerConfig { gradient: gradient(), ..explainer_config(convolutional(), 3) },
        ExplainerConfig { gradient: gradient(), masks, ..explainer_config(convolutional(), 1) },
    ]
}

pub fn transformer() -> ExplainerNetwork {
    ExplainerNetwork::Transformer(encoder(NormPlace::Pre, 1, MaskSite::Embedding))
}

/// Moves every parameter away from zeros and ones, where wrong gradients can hide.
pub fn shake(parameters: &Parameters, seed: u64) {
    for (name, var) in parameters.iter() {
        let mut rng: ChaCha8Rng = stream(seed, name);
        let noise: Vec<f64> = (0..var.elem_count()).map(|_| 0.2 * normal(&mut rng)).collect();
        let noise = Tensor::from_vec(noise, var.shape(), &CPU).unwrap();
        let moved = (var.as_detached_tensor() + noise.to_dtype(var.dtype()).unwrap()).unwrap();
        var.set(&moved).unwrap();
    }
}

pub fn trainable_classifier(config: &ClassifierConfig, dtype: DType) -> (Classifier, Parameters) {
    let mut source = WeightSource::fresh(11, dtype, &CPU);
    let classifier = Classifier::new(config, &mut source).unwrap();
    let parameters = source.finish().unwrap();
    shake(&parameters, 1);
    (classifier, parameters)
}

pub fn frozen_classifier(config: &ClassifierConfig, dtype: DType) -> Classifier {
    let (_, parameters) = trainable_classifier(config, dtype);
    frozen_with(config, parameters.tensors(), dtype)
}

pub fn frozen_with(
    config: &ClassifierConfig,
    tensors: HashMap<String, Tensor>,
    dtype: DType,
) -> Classifier {
    let mut source = WeightSource::loaded("memory".as_ref(), tensors, false, dtype, &CPU);
    let classifier = Classifier::new(config, &mut source).unwrap();
    assert_eq!(source.finish().unwrap().count(), 0, "a frozen network has nothing to train");
    classifier
}

pub fn trainable_explainer(config: &ExplainerConfig, dtype: DType) -> (Explainer, Parameters) {
    let mut source = WeightSource::fresh(12, dtype, &CPU);
    let explainer = Explainer::new(config, &mut source).unwrap();
    let parameters = source.finish().unwrap();
    shake(&parameters, 2);
    (explainer, parameters)
}

pub fn batch(rows: &[&[u32]], dtype: DType) -> TokenBatch {
    TokenBatch::unframed(rows, dtype, &CPU).unwrap()
}

/// Largest absolute difference.
pub fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    difference.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}
