//! Encoders that compute otherwise than our own: ends, positions, gated units, and the paths that
//! attribution methods take through them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod network;

use candle_core::{DType, Tensor, Var};
use network::{
    CPU, ROWS, batch, classifier_config, distance, encoder, foreign_encoders, frozen_classifier,
    frozen_with, trainable_classifier,
};
use readlens_kmer::SEP;
use readlens_nn::{
    Architecture, Classifier, ClassifierConfig, EncoderConfig, Explained, MaskSite, NormPlace,
    Pass, Pooling, mask_gradient, masking,
};

const EXACT: f64 = 1e-12;

fn classifiers() -> impl Iterator<Item = (&'static str, ClassifierConfig)> {
    let of = |(name, encoder)| (name, classifier_config(encoder, Pooling::Cls));
    foreign_encoders().into_iter().map(of)
}

fn logits(classifier: &Classifier, rows: &[&[u32]], mask: Option<&Tensor>) -> Vec<Tensor> {
    let batch = batch(rows, DType::F64);
    classifier.forward(&batch, mask, &mut Pass::inference()).unwrap()
}

#[test]
fn a_row_alone_is_as_in_a_batch() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F64);
        let together = logits(&classifier, &ROWS, None);
        for (row, ids) in ROWS.iter().enumerate() {
            for (together, alone) in together.iter().zip(logits(&classifier, &[ids], None)) {
                let of_row = together.narrow(0, row, 1).unwrap();
                assert!(distance(&of_row, &alone) < EXACT, "{name}, row {row}");
            }
        }
    }
}

/// An end that the encoder adds is the token SEP behind each row.
#[test]
fn the_end_is_a_token_behind_the_last() {
    for (name, config) in classifiers() {
        if !config.transformer().unwrap().encoder.architecture.end {
            continue;
        }
        let (_, parameters) = trainable_classifier(&config, DType::F64);
        let classifier = frozen_with(&config, parameters.tensors(), DType::F64);
        let mut written = config.clone();
        let encoder = &mut written.transformer_mut().unwrap().encoder;
        encoder.max_tokens += 1;
        encoder.architecture.end = false;
        let explicit = frozen_with(&written, parameters.tensors(), DType::F64);
        let ended = ROWS.map(|row| [row, &[SEP]].concat());
        let ended = ended.each_ref().map(Vec::as_slice);
        let values = Tensor::new(&[0.3, 0.9, 0.1, 0.5, 0.7, 0.2, 0.8, 0.4f64], &CPU).unwrap();
        let values = values.unsqueeze(0).unwrap().repeat((ROWS.len(), 1)).unwrap();
        let own = masking::complete(&values, &batch(&ROWS, DType::F64)).unwrap();
        // The same factors, and 1 on the end.
        let mut padded: Vec<Vec<f64>> = own.pad_with_zeros(1, 0, 1).unwrap().to_vec2().unwrap();
        for (row, ids) in padded.iter_mut().zip(&ROWS) {
            row[ids.len()] = 1.0;
        }
        let padded = Tensor::new(padded, &CPU).unwrap();
        for (own, padded) in [(None, None), (Some(&own), Some(&padded))] {
            let pairs = logits(&classifier, &ROWS, own).into_iter();
            for (found, expected) in pairs.zip(logits(&explicit, &ended, padded)) {
                assert!(distance(&found, &expected) < EXACT, "{name}");
            }
        }
    }
}

/// Of as many tokens as the network reads, and one more.
#[test]
fn the_end_has_a_place_beyond_the_longest_row() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F64);
        let longest = vec![5; network::MAX_TOKENS];
        assert_eq!(logits(&classifier, &[&longest], None).len(), 2, "{name}");
        let too_long = vec![5; network::MAX_TOKENS + 1];
        let too_long = batch(&[&too_long], DType::F64);
        let found = classifier.forward(&too_long, None, &mut Pass::inference());
        assert!(found.unwrap_err().to_string().contains("rows of 13 tokens"), "{name}");
    }
}

#[test]
fn states_and_parts_are_of_the_tokens_alone() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F64);
        let transformer = classifier.transformer().unwrap();
        let batch = batch(&ROWS, DType::F64);
        let (rows, tokens) = batch.dims().unwrap();
        let dim = transformer.encoder().config().dim;
        let encoded = transformer.encoder().forward(&batch, None, &mut Pass::inference()).unwrap();
        assert_eq!(encoded.states.dims(), [rows, tokens, dim], "{name}");
        assert_eq!(encoded.present.dims(), [rows, tokens], "{name}");
        let parts = transformer.encoder().token_parts(&batch).unwrap();
        assert_eq!(parts.dims(), [rows, tokens, dim], "{name}");
        let evidence = classifier.evidence(&batch, None);
        assert!(evidence.is_ok(), "{name}: {evidence:?}");
        let classes = [vec![0u32, 1, 0], vec![2, 1, 0]];
        let classes = classes.map(|classes| Tensor::new(classes, &CPU).unwrap());
        let scores = transformer.class_query(&batch, &classes).unwrap();
        assert_eq!(scores[1].dims(), [rows, tokens], "{name}");
    }
}

#[test]
fn observed_attention_has_the_end() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F64);
        let end = usize::from(config.transformer().unwrap().encoder.architecture.end);
        let mut seen = 0;
        let mut note = |probabilities: &Tensor| {
            seen += 1;
            let sums = probabilities.sum(3)?;
            assert!(distance(&sums, &sums.ones_like()?) < EXACT, "{name}");
            let (_, _, queries, keys) = probabilities.dims4()?;
            assert_eq!((queries, keys), (8 + end, 8 + end), "{name}");
            // The second row has six tokens; behind its end there is padding.
            let padding = probabilities.get(1)?.narrow(2, 6 + end, 2)?;
            assert_eq!(padding.sum_all()?.to_scalar::<f64>()?, 0.0, "{name}");
            let last = probabilities.get(1)?.narrow(2, 5 + end, 1)?;
            assert!(last.min_all()?.to_scalar::<f64>()? > 0.0, "{name}");
            Ok(())
        };
        let rows = batch(&ROWS, DType::F64);
        let transformer = classifier.transformer().unwrap();
        transformer.encoder().observe_attention(&rows, None, &mut note).unwrap();
        assert_eq!(seen, 2, "{name}");
    }
}

/// The derivative by each token's mask against central differences.
#[test]
fn masks_have_gradients() {
    const STEP: f64 = 1e-5;
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F64);
        let rows = batch(&ROWS, DType::F64);
        let level = (rows.maskable.zeros_like().unwrap() + 0.6).unwrap();
        let mask = Var::from_tensor(&masking::complete(&level, &rows).unwrap()).unwrap();
        let loss = |mask: &Tensor| {
            let logits = classifier.forward(&rows, Some(mask), &mut Pass::inference()).unwrap();
            let first = logits[1].narrow(1, 0, 1).unwrap().sum_all().unwrap();
            (first - logits[0].narrow(1, 1, 1).unwrap().sum_all().unwrap()).unwrap()
        };
        let gradient = loss(mask.as_tensor()).backward().unwrap().remove(&mask).unwrap();
        let gradient: Vec<Vec<f64>> = gradient.to_vec2().unwrap();
        let start: Vec<Vec<f64>> = mask.to_vec2().unwrap();
        for (row, ids) in ROWS.iter().enumerate() {
            for token in 1..ids.len() {
                let at = |shift: f64| {
                    let mut moved = start.clone();
                    moved[row][token] += shift;
                    loss(&Tensor::new(moved, &CPU).unwrap()).to_scalar::<f64>().unwrap()
                };
                let expected = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let found = gradient[row][token];
                assert!((found - expected).abs() < 1e-8, "{name}: {found}, not {expected}");
            }
        }
        assert!(gradient.iter().flatten().any(|g| g.abs() > 1e-3), "{name}");
        let targets = [vec![0u32, 1, 0], vec![2, 1, 0]];
        let targets: Vec<_> =
            targets.iter().map(|classes| readlens_nn::Targets::of_classes(classes)).collect();
        let explained: Vec<Explained> = config_explained(&config);
        let found = mask_gradient(&classifier, &rows, &targets, &[0.3], &explained).unwrap();
        assert_eq!(found.dims(), [3, 8, explained.len()], "{name}");
    }
}

fn config_explained(config: &ClassifierConfig) -> Vec<Explained> {
    (0..config.ranks.len()).map(Explained::Rank).collect()
}

/// Blocks that are computed again, a few rows at a time and by kernels, against one graph of
/// candle's operations.
#[test]
fn what_is_computed_again_is_the_same() {
    const LONGEST: usize = 700;
    for (name, mut config) in classifiers() {
        config.transformer_mut().unwrap().encoder.max_tokens = LONGEST;
        for (dtype, most) in [(DType::F64, EXACT), (DType::F32, 1e-4)] {
            let classifier = frozen_classifier(&config, dtype);
            let row = |length: u32| -> Vec<u32> {
                std::iter::once(2).chain((1..length).map(|i| 5 + i * 7 % 16)).collect()
            };
            let rows = [row(LONGEST as u32), row(5), row(650)];
            let rows = batch(&rows.each_ref().map(Vec::as_slice), dtype);
            let level = (rows.maskable.zeros_like().unwrap() + 0.6).unwrap();
            let of = |mut pass: Pass| {
                let mask = Var::from_tensor(&masking::complete(&level, &rows).unwrap()).unwrap();
                let logits = classifier.forward(&rows, Some(mask.as_tensor()), &mut pass).unwrap();
                let sum = logits[1].narrow(1, 0, 1).unwrap().sum_all().unwrap();
                let gradient = sum.backward().unwrap().remove(&mask).unwrap();
                (logits[1].clone(), gradient)
            };
            let (again, once) = (of(Pass::inference()), of(Pass::composed()));
            let logits = distance(&again.0, &once.0);
            assert!(logits < most, "{name}: {logits}");
            let gradients = distance(&again.1, &once.1);
            assert!(gradients < most, "{name}: {gradients}");
            let largest = once.1.abs().unwrap().max_all().unwrap().to_dtype(DType::F64).unwrap();
            assert!(largest.to_scalar::<f64>().unwrap() > 10.0 * most, "{name}: {largest}");
        }
    }
}

/// Our own encoders are written as before there were others.
#[test]
fn our_own_architecture_is_not_written() {
    let own = encoder(NormPlace::Pre, 1, MaskSite::Embedding);
    let written = serde_json::to_value(&own).unwrap();
    assert!(written.get("architecture").is_none(), "{written}");
    assert_eq!(serde_json::from_value::<EncoderConfig>(written).unwrap(), own);
    let (_, bert) = &foreign_encoders()[0];
    let written = serde_json::to_value(bert).unwrap();
    let expected = serde_json::json!({
        "positions": "learned", "unit": "gelu", "token_type": true, "norm_epsilon": 1e-12,
        "end": true,
    });
    assert_eq!(written["architecture"], expected);
    assert_eq!(&serde_json::from_value::<EncoderConfig>(written).unwrap(), bert);
    assert!(Architecture::default().is_own());
}
