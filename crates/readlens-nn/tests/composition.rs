//! The classifier of the composition against counts that are written down letter by letter.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bases;

use std::collections::HashMap;
use std::path::Path;

use bases::{
    CHANNELS, CPU, OF_PRODUCTS, ROWS, TAXA, WINDOWS, batch, check_logits, check_mask_gradient,
    config_of, features, loss_of, tokenization, weight_of,
};
use candle_core::{DType, Tensor};
use readlens_nn::{
    Classifier, ClassifierConfig, CompositionConfig, MaskSite, NetworkConfig, WeightSource,
    WindowTokens, frequency_biases,
};
use readlens_random::{normal, stream};

const FEATURES: usize = ROWS[0] + ROWS[1];

fn composition(site: MaskSite) -> CompositionConfig {
    CompositionConfig {
        channels: CHANNELS.map(|channel| channel.parse().unwrap()).into(),
        dropout: 0.0,
        mask_site: site,
    }
}

fn config(site: MaskSite) -> ClassifierConfig {
    config_of(NetworkConfig::Composition(composition(site)))
}

/// ln(1 + count) / √bases of every feature of a window under a mask.
fn values(window: usize, mask: Option<&[f64]>, site: MaskSite) -> Vec<f64> {
    let (bases, phase) = WINDOWS[window];
    let mut counts = vec![0f64; FEATURES];
    for (table, row, covered) in features(bases, phase) {
        let first = table * ROWS[0];
        let weight = mask.map_or(1.0, |mask| weight_of(covered, mask));
        counts[first + row] += weight;
        if site == MaskSite::Mean {
            let share = (1.0 - weight) / ROWS[table] as f64;
            counts[first..first + ROWS[table]].iter_mut().for_each(|count| *count += share);
        }
    }
    let root = (bases.len() as f64).sqrt();
    counts.iter().map(|count| (1.0 + count).ln() / root).collect()
}

fn to_vec(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn moments() -> HashMap<String, Tensor> {
    let tokenization = tokenization();
    let rows = WINDOWS.map(|(bases, phase)| {
        let mut ids = Vec::new();
        tokenization.encode(bases, &mut ids);
        (ids, phase)
    });
    let windows = rows.iter().map(|(ids, phase)| WindowTokens { ids, phase: *phase });
    composition(MaskSite::Embedding).moments(&tokenization, windows).unwrap()
}

#[test]
fn moments_are_those_of_whole_windows() {
    let moments = moments();
    let (mean, scale) = (to_vec(&moments["mean"]), to_vec(&moments["scale"]));
    let windows = [0, 1].map(|window| values(window, None, MaskSite::Embedding));
    for feature in 0..FEATURES {
        let (a, b) = (windows[0][feature], windows[1][feature]);
        assert!((mean[feature] - f64::midpoint(a, b)).abs() < 1e-6);
        // Two values lie half their distance from their mean.
        let expected = if a == 0.0 && b == 0.0 { 0.0 } else { 1.0 / ((a - b).abs() / 2.0 + 1e-4) };
        assert!((scale[feature] - expected).abs() < 1e-3 * expected.max(1.0), "{feature}");
    }
    assert!(scale.contains(&0.0), "some feature never occurs");
}

#[test]
fn logits_and_gradients_are_those_of_the_counts() {
    let mut tensors = moments();
    for (rank, taxa) in TAXA.into_iter().enumerate() {
        for (part, shape) in [("weight", vec![taxa, FEATURES]), ("bias", vec![taxa])] {
            let name = format!("heads.{rank}.{part}");
            let mut rng = stream(4, &name);
            let count = shape.iter().product();
            let drawn: Vec<f32> = (0..count).map(|_| normal(&mut rng) as f32).collect();
            tensors.insert(name, Tensor::from_vec(drawn, shape, &CPU).unwrap());
        }
    }
    let (mean, scale) = (to_vec(&tensors["mean"]), to_vec(&tensors["scale"]));
    let heads: Vec<(Vec<f64>, Vec<f64>)> = (0..TAXA.len())
        .map(|rank| {
            let part = |part: &str| to_vec(&tensors[&format!("heads.{rank}.{part}")]);
            (part("weight"), part("bias"))
        })
        .collect();
    for site in [MaskSite::Embedding, MaskSite::Mean] {
        let logits = |window: usize, mask: &[f64]| -> Vec<f64> {
            let x = values(window, Some(mask), site);
            let z: Vec<f64> = (0..FEATURES).map(|f| (x[f] - mean[f]) * scale[f]).collect();
            let of = |(weights, bias): (&[f64], &f64)| -> f64 {
                weights.iter().zip(&z).map(|(weight, z)| weight * z).sum::<f64>() + bias
            };
            let rank = |(weights, biases): &(Vec<f64>, Vec<f64>)| {
                weights.chunks_exact(FEATURES).zip(biases).map(of).collect::<Vec<f64>>()
            };
            heads.iter().flat_map(rank).collect()
        };
        let file = Path::new("model.safetensors");
        let mut source = WeightSource::loaded(file, tensors.clone(), false, DType::F32, &CPU);
        let classifier = Classifier::new(&config(site), &mut source).unwrap();
        source.finish().unwrap();
        check_logits(&classifier, &batch(), OF_PRODUCTS, &logits);
        check_mask_gradient(&classifier, &batch(), &|masks| {
            loss_of(&|window| logits(window, &masks[window]))
        });
    }
}

#[test]
fn a_fresh_one_keeps_the_moments_it_was_given() {
    let mut source = WeightSource::fresh(1, DType::F32, &CPU).given(moments());
    let classifier = Classifier::new(&config(MaskSite::Embedding), &mut source).unwrap();
    let trained = source.finish().unwrap();
    assert_eq!(trained.count(), 5 * (FEATURES + 1), "moments are not trained");
    assert_eq!(to_vec(&classifier.tensors()["mean"]), to_vec(&moments()["mean"]));
}

/// (3 + 1) / (4 + 2) and (1 + 1) / (4 + 2); a taxon without a window has a share, too.
#[test]
fn a_fresh_one_knows_how_frequent_taxa_are() {
    let biases = frequency_biases(&[vec![3, 1], vec![0, 1, 0]]).unwrap();
    let mut source = WeightSource::fresh(1, DType::F32, &CPU).given(biases);
    let classifier = Classifier::new(&config(MaskSite::Embedding), &mut source).unwrap();
    source.finish().unwrap();
    for (name, shares) in
        [("heads.0.bias", vec![4.0 / 6.0, 2.0 / 6.0]), ("heads.1.bias", vec![0.25, 0.5, 0.25])]
    {
        for (found, share) in to_vec(&classifier.tensors()[name]).iter().zip(shares) {
            assert!((found.exp() - share).abs() < 1e-6, "{name}: {found}, not ln {share}");
        }
    }
}
