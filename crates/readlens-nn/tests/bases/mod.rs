//! Two windows of DNA, and their features written down letter by letter.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by several test files")]

use candle_core::{DType, Device, Tensor};
use readlens_kmer::{Alphabet, ModelDigest, Orientation, Tokenization};
use readlens_nn::{
    Classifier, ClassifierConfig, NetworkConfig, Pass, RankClasses, TokenBatch, WindowTokens,
    masking,
};

pub const CPU: Device = Device::Cpu;
/// Taxa of two ranks.
pub const TAXA: [usize; 2] = [2, 3];
/// Channels of which [`features`] tells the features.
pub const CHANNELS: [&str; 2] = ["kmer:2", "phased:1"];
/// Rows of their tables.
pub const ROWS: [usize; 2] = [16, 12];
/// Bases of two windows, the phases that are known of them, and how many codons they are.
pub const WINDOWS: [(&[u8], Option<u8>); 2] =
    [(b"ACGTTGCATGCCATAAGG", Some(1)), (b"TTGACGNNNGTT", None)];

/// Codons, each a token, of windows in their reading frame.
pub fn tokenization() -> Tokenization {
    let mut tokenization = Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap();
    let model = ModelDigest::from_hex(&"0".repeat(64)).unwrap();
    tokenization.orientation = Some(Orientation { model, trim: false });
    tokenization
}

/// A classifier of one network.
pub fn config_of(network: NetworkConfig) -> ClassifierConfig {
    let rank = |(i, taxa): (usize, &usize)| RankClasses {
        rank: format!("rank{i}"),
        taxa: (0..*taxa).map(|taxon| taxon.to_string()).collect(),
    };
    let ranks = TAXA.iter().enumerate().map(rank).collect();
    ClassifierConfig::of(network, ranks, tokenization())
}

/// The weight of a feature under a mask of codons: the least of those that it covers.
pub fn weight_of(covered: std::ops::Range<usize>, mask: &[f64]) -> f64 {
    covered.map(|base| mask[base / 3]).fold(f64::INFINITY, f64::min)
}

/// The gradient of a padded mask is that of `expected`, a loss by [`factor`]s, by differences.
pub fn check_mask_gradient(
    classifier: &Classifier,
    batch: &TokenBatch,
    expected: &dyn Fn(&[Vec<f64>; 2]) -> f64,
) {
    let mask = candle_core::Var::from_tensor(&placed(batch, &masks())).unwrap();
    let logits = classifier.forward(batch, Some(mask.as_tensor()), &mut Pass::inference());
    let gradient = loss(&logits.unwrap()).backward().unwrap().remove(&mask).unwrap();
    let gradient: Vec<Vec<f32>> = gradient.to_vec2().unwrap();
    for window in 0..2 {
        assert_eq!(gradient[window][0], 0.0, "no feature covers CLS");
        for token in 0..masks()[window].len() {
            let moved = |by: f64| {
                let mut masks = masks();
                masks[window][token] += by;
                expected(&masks)
            };
            let expected = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            let found = f64::from(gradient[window][token + 1]);
            let allowed = 1e-4 * expected.abs().max(1.0);
            assert!((found - expected).abs() < allowed, "{window} {token}: {found} {expected}");
        }
    }
}

/// Largest error of sums in f32.
pub const OF_SUMS: f64 = 1e-5;
/// Largest error of products on matrix tiles, which write an f32 as two bfloat16 numbers, of 8
/// significant bits each.
pub const OF_PRODUCTS: f64 = 1e-4;

/// Logits are those of `expected`, of a window under a mask, to within a relative error.
pub fn check_logits(
    classifier: &Classifier,
    batch: &TokenBatch,
    error: f64,
    expected: &dyn Fn(usize, &[f64]) -> Vec<f64>,
) {
    let ones = masks().map(|mask| vec![1.0; mask.len()]);
    for masks in [masks(), ones.clone()] {
        let rows = found(classifier, batch, Some(&placed(batch, &masks)));
        for (window, row) in rows.iter().enumerate() {
            for (found, expected) in row.iter().zip(expected(window, &masks[window])) {
                let allowed = error * expected.abs().max(1.0);
                assert!((f64::from(*found) - expected).abs() < allowed, "{found} {expected}");
            }
        }
    }
    let whole = placed(batch, &ones);
    assert_eq!(found(classifier, batch, None), found(classifier, batch, Some(&whole)));
}

/// The weighted sum of all logits of both windows that [`loss`] computes, of `logits` of a window.
pub fn loss_of(logits: &dyn Fn(usize) -> Vec<f64>) -> f64 {
    (0..2).flat_map(logits).enumerate().map(|(i, logit)| factor(i) * logit).sum()
}

pub fn batch() -> TokenBatch {
    let tokenization = tokenization();
    let rows = WINDOWS.map(|(bases, phase)| {
        let mut ids = Vec::new();
        tokenization.encode(bases, &mut ids);
        (ids, phase)
    });
    let rows: Vec<WindowTokens> =
        rows.iter().map(|(ids, phase)| WindowTokens { ids, phase: *phase }).collect();
    TokenBatch::new(&rows, DType::F32, &CPU).unwrap()
}

/// Mask of each codon; no two are equal.
pub fn masks() -> [Vec<f64>; 2] {
    [vec![0.9, 0.25, 0.6, 1.0, 0.0, 0.4], vec![0.3, 0.8, 0.55, 0.7]]
}

/// Table, row and the bases of each feature of a window.
pub fn features(bases: &[u8], phase: Option<u8>) -> Vec<(usize, usize, std::ops::Range<usize>)> {
    let code = |base: u8| b"ACGT".iter().position(|letter| *letter == base);
    let mut features = Vec::new();
    for start in 0..bases.len() - 1 {
        if let (Some(first), Some(second)) = (code(bases[start]), code(bases[start + 1])) {
            let row = (4 * first + second).min(4 * (3 - second) + 3 - first);
            features.push((0, row, start..start + 2));
        }
    }
    for (start, base) in bases.iter().enumerate() {
        if let (Some(code), Some(phase)) = (code(*base), phase) {
            features.push((1, 3 * code + (start + 3 - phase as usize) % 3, start..start + 1));
        }
    }
    features
}

pub fn factor(i: usize) -> f64 {
    (i as f64 * 0.7 + 0.3).sin()
}

pub fn placed(batch: &TokenBatch, masks: &[Vec<f64>; 2]) -> Tensor {
    let masks = masks.each_ref().map(|mask| mask.iter().map(|m| *m as f32).collect::<Vec<f32>>());
    let rows: Vec<&[f32]> = masks.iter().map(Vec::as_slice).collect();
    masking::complete(&batch.place(&rows).unwrap(), batch).unwrap()
}

/// Logits per window, ranks one after the other.
pub fn found(classifier: &Classifier, batch: &TokenBatch, mask: Option<&Tensor>) -> Vec<Vec<f32>> {
    let logits = classifier.forward(batch, mask, &mut Pass::inference()).unwrap();
    Tensor::cat(&logits, 1).unwrap().to_vec2().unwrap()
}

/// The loss of [`loss_of`] as a tensor.
pub fn loss(logits: &[Tensor]) -> Tensor {
    let logits = Tensor::cat(logits, 1).unwrap();
    let factors: Vec<f32> = (0..logits.elem_count()).map(|i| factor(i) as f32).collect();
    let factors = Tensor::from_vec(factors, logits.shape(), &CPU).unwrap();
    (logits * factors).unwrap().sum_all().unwrap()
}
