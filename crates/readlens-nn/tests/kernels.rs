//! The fused kernels, at every level that this machine has, against the same networks composed of
//! candle's operations in f64: predictions, the gradient of every weight and that of the mask.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod network;

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Tensor, Var};
use network::{
    CPU, batch, classifier_config, convolutional, encoder, explainer_config, transformer,
};
use readlens_kernels::{Engine, Level, Precision};
use readlens_nn::{
    Classifier, ClassifierConfig, Dropout, Explainer, ExplainerConfig, ExplainerNetwork,
    GradientLayout, Hints, MaskSite, NormPlace, Parameters, Pass, Pooling, TokenBatch,
    WeightGradients, WeightSource, masking,
};
use readlens_random::{normal, stream};

/// Largest relative error of the outputs and of all gradients together, as the norm of the
/// difference over the norm.
const RELATIVE: f64 = 1e-5;
/// The same where a product of f32 is the sum of three products of bf16, which carry 16 of the 24
/// bits: 4e-6 a product.
const RELATIVE_OF_TILES: f64 = 1e-4;
/// The same in bf16, which keeps 8 bits of a factor.
const RELATIVE_IN_BF16: f64 = 0.05;
/// One tensor's gradient may be a small difference of large terms, and its error so much larger.
const CANCELLATION: f64 = 20.0;

fn allowed(level: Level) -> f64 {
    if level == Level::Amx { RELATIVE_OF_TILES } else { RELATIVE }
}

/// Rows of many lengths.
const SHORT: [u32; 5] = [12, 1, 7, 11, 2];
/// Rows that take several blocks of queries, keys and positions, and one that a block of rows cuts.
const LONG: [u32; 4] = [290, 1, 129, 70];

fn rows(lengths: &[u32]) -> Vec<Vec<u32>> {
    let row = |n: &u32| (0..*n).map(|i| if i == 0 { 2 } else { 5 + (i * 7 + n) % 16 }).collect();
    lengths.iter().map(row).collect()
}

fn batch_of(rows: &[Vec<u32>], dtype: DType) -> TokenBatch {
    batch(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), dtype)
}

/// Seeded values in (0, 1), completed for the classifier.
fn mask_of(batch: &TokenBatch, dtype: DType) -> Var {
    let (rows, tokens) = batch.dims().unwrap();
    let mut rng = stream(5, "mask");
    let values: Vec<f64> =
        (0..rows * tokens).map(|_| 1.0 / (1.0 + normal(&mut rng).exp())).collect();
    let values = Tensor::from_vec(values, (rows, tokens), &CPU).unwrap().to_dtype(dtype).unwrap();
    Var::from_tensor(&masking::complete(&values, batch).unwrap()).unwrap()
}

/// A scalar that every output reaches with a weight of its own.
fn scalar(outputs: &[Tensor]) -> Tensor {
    let terms = outputs.iter().enumerate().map(|(i, output)| {
        let mut rng = stream(7, &format!("output {i}"));
        let weights: Vec<f64> = (0..output.elem_count()).map(|_| normal(&mut rng)).collect();
        let weights = Tensor::from_vec(weights, output.dims(), &CPU).unwrap();
        (output * weights.to_dtype(output.dtype()).unwrap()).unwrap().sum_all().unwrap()
    });
    terms.reduce(|a, b| (a + b).unwrap()).unwrap()
}

/// What a pass gives: outputs and named gradients.
struct Found {
    outputs: Vec<Tensor>,
    gradients: HashMap<String, Tensor>,
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Norms of the difference and of what is expected.
fn norms(found: &Tensor, expected: &Tensor) -> [f64; 2] {
    let (found, expected) = (flat(found), flat(expected));
    assert_eq!(found.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
    [difference, norm(&mut expected.iter().copied()).max(1e-6)]
}

fn relative(found: &Tensor, expected: &Tensor) -> f64 {
    let [difference, size] = norms(found, expected);
    difference / size
}

fn compare(found: &Found, expected: &Found, allowed: f64, what: &str) {
    for (i, (found, expected)) in found.outputs.iter().zip(&expected.outputs).enumerate() {
        let error = relative(found, expected);
        assert!(error <= allowed, "{what}: output {i} is off by {error:e}");
    }
    assert_eq!(found.gradients.len(), expected.gradients.len(), "{what}");
    let mut total = [0f64; 2];
    for (name, expected) in &expected.gradients {
        let norms = norms(&found.gradients[name], expected);
        let error = norms[0] / norms[1];
        let allowed = CANCELLATION * allowed;
        assert!(error <= allowed, "{what}: the gradient of {name} is off by {error:e}");
        (total[0], total[1]) = (total[0].hypot(norms[0]), total[1].hypot(norms[1]));
    }
    let error = total[0] / total[1];
    assert!(error <= allowed, "{what}: the gradients are off by {error:e}");
}

/// Runs `outputs` backward; candle's store in f64, the flat gradients in f32.
fn gradients(
    parameters: &Parameters,
    mask: Option<&Var>,
    outputs: impl Fn(&mut Pass) -> Vec<Tensor>,
    pass: impl Fn(Option<&WeightGradients>) -> Pass,
    is_fused: bool,
) -> Found {
    let layout = Arc::new(GradientLayout::new(parameters));
    let flat = WeightGradients::new(&layout, Vec::new());
    let outputs = outputs(&mut pass(is_fused.then_some(&flat)));
    let store = scalar(&outputs).backward().unwrap();
    let mut gradients = HashMap::new();
    if is_fused {
        flat.add_store(parameters, &store).unwrap();
        let (values, mut start) = (flat.take(), 0);
        for (name, var) in parameters.iter() {
            let part = &values[start..start + var.elem_count()];
            start += part.len();
            gradients.insert(name.to_owned(), Tensor::new(part, &CPU).unwrap());
        }
    } else {
        for (name, var) in parameters.iter() {
            gradients.insert(name.to_owned(), store.get(var).unwrap().clone());
        }
    }
    if let Some(mask) = mask {
        gradients.insert("the mask".to_owned(), store.get(mask).unwrap().clone());
    }
    Found { outputs, gradients }
}

fn seeded(dropout: f64) -> Dropout {
    Dropout::seeded(dropout, stream(3, "dropout"))
}

/// The pass of kernels at `engine`, or of composed operations.
fn pass(engine: Option<Engine>, dropout: f64) -> impl Fn(Option<&WeightGradients>) -> Pass {
    move |gradients| match (engine, gradients) {
        (Some(engine), Some(gradients)) => Pass::training(seeded(dropout), gradients).at(engine),
        (Some(engine), None) => Pass::inference().with_dropout(seeded(dropout)).at(engine),
        (None, _) => Pass::composed().with_dropout(seeded(dropout)),
    }
}

fn source(dtype: DType) -> WeightSource {
    WeightSource::fresh(11, dtype, &CPU)
}

fn check_classifier(config: &ClassifierConfig, dropout: f64, what: &str) {
    let rows = rows(if config.max_tokens() > 12 { &LONG } else { &SHORT });
    let run = |dtype: DType, engine: Option<Engine>| {
        let mut source = source(dtype);
        let classifier = Classifier::new(config, &mut source).unwrap();
        let parameters = source.finish().unwrap();
        network::shake(&parameters, 1);
        let batch = batch_of(&rows, dtype);
        let mask = mask_of(&batch, dtype);
        let outputs =
            |pass: &mut Pass| classifier.forward(&batch, Some(mask.as_tensor()), pass).unwrap();
        gradients(&parameters, Some(&mask), outputs, pass(engine, dropout), engine.is_some())
    };
    let expected = run(DType::F64, None);
    for level in Level::available() {
        let found = run(DType::F32, Some(Engine::new(level, Precision::F32)));
        compare(&found, &expected, allowed(level), &format!("{what} at {level}"));
        let again = run(DType::F32, Some(Engine::new(level, Precision::F32)));
        compare(&again, &found, 0.0, &format!("{what} at {level}, again"));
        let rough = run(DType::F32, Some(Engine::new(level, Precision::Bf16)));
        compare(&rough, &expected, RELATIVE_IN_BF16, &format!("{what} at {level} in bf16"));
    }
}

#[test]
fn classifiers_of_every_shape() {
    for norm in [NormPlace::Pre, NormPlace::Post] {
        for (pooling, patch) in [(Pooling::Mean, 1), (Pooling::Cls, 2), (Pooling::Mean, 3)] {
            for site in [MaskSite::Embedding, MaskSite::Mean] {
                for has_norm in [true, false] {
                    let mut encoder = encoder(norm, patch, site);
                    encoder.embedding_norm = has_norm;
                    let what = format!("{norm:?} {pooling:?} patch {patch} {site:?} {has_norm}");
                    check_classifier(&classifier_config(encoder, pooling), 0.0, &what);
                }
            }
        }
    }
}

#[test]
fn classifiers_of_four_layers() {
    for norm in [NormPlace::Pre, NormPlace::Post] {
        let mut encoder = encoder(norm, 1, MaskSite::Embedding);
        encoder.layers = 4;
        let config = classifier_config(encoder, Pooling::Mean);
        check_classifier(&config, 0.0, &format!("{norm:?}, four layers"));
    }
}

#[test]
fn a_classifier_of_odd_and_of_large_sizes() {
    for (dim, heads, feed_forward) in [(15, 3, 33), (64, 2, 200), (70, 7, 64)] {
        let mut encoder = encoder(NormPlace::Pre, 1, MaskSite::Embedding);
        (encoder.dim, encoder.heads, encoder.feed_forward) = (dim, heads, feed_forward);
        let what = format!("dim {dim}, {heads} heads, ff {feed_forward}");
        check_classifier(&classifier_config(encoder, Pooling::Mean), 0.0, &what);
    }
}

#[test]
fn dropout_zeroes_what_it_zeroes_in_composed_operations() {
    for (norm, patch) in [(NormPlace::Pre, 1), (NormPlace::Post, 1), (NormPlace::Pre, 2)] {
        let config = classifier_config(encoder(norm, patch, MaskSite::Embedding), Pooling::Mean);
        check_classifier(&config, 0.25, &format!("{norm:?} patch {patch} with dropout"));
    }
}

fn check_explainer(config: &ExplainerConfig, lengths: &[u32], dropout: f64, what: &str) {
    let rows = rows(lengths);
    let run = |dtype: DType, engine: Option<Engine>| {
        let mut source = source(dtype);
        let explainer = Explainer::new(config, &mut source).unwrap();
        let parameters = source.finish().unwrap();
        network::shake(&parameters, 2);
        let batch = batch_of(&rows, dtype);
        let shape = encoder(NormPlace::Pre, 2, MaskSite::Embedding);
        let shape = classifier_config(shape, Pooling::Mean);
        let classifier = network::frozen_classifier(&shape, DType::F64);
        // The same for all: what is compared is the Explainer.
        let hints = explainer.hints(&classifier, &batch_of(&rows, DType::F64)).unwrap();
        let gradient = hints.gradient.map(|gradient| gradient.to_dtype(dtype).unwrap());
        let hints = Hints { gradient, ..Hints::default() };
        let outputs = |pass: &mut Pass| {
            let logits = explainer.forward(&batch, &hints, pass).unwrap();
            // Logits of CLS and padding mean nothing.
            vec![logits.broadcast_mul(&batch.maskable.unsqueeze(2).unwrap()).unwrap()]
        };
        gradients(&parameters, None, outputs, pass(engine, dropout), engine.is_some())
    };
    let expected = run(DType::F64, None);
    for level in Level::available() {
        let found = run(DType::F32, Some(Engine::new(level, Precision::F32)));
        compare(&found, &expected, allowed(level), &format!("{what} at {level}"));
    }
}

#[test]
fn explainers_of_both_kinds() {
    for smoothing in [1, 3] {
        for dropout in [0.0, 0.25] {
            let what = format!("smoothing {smoothing}, dropout {dropout}");
            let convolutional = explainer_config(convolutional(), smoothing);
            check_explainer(&convolutional, &SHORT, dropout, &format!("convolutional, {what}"));
            let transformer = explainer_config(transformer(), smoothing);
            check_explainer(&transformer, &SHORT, dropout, &format!("transformer, {what}"));
        }
    }
}

#[test]
fn explainers_that_read_a_gradient() {
    for config in network::gradient_fed_explainers() {
        let what = format!("a gradient and {} masks", config.masks.len());
        check_explainer(&config, &SHORT, 0.25, &what);
    }
}

#[test]
fn windows_of_many_blocks() {
    for norm in [NormPlace::Pre, NormPlace::Post] {
        for patch in [1, 3] {
            let mut encoder = encoder(norm, patch, MaskSite::Embedding);
            (encoder.max_tokens, encoder.dim, encoder.layers) = (300, 16, 1);
            let config = classifier_config(encoder, Pooling::Mean);
            check_classifier(&config, 0.0, &format!("{norm:?} patch {patch}, long"));
        }
    }
    let network = match convolutional() {
        ExplainerNetwork::Convolutional { vocabulary, dim, width, .. } => {
            ExplainerNetwork::Convolutional { vocabulary, dim, width, dilations: vec![1, 40] }
        }
        other => other,
    };
    check_explainer(&explainer_config(network, 1), &LONG, 0.0, "convolutional, long");
}

#[test]
fn an_explainer_of_two_masks() {
    for network in [convolutional(), transformer()] {
        let mut config = explainer_config(network, 1);
        config.masks = vec!["rank0".to_owned(), "rank1".to_owned()];
        check_explainer(&config, &SHORT, 0.0, "two masks");
    }
}

#[test]
fn what_is_no_number_is_not_hidden() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let (classifier, parameters) = network::trainable_classifier(&config, DType::F32);
    let (_, var) = parameters.iter().find(|(name, _)| *name == "blocks.0.qkv.weight").unwrap();
    // Scores overflow; values stay finite.
    let mut values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
    values.iter_mut().take(12 * 6).for_each(|value| *value *= 1e30);
    var.set(&Tensor::from_vec(values, var.shape(), &CPU).unwrap()).unwrap();
    let batch = batch_of(&rows(&SHORT), DType::F32);
    for level in Level::available() {
        let mut pass = Pass::inference().at(Engine::new(level, Precision::F32));
        let logits = classifier.forward(&batch, None, &mut pass).unwrap();
        let first: Vec<f32> = logits[0].flatten_all().unwrap().to_vec1().unwrap();
        assert!(first.iter().any(|value| !value.is_finite()), "{level}: {first:?}");
    }
}

#[test]
fn training_in_a_pass_of_inference_is_refused() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let (classifier, _) = network::trainable_classifier(&config, DType::F32);
    let batch = batch_of(&rows(&SHORT), DType::F32);
    let outputs = classifier.forward(&batch, None, &mut Pass::inference()).unwrap();
    let error = scalar(&outputs).backward().unwrap_err().to_string();
    assert!(error.contains("pass of inference"), "{error}");
}

#[test]
fn a_frozen_network_gives_the_mask_its_gradient_and_its_weights_none() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let frozen = network::frozen_classifier(&config, DType::F32);
    let (trained, _) = network::trainable_classifier(&config, DType::F64);
    let rows = rows(&SHORT);
    let run = |classifier: &Classifier, dtype: DType, mut pass: Pass| {
        let batch = batch_of(&rows, dtype);
        let mask = mask_of(&batch, dtype);
        let outputs = classifier.forward(&batch, Some(mask.as_tensor()), &mut pass).unwrap();
        let store = scalar(&outputs).backward().unwrap();
        store.get(&mask).unwrap().clone()
    };
    let expected = run(&trained, DType::F64, Pass::composed());
    for level in Level::available() {
        let engine = Engine::new(level, Precision::F32);
        let found = run(&frozen, DType::F32, Pass::inference().at(engine));
        assert!(relative(&found, &expected) < allowed(level), "{level}");
    }
}
