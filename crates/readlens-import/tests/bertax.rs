//! BERTax, as `scripts/bertax_to_safetensors.py` writes it, against keras-bert.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod models;

use candle_core::{D, DType, Tensor, Var};
use models::{CPU, change_config, classifier, copied, golden, ours, refused};
use readlens_import::{EndToken, Family};
use readlens_nn::{Classifier, Pass, TokenBatch};
use serde::Deserialize;
use serde_json::json;

const NAME: &str = "bertax-small";
/// Largest difference of two logarithms of probabilities, or two derivatives; keras-bert computes
/// in f32.
const TOLERANCE: f64 = 1e-4;

/// `expected.json`; `scripts/golden_bertax.py` says what it holds.
#[derive(Deserialize)]
struct Expected {
    rows: Vec<Vec<u32>>,
    logs: Vec<Vec<Vec<f64>>>,
    mask: Vec<Vec<f32>>,
    masked: Vec<Vec<Vec<f64>>>,
    classes: Vec<Vec<u32>>,
    gradient: Vec<Vec<f64>>,
}

fn expected() -> Expected {
    serde_json::from_slice(&std::fs::read(golden().join(NAME).join("expected.json")).unwrap())
        .unwrap()
}

fn logs(classifier: &Classifier, rows: &[&[u32]], mask: Option<&Tensor>) -> Vec<Tensor> {
    let batch = TokenBatch::unframed(rows, DType::F32, &CPU).unwrap();
    let logits = classifier.forward(&batch, mask, &mut Pass::inference()).unwrap();
    let normed = |logits: &Tensor| candle_nn::ops::log_softmax(logits, D::Minus1).unwrap();
    logits.iter().map(normed).collect()
}

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < TOLERANCE, "{found}, not {expected}");
    }
}

#[test]
fn probabilities_of_all_ranks_and_their_mask_gradients() {
    let imported = readlens_import::read(&golden().join(NAME)).unwrap();
    assert_eq!((imported.family, imported.end), (Family::Bertax, EndToken::Never));
    let ranks: Vec<&str> = imported.ranks.iter().map(|rank| rank.rank.as_str()).collect();
    assert_eq!(ranks, ["superkingdom", "phylum", "genus"]);
    assert_eq!(imported.ranks[1].taxa, ["Chlorobi", "Mollusca", "unknown"]);
    let expected = expected();
    let (classifier, rows) = classifier(NAME, imported);
    let ids: Vec<Vec<u32>> =
        expected.rows.iter().map(|ids| ours(NAME, &rows, ids, false)).collect();
    let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let together = logs(&classifier, &ids, None);
    for (row, tokens) in ids.iter().enumerate() {
        let alone = logs(&classifier, &[tokens], None);
        for (rank, expected) in expected.logs[row].iter().enumerate() {
            let together: Vec<f32> = together[rank].get(row).unwrap().to_vec1().unwrap();
            assert_close(&together, expected);
            assert_close(&alone[rank].get(0).unwrap().to_vec1::<f32>().unwrap(), expected);
        }
        let mask = Tensor::new(expected.mask[row].as_slice(), &CPU).unwrap().unsqueeze(0).unwrap();
        let mask = Var::from_tensor(&mask).unwrap();
        let masked = logs(&classifier, &[tokens], Some(mask.as_tensor()));
        let mut sum = Tensor::zeros((), DType::F32, &CPU).unwrap();
        for (rank, masked) in masked.iter().enumerate() {
            let own: Vec<f32> = masked.get(0).unwrap().to_vec1().unwrap();
            assert_close(&own, &expected.masked[row][rank]);
            let class = expected.classes[row][rank] as usize;
            sum = (sum + masked.get(0).unwrap().get(class).unwrap()).unwrap();
        }
        let gradient = sum.backward().unwrap().remove(&mask).unwrap();
        let gradient: Vec<f32> = gradient.get(0).unwrap().to_vec1().unwrap();
        assert_close(&gradient, &expected.gradient[row]);
        assert!(gradient.iter().any(|value| value.abs() > 1e-2));
    }
}

#[test]
fn ranks_that_are_none_are_refused() {
    let taxa = json!(["Apis", "Mus"]);
    for (ranks, expected) in [
        (json!(null), "ranks: expected a list of ranks and their taxa"),
        (json!([]), "ranks: expected 1 to 64 ranks"),
        (json!([{"rank": "genus"}]), "missing field `taxa`"),
        (json!([{"rank": "genus", "taxa": ["Mus"]}]), "two taxa or more of rank genus"),
        (json!([{"rank": "genus", "taxa": ["Mus", "Mus"]}]), "\"Mus\" twice"),
        (
            json!([{"rank": "genus", "taxa": taxa}, {"rank": "genus", "taxa": taxa}]),
            "\"genus\" twice",
        ),
        (json!([{"rank": "genus", "taxa": ["Apis", "Beta", "Mus"]}]), "classifier.0.weight"),
        (json!([{"rank": "superkingdom", "taxa": taxa}]), "classifier.1.bias"),
    ] {
        let copy = copied(NAME);
        change_config(copy.path(), "ranks", &ranks);
        let message = refused(copy.path());
        assert!(message.contains(expected), "{message}");
    }
}
