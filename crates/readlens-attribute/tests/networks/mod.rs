//! Classifiers to try methods on.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by several test files")]

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use readlens_attribute::{Config, Method, Objective, Scores, Window, scores_of};
use readlens_batch::{most_likely, predict};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{
    Architecture, Classifier, ClassifierConfig, EncoderConfig, Explained, FeedForward, MaskSite,
    NetworkConfig, NormPlace, Pooling, Positions, RankClasses, TransformerConfig, WEIGHTS_FILE,
    WindowTokens, load_classifier, read_tensors,
};
use readlens_random::{normal, stream};
use readlens_tests::{classifier_shape, write_classifier, write_model_with};

/// One method, and a fourth of the tokens.
pub fn config(method: Method) -> Config {
    Config { methods: vec![method], area: 0.25, ..Config::default() }
}

/// A classifier as it was written and read again: frozen.
pub fn frozen(shape: &ClassifierConfig, tensors: &HashMap<String, Tensor>) -> Classifier {
    let directory = tempfile::tempdir().unwrap();
    write_model_with(directory.path(), shape, tensors);
    load_classifier(directory.path(), &Device::Cpu).unwrap()
}

/// The tensors of a classifier of this shape, all of them drawn.
pub fn drawn(shape: &ClassifierConfig, seed: u64) -> HashMap<String, Tensor> {
    let directory = tempfile::tempdir().unwrap();
    write_classifier(directory.path(), shape, seed);
    let mut tensors = read_tensors(&directory.path().join(WEIGHTS_FILE)).unwrap();
    for (name, tensor) in &mut tensors {
        let mut rng = stream(seed, name);
        let noise: Vec<f32> =
            (0..tensor.elem_count()).map(|_| 0.4 * normal(&mut rng) as f32).collect();
        let noise = Tensor::from_vec(noise, tensor.shape(), &Device::Cpu).unwrap();
        *tensor = (&*tensor + noise).unwrap();
    }
    tensors
}

/// Classifiers of every design that a method may meet, with what they are.
pub fn designs() -> Vec<(&'static str, Classifier)> {
    let with = |change: fn(&mut ClassifierConfig)| {
        let mut shape = classifier_shape();
        shape.transformer_mut().unwrap().encoder.layers = 2;
        change(&mut shape);
        frozen(&shape, &drawn(&shape, 3))
    };
    vec![
        ("patches of two, mean", with(|_| ())),
        (
            "patches of three, CLS",
            with(|shape| {
                shape.transformer_mut().unwrap().encoder.patch = 3;
                shape.transformer_mut().unwrap().pooling = Pooling::Cls;
            }),
        ),
        (
            "single tokens, post-LN",
            with(|shape| {
                shape.transformer_mut().unwrap().encoder.patch = 1;
                shape.transformer_mut().unwrap().encoder.norm = NormPlace::Post;
            }),
        ),
        (
            "an end, slopes of attention, gated units",
            with(|shape| {
                let transformer = shape.transformer_mut().unwrap();
                transformer.pooling = Pooling::Cls;
                transformer.encoder.patch = 1;
                transformer.encoder.norm = NormPlace::Post;
                transformer.encoder.architecture = Architecture {
                    frequencies: None,
                    positions: Positions::Alibi,
                    unit: FeedForward::GatedGelu,
                    token_type: true,
                    norm_epsilon: Some(1e-12),
                    end: true,
                };
            }),
        ),
        (
            "without CLS, mean embedding as baseline",
            with(|shape| {
                shape.transformer_mut().unwrap().encoder.patch = 1;
                shape.transformer_mut().unwrap().encoder.mask_site = MaskSite::Mean;
                shape.tokenization = Tokenization::new(Alphabet::Dna, 3, 3, false).unwrap();
            }),
        ),
    ]
}

/// Windows of many lengths, one of them of a single token.
pub fn tokens(tokenization: &Tokenization) -> Vec<Vec<u32>> {
    let row = |&length: &u32| {
        let cls = tokenization.cls.then_some(2);
        cls.into_iter().chain((0..length).map(|i| 5 + (i * 11 + length * 7) % 64)).collect()
    };
    [12, 1, 7, 16, 2].iter().map(row).collect()
}

/// `rows` with what the classifier predicts for them.
pub fn windows<'a>(classifier: &Classifier, rows: &'a [Vec<u32>]) -> Vec<Window<'a>> {
    let cls = usize::from(classifier.config().tokenization.cls);
    let slices: Vec<WindowTokens> = rows.iter().map(|ids| WindowTokens::unframed(ids)).collect();
    let predictions = predict(classifier, &slices, None).unwrap();
    let window = |(i, (tokens, prediction)): (usize, (&'a Vec<u32>, Vec<Vec<f32>>))| Window {
        tokens: WindowTokens::unframed(tokens),
        real: tokens.len() - cls,
        targets: prediction.iter().map(|p| most_likely(p) as u32).collect(),
        key: format!("0/record{i}"),
    };
    rows.iter().zip(predictions).enumerate().map(window).collect()
}

/// All ranks together, and each of them.
pub fn all_outputs(classifier: &Classifier) -> Vec<Explained> {
    let ranks = (0..classifier.config().ranks.len()).map(Explained::Rank);
    std::iter::once(Explained::AllRanks).chain(ranks).collect()
}

/// The scores of `rows` by a method, for all ranks together and for each.
pub fn scores(classifier: &Classifier, rows: &[Vec<u32>], config: &Config) -> Scores {
    let (windows, outputs) = (windows(classifier, rows), all_outputs(classifier));
    let objective = Objective::new(classifier, &windows, &outputs, &|| Ok(()));
    scores_of(config.methods[0], &objective, config).unwrap()
}

/// `F` of every window and output under `factors`, from `predict`.
pub fn log_p(classifier: &Classifier, window: &Window<'_>, factors: &[f32]) -> Vec<f64> {
    let predictions =
        predict(classifier, &[window.tokens], Some(&[factors.to_vec()])).unwrap().remove(0);
    let ranks: Vec<f64> = predictions
        .iter()
        .zip(&window.targets)
        .map(|(p, &target)| f64::from(p[target as usize]).ln())
        .collect();
    std::iter::once(ranks.iter().sum()).chain(ranks.iter().copied()).collect()
}

/// What the sum of [`logistic`] gets from a token.
pub fn contribution(token: u32) -> f64 {
    f64::from(token % 7) - 2.5
}

/// A classifier of two taxa with `ln p(first) = −ln(1 + exp(−s))` for `s` the mean over the tokens
/// of their [`contribution`] times the mask.
///
/// Its embeddings are so small that layer norms and the hyperbolic tangent are linear, and its
/// blocks add nothing.
pub fn logistic() -> Classifier {
    const SMALL: f64 = 1e-6;
    let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, false).unwrap();
    let shape = ClassifierConfig::of(
        NetworkConfig::Transformer(TransformerConfig {
            encoder: EncoderConfig {
                vocabulary: 69,
                max_tokens: 20,
                dim: 2,
                layers: 1,
                heads: 1,
                feed_forward: 2,
                patch: 1,
                norm: NormPlace::Pre,
                embedding_norm: false,
                dropout: 0.0,
                mask_site: MaskSite::Embedding,
                architecture: Architecture::default(),
            },
            pooling: Pooling::Mean,
            bag: None,
        }),
        vec![RankClasses {
            rank: "genus".to_owned(),
            taxa: vec!["first".to_owned(), "second".to_owned()],
        }],
        tokenization,
    );
    let mut tensors: HashMap<String, Tensor> = drawn(&shape, 1)
        .into_iter()
        .map(|(name, tensor)| (name, tensor.zeros_like().unwrap()))
        .collect();
    let mut set = |name: &str, values: Vec<f64>| {
        let shape = tensors[name].shape().clone();
        let values = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        tensors.insert(name.to_owned(), values.to_dtype(DType::F32).unwrap());
    };
    let embedding = |token: u32| [SMALL * contribution(token), -SMALL * contribution(token)];
    set("tok.weight", (0..69).flat_map(embedding).collect());
    set("final_ln.weight", vec![1.0, 1.0]);
    set("pooler.weight", vec![1.0, 0.0, 0.0, 1.0]);
    // A state is (s, −s) times SMALL over the root of the layer norm's epsilon; the difference of
    // the logits is s.
    let scale = 1e-5f64.sqrt() / SMALL / 4.0;
    set("heads.0.weight", vec![scale, -scale, -scale, scale]);
    frozen(&shape, &tensors)
}
