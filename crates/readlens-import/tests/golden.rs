//! Logits and mask gradients of imported models against what independent implementations compute.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod models;

use candle_core::{DType, Tensor, Var};
use models::{CPU, Expected, classifier, expected, golden, has_end, names, ours};
use readlens_import::Family;
use readlens_nn::{Classifier, Pass, TokenBatch};

/// Largest difference of two logits, or two derivatives. Rounded rotary frequencies are worth
/// 1.7e-5.
fn tolerance(model: &str) -> f64 {
    if model.starts_with("esm") || model.starts_with("nt") { 1e-5 } else { 1e-4 }
}

fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let tolerance = tolerance(what);
    for (found, expected) in found.iter().zip(expected) {
        let difference = (f64::from(*found) - expected).abs();
        assert!(difference < tolerance, "{what}: {found}, not {expected}");
    }
}

fn logits(classifier: &Classifier, rows: &[&[u32]], mask: Option<&Tensor>) -> Tensor {
    let batch = TokenBatch::unframed(rows, DType::F32, &CPU).unwrap();
    classifier.forward(&batch, mask, &mut Pass::inference()).unwrap().remove(0)
}

/// A model, what is expected of it, and its rows in our ids.
fn model(name: &str) -> (Classifier, Expected, Vec<Vec<u32>>) {
    let imported = readlens_import::read(&golden().join(name)).unwrap();
    let (expected, end) = (expected(name), has_end(name, &imported));
    let (classifier, rows) = classifier(name, imported);
    let ours = expected.rows.iter().map(|ids| ours(name, &rows, ids, end)).collect();
    (classifier, expected, ours)
}

#[test]
fn logits_alone_and_in_a_batch() {
    for name in names() {
        let (classifier, expected, ours) = model(&name);
        let ours: Vec<&[u32]> = ours.iter().map(Vec::as_slice).collect();
        let batch: Vec<Vec<f32>> = logits(&classifier, &ours, None).to_vec2().unwrap();
        for (row, ids) in ours.iter().enumerate() {
            let single: Vec<Vec<f32>> = logits(&classifier, &[ids], None).to_vec2().unwrap();
            assert_close(&single[0], &expected.single[row], &format!("{name}, row {row}"));
            assert_close(&batch[row], &expected.batch[row], &format!("{name}, row {row} of all"));
        }
    }
}

#[test]
fn masks_and_their_gradients() {
    for name in names() {
        let (classifier, expected, ours) = model(&name);
        let ours: Vec<&[u32]> = ours.iter().map(Vec::as_slice).collect();
        let width = ours.iter().map(|ids| ids.len()).max().unwrap();
        // The factor of the end, 1, is the network's own affair.
        let padded = ours.iter().zip(&expected.mask).flat_map(|(ids, mask)| {
            let mask = mask[..ids.len()].iter().map(|value| *value as f32);
            mask.chain(std::iter::repeat_n(0.0, width - ids.len()))
        });
        let padded = Tensor::from_iter(padded, &CPU).unwrap().reshape((ours.len(), width)).unwrap();
        let mask = Var::from_tensor(&padded).unwrap();
        let masked = logits(&classifier, &ours, Some(mask.as_tensor()));
        for (found, expected) in masked.to_vec2().unwrap().iter().zip(&expected.masked) {
            assert_close(found, expected, &name);
        }
        let classes: Vec<u32> = expected.classes.iter().map(|class| *class as u32).collect();
        let classes = Tensor::new(classes, &CPU).unwrap().unsqueeze(1).unwrap();
        let sum = masked.gather(&classes, 1).unwrap().sum_all().unwrap();
        let gradient = sum.backward().unwrap().remove(&mask).unwrap();
        let gradient: Vec<Vec<f32>> = gradient.to_vec2().unwrap();
        for (row, ids) in ours.iter().enumerate() {
            let found = &gradient[row][..ids.len()];
            assert_close(
                found,
                &expected.gradient[row][..ids.len()],
                &format!("{name}, row {row}"),
            );
        }
    }
}

#[test]
fn families_and_labels() {
    for name in names() {
        let imported = readlens_import::read(&golden().join(&name)).unwrap();
        let expected = match name.as_str() {
            "nt-two" | "nt-biased" => Family::GatedEsm,
            name if name.starts_with("bert-") => Family::Bert,
            name if name.starts_with("mosaic-") => Family::MosaicBert,
            _ => Family::Esm,
        };
        assert_eq!(imported.family, expected, "{name}");
        assert_eq!(imported.ranks.len(), 1, "{name}");
        assert_eq!(imported.ranks[0].taxa[..2], ["taxon a", "taxon b"], "{name}");
    }
    let two = readlens_import::read(&golden().join("esm-two")).unwrap();
    assert!(two.unused.iter().any(|name| name.starts_with("esm.contact_head")), "{:?}", two.unused);
}
