//! Every parameter's gradient against central differences in f64: the classifier under a mask,
//! and Explainers through the frozen classifier with the composite loss.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod network;

use candle_core::{DType, Tensor, Var};
use network::{
    ROWS, batch, classifier_config, convolutional, encoder, explainer_config, foreign_encoders,
    frozen_classifier, trainable_classifier, trainable_explainer, transformer,
};
use rand::RngExt;
use readlens_nn::objective::{Budgets, Frozen, LossWeights, MaskTraining};
use readlens_nn::{
    BagConfig, ClassifierConfig, Dropout, EncoderConfig, EvidenceShape, Explained, ExplainerConfig,
    ExplainerNetwork, MaskSite, NormPlace, Objective, Parameters, Pass, Pooling, QueryConfig,
    Targets, TokenBatch, losses, mask_gradient, masking,
};
use readlens_random::{normal, stream};

/// Largest relative error of a gradient entry.
const RELATIVE: f64 = 1e-5;
/// Rounding of a loss near 1 in f64, over the step: what a derivative of exactly 0 comes out as.
const FLOOR: f64 = 1e-9;
const STEP: f64 = 2e-4;
/// Entries compared per parameter.
const SAMPLE: usize = 24;

fn scalar(loss: &Tensor) -> f64 {
    loss.to_scalar().unwrap()
}

/// The derivative in one entry by the five-point central difference, whose error is of order
/// `STEP⁴`.
fn derivative(var: &Var, entry: usize, loss: &dyn Fn() -> Tensor) -> f64 {
    let start = var.as_detached_tensor().copy().unwrap();
    let values: Vec<f64> = start.flatten_all().unwrap().to_vec1().unwrap();
    let at = |shift: f64| {
        let mut moved = values.clone();
        moved[entry] += shift;
        var.set(&Tensor::from_vec(moved, var.shape(), var.device()).unwrap()).unwrap();
        scalar(&loss())
    };
    let near = at(STEP) - at(-STEP);
    let far = at(2.0 * STEP) - at(-2.0 * STEP);
    var.set(&start).unwrap();
    (8.0 * near - far) / (12.0 * STEP)
}

/// All entries of a small tensor, a seeded sample of a larger one.
fn entries(name: &str, count: usize) -> Vec<usize> {
    if count <= SAMPLE {
        return (0..count).collect();
    }
    let mut rng = stream(8, name);
    (0..SAMPLE).map(|_| rng.random_range(0..count)).collect()
}

/// Compares entries of all parameters.
fn check(parameters: &Parameters, what: &str, loss: &dyn Fn() -> Tensor) {
    let grads = loss().backward().unwrap();
    let mut tensors = 0;
    for (name, var) in parameters.iter() {
        let gradient = grads.get(var).unwrap_or_else(|| panic!("{what}: {name} has no gradient"));
        let gradient: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        assert!(
            gradient.iter().any(|g| g.abs() > 1e-7),
            "{what}: the gradient of {name} is zero everywhere"
        );
        for entry in entries(name, gradient.len()) {
            let (found, expected) = (gradient[entry], derivative(var, entry, loss));
            let allowed = RELATIVE * found.abs().max(expected.abs()) + FLOOR;
            assert!(
                (found - expected).abs() <= allowed,
                "{what}: {name}[{entry}] is {found}, the difference quotient {expected}"
            );
        }
        tensors += 1;
    }
    assert!(tensors > 5, "{what}: only {tensors} parameters");
}

/// The second row has no label at the lower rank.
fn labels() -> Vec<Targets> {
    vec![
        Targets { classes: vec![0, 1, 1], weights: vec![0.2, 0.15, 0.15] },
        Targets { classes: vec![2, 0, 1], weights: vec![0.25, 0.0, 0.25] },
    ]
}

fn classification(logits: &[Tensor]) -> Tensor {
    let terms = logits.iter().zip(labels());
    let terms = terms.map(|(logits, labels)| losses::cross_entropy(logits, &labels).unwrap());
    terms.reduce(|a, b| (a + b).unwrap()).unwrap()
}

/// Seeded values in (0, 1) for every position, completed for the classifier.
fn some_mask(batch: &TokenBatch) -> Tensor {
    let (rows, tokens) = batch.dims().unwrap();
    let mut rng = stream(5, "mask");
    let values = (0..rows * tokens).map(|_| 1.0 / (1.0 + normal(&mut rng).exp()));
    let values = Tensor::from_vec(values.collect::<Vec<f64>>(), (rows, tokens), &network::CPU);
    masking::complete(&values.unwrap(), batch).unwrap()
}

fn check_classifier(config: &ClassifierConfig, dropout: f64, what: &str) {
    let (classifier, parameters) = trainable_classifier(config, DType::F64);
    let batch = batch(&ROWS, DType::F64);
    let mask = some_mask(&batch);
    check(&parameters, what, &|| {
        let mut pass =
            Pass::composed().with_dropout(Dropout::seeded(dropout, stream(3, "dropout")));
        classification(&classifier.forward(&batch, Some(&mask), &mut pass).unwrap())
    });
}

#[test]
fn pre_norm_classifier_with_mean_pooling_and_patches() {
    let config = classifier_config(encoder(NormPlace::Pre, 2, MaskSite::Embedding), Pooling::Mean);
    check_classifier(&config, 0.0, "pre-LN, mean, patch 2");
}

#[test]
fn post_norm_classifier_with_cls_pooling() {
    let config = classifier_config(encoder(NormPlace::Post, 1, MaskSite::Mean), Pooling::Cls);
    check_classifier(&config, 0.0, "post-LN, CLS");
}

#[test]
fn classifiers_of_other_architectures() {
    for (name, encoder) in foreign_encoders() {
        for (pooling, site) in
            [(Pooling::Cls, MaskSite::Embedding), (Pooling::Mean, MaskSite::Mean)]
        {
            let encoder = EncoderConfig { mask_site: site, ..encoder.clone() };
            check_classifier(&classifier_config(encoder, pooling), 0.0, name);
        }
    }
}

/// Hidden tokens count for nothing, or as the mean k-mer.
#[test]
fn a_classifier_with_a_kmer_bag() {
    for site in [MaskSite::Embedding, MaskSite::Mean] {
        let config = with_bag(classifier_config(encoder(NormPlace::Pre, 2, site), Pooling::Mean));
        check_classifier(&config, 0.25, "k-mer bag");
    }
}

fn with_bag(mut config: ClassifierConfig) -> ClassifierConfig {
    config.transformer_mut().unwrap().bag = Some(BagConfig { hidden: 5, dropout: 0.5 });
    config
}

#[test]
fn a_classifier_under_seeded_dropout() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    check_classifier(&config, 0.25, "pre-LN with dropout");
}

/// The composite loss with all its terms, on soft masks: its gradient is the true one.
fn composite() -> Objective {
    let weights = LossWeights { entropy: 0.3, uniform_kl: 0.2, area: 0.4, total_variation: 0.15 };
    Objective::Composite { mask: MaskTraining::Soft, weights }
}

/// Checks the gradient of the sum of the `objectives`.
fn check_objectives(
    objectives: &[Objective],
    config: &ExplainerConfig,
    classifier: &ClassifierConfig,
    what: &str,
) {
    let classifier = frozen_classifier(classifier, DType::F64);
    let (explainer, parameters) = trainable_explainer(config, DType::F64);
    let batch = batch(&ROWS, DType::F64);
    let (targets, budgets) = (labels(), [Budgets::WHOLE; ROWS.len()]);
    let frozen = Frozen {
        classifier: &classifier,
        batch: &batch,
        targets: &targets,
        budgets: &budgets,
        batch_rows: ROWS.len(),
    };
    let loss = || {
        let total = |objective: &Objective| {
            objective.loss(&explainer, &frozen, &mut Pass::composed()).unwrap().total
        };
        objectives.iter().map(total).reduce(|a, b| (a + b).unwrap()).unwrap()
    };
    let grads = loss().backward().unwrap();
    for (name, tensor) in classifier.tensors() {
        assert!(!tensor.is_variable(), "{what}: {name} of the frozen classifier can be trained");
        assert!(grads.get(tensor).is_none(), "{what}: {name} of the frozen classifier has one");
    }
    check(&parameters, what, &loss);
}

fn check_explainer(config: &ExplainerConfig, classifier: &ClassifierConfig, what: &str) {
    check_objectives(&[composite()], config, classifier, what);
}

#[test]
fn explainers_that_query_the_classifier() {
    for (patch, masks) in [(1, 1), (2, 1), (2, 2)] {
        let shape = encoder(NormPlace::Pre, patch, MaskSite::Embedding);
        let shape = classifier_config(shape, Pooling::Mean);
        let evidence = EvidenceShape::of(&shape);
        let query = QueryConfig { evidence, hidden: 5, width: 3, layers: 2 };
        let config = ExplainerConfig {
            masks: (0..masks).map(|mask| format!("rank{mask}")).collect(),
            ..explainer_config(ExplainerNetwork::Query(query), 1)
        };
        check_explainer(&config, &shape, &format!("query, patch {patch}, {masks} masks"));
    }
}

/// A loss whose gradient is the true one: the objective of these Explainers has hard masks.
#[test]
fn explainers_that_read_a_gradient() {
    for config in network::gradient_fed_explainers() {
        for classifier in classifiers() {
            let classifier = frozen_classifier(&classifier, DType::F64);
            let (explainer, parameters) = trainable_explainer(&config, DType::F64);
            let batch = batch(&ROWS, DType::F64);
            let (targets, explained) = (labels(), config.explained());
            let budgets = [Budgets::WHOLE; ROWS.len()];
            let frozen = Frozen {
                classifier: &classifier,
                batch: &batch,
                targets: &targets,
                budgets: &budgets,
                batch_rows: ROWS.len(),
            };
            let hints = explainer.hints(&classifier, &batch).unwrap();
            check(&parameters, &format!("{} masks", config.masks.len()), &|| {
                let pass = &mut Pass::composed();
                let logits = explainer.forward(&batch, &hints, pass).unwrap();
                composite().loss_of_logits(&logits, &frozen, &explained).unwrap().total
            });
        }
    }
}

/// The bias of the last layer does not change z-scores: only the composite loss has a gradient for
/// it.
#[test]
fn distilled_explainers() {
    let distilled = Objective::Distilled { levels: vec![0.15, 0.4], area: 0.1 };
    let objectives = [distilled, composite()];
    for (network, classifier) in [convolutional(), transformer()].into_iter().zip(classifiers()) {
        let config = explainer_config(network, 1);
        check_objectives(&objectives, &config, &classifier, "distilled");
    }
}

fn classifiers() -> [ClassifierConfig; 2] {
    let first = encoder(NormPlace::Pre, 2, MaskSite::Embedding);
    [
        with_bag(classifier_config(first, Pooling::Mean)),
        classifier_config(encoder(NormPlace::Post, 1, MaskSite::Mean), Pooling::Cls),
    ]
}

#[test]
fn convolutional_explainers_through_the_frozen_classifier() {
    for (smoothing, classifier) in [1, 3].into_iter().zip(classifiers()) {
        let what = format!("convolutional, smoothing {smoothing}");
        check_explainer(&explainer_config(convolutional(), smoothing), &classifier, &what);
    }
}

/// The gradient that an Explainer is given and taught is that of the classifier's log probability,
/// level by level.
#[test]
fn the_mask_gradient_is_the_classifiers() {
    let config = &classifiers()[0];
    let classifier = frozen_classifier(config, DType::F64);
    let batch = batch(&ROWS, DType::F64);
    // The second row has no class at the lower rank.
    let weights = [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]];
    let targets =
        weights.map(|weights| Targets { classes: vec![1; ROWS.len()], weights: weights.to_vec() });
    let (rows, tokens) = batch.dims().unwrap();
    let level = |level: f64| {
        let mask =
            Var::from_vec(vec![level; rows * tokens], (rows, tokens), &network::CPU).unwrap();
        let loss = || {
            let mask = masking::complete(mask.as_tensor(), &batch).unwrap();
            let logits = classifier.forward(&batch, Some(&mask), &mut Pass::inference()).unwrap();
            let terms = logits.iter().zip(&targets);
            let terms = terms.map(|(l, t)| losses::cross_entropy(l, t).unwrap());
            terms.reduce(|a, b| (a + b).unwrap()).unwrap().neg().unwrap()
        };
        let values: Vec<f64> = (0..rows * tokens).map(|i| derivative(&mask, i, &loss)).collect();
        let values = Tensor::from_vec(values, (rows, tokens), &network::CPU).unwrap();
        masking::standardize(&values, &batch).unwrap()
    };
    let expected = ((level(0.2) + level(0.6)).unwrap() / 2.0).unwrap();
    let found =
        mask_gradient(&classifier, &batch, &targets, &[0.2, 0.6], &[Explained::AllRanks]).unwrap();
    assert!(network::distance(&found.squeeze(2).unwrap(), &expected) < 1e-6);
}

#[test]
fn transformer_explainers_through_the_frozen_classifier() {
    for (smoothing, classifier) in [3, 1].into_iter().zip(classifiers()) {
        let what = format!("transformer, smoothing {smoothing}");
        check_explainer(&explainer_config(transformer(), smoothing), &classifier, &what);
    }
}

/// A budgeted mask's hard value is constant, so its gradient is that of the soft mask by design;
/// z-scores must carry the true one.
#[test]
fn z_scores_of_mask_logits() {
    let batch = batch(&ROWS, DType::F64);
    let (rows, tokens) = batch.dims().unwrap();
    let mut rng = stream(6, "logits");
    let draw = |rng: &mut _| -> Vec<f64> { (0..rows * tokens).map(|_| normal(rng)).collect() };
    let logits = Var::from_vec(draw(&mut rng), (rows, tokens), &network::CPU).unwrap();
    let weights = Tensor::from_vec(draw(&mut rng), (rows, tokens), &network::CPU).unwrap();
    let loss = || {
        let scores = masking::standardize(logits.as_tensor(), &batch).unwrap();
        (scores * &weights).unwrap().sum_all().unwrap()
    };
    let grads = loss().backward().unwrap();
    let gradient: Vec<f64> = grads.get(&logits).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    for (entry, found) in gradient.into_iter().enumerate() {
        let expected = derivative(&logits, entry, &loss);
        let allowed = RELATIVE * expected.abs() + FLOOR;
        assert!((found - expected).abs() <= allowed, "{entry}: {found} is not {expected}");
    }
}
