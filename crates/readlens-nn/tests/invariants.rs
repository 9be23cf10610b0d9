//! What must hold for any weights: whole masks, padding, batching, dropout, special tokens and
//! missing labels.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod network;

use candle_core::{DType, Tensor, Var};
use network::{
    CPU, ROWS, VOCABULARY, batch, classifier_config, convolutional, distance, encoder,
    explainer_config, frozen_classifier, frozen_with, trainable_classifier, trainable_explainer,
    transformer,
};
use readlens_kmer::PAD;
use readlens_nn::losses::{self, Uninformative};
use readlens_nn::{
    Classifier, ClassifierConfig, Dropout, ExplainerConfig, Hints, MaskSite, NormPlace, Pass,
    Pooling, Targets, TokenBatch, masking,
};
use readlens_random::stream;

/// Another batch shape may group the additions of a product otherwise.
const TOLERANCE: f64 = 1e-5;

fn classifiers() -> Vec<(String, ClassifierConfig)> {
    let mut all = Vec::new();
    for norm in [NormPlace::Pre, NormPlace::Post] {
        for pooling in [Pooling::Mean, Pooling::Cls] {
            for patch in [1, 2, 3] {
                for site in [MaskSite::Embedding, MaskSite::Mean] {
                    let name = format!("{norm:?} {pooling:?} patch {patch} {site:?}");
                    all.push((name, classifier_config(encoder(norm, patch, site), pooling)));
                }
            }
        }
    }
    all
}

fn explainers() -> Vec<(String, ExplainerConfig)> {
    let networks = [("convolutional", convolutional()), ("transformer", transformer())];
    let config = |(name, network): (&str, readlens_nn::ExplainerNetwork)| {
        [1, 3, 5].map(|smoothing| {
            (format!("{name}, smoothing {smoothing}"), explainer_config(network.clone(), smoothing))
        })
    };
    networks.into_iter().flat_map(config).collect()
}

fn logits(classifier: &Classifier, batch: &TokenBatch, mask: Option<&Tensor>) -> Vec<Tensor> {
    classifier.forward(batch, mask, &mut Pass::inference()).unwrap()
}

/// Seeded mask values for the real tokens of each row (CLS excluded).
fn values(rows: &[&[u32]]) -> Vec<Vec<f32>> {
    use rand::RngExt;
    let row = |(i, row): (usize, &&[u32])| {
        let mut rng = stream(9, &format!("row {i}"));
        (1..row.len()).map(|_| rng.random_range(0.0..1.0)).collect()
    };
    rows.iter().enumerate().map(row).collect()
}

fn placed(batch: &TokenBatch, values: &[Vec<f32>]) -> Tensor {
    let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    masking::complete(&batch.place(&values).unwrap(), batch).unwrap()
}

#[test]
fn an_all_ones_mask_gives_the_unmasked_logits_exactly() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F32);
        let batch = batch(&ROWS, DType::F32);
        let ones = Tensor::ones(batch.dims().unwrap(), DType::F32, &CPU).unwrap();
        let completed = masking::complete(&ones, &batch).unwrap();
        let plain = logits(&classifier, &batch, None);
        for mask in [batch.all_ones(), &completed] {
            for (rank, masked) in logits(&classifier, &batch, Some(mask)).iter().enumerate() {
                assert_eq!(distance(masked, &plain[rank]), 0.0, "{name}, rank {rank}");
            }
        }
    }
}

#[test]
fn a_zero_mask_hides_which_k_mers_there_are() {
    // Two rows of equal length differ in their k-mers only.
    let rows: [&[u32]; 2] = [&[2, 5, 6, 7, 8], &[2, 20, 19, 1, 9]];
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F32);
        let batch = batch(&rows, DType::F32);
        let zeros = Tensor::zeros(batch.dims().unwrap(), DType::F32, &CPU).unwrap();
        let hidden = masking::complete(&zeros, &batch).unwrap();
        for (rank, found) in logits(&classifier, &batch, Some(&hidden)).iter().enumerate() {
            let (a, b) = (found.get(0).unwrap(), found.get(1).unwrap());
            assert!(distance(&a, &b) < TOLERANCE, "{name}, rank {rank}");
        }
        let seen = logits(&classifier, &batch, None);
        let (a, b) = (seen[1].get(0).unwrap(), seen[1].get(1).unwrap());
        assert!(distance(&a, &b) > 1e-2, "{name}: the rows cannot be told apart");
    }
}

#[test]
fn a_row_alone_gives_what_it_gives_in_a_longer_batch() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F32);
        let values = values(&ROWS);
        let together = batch(&ROWS, DType::F32);
        let mask = placed(&together, &values);
        let whole = logits(&classifier, &together, None);
        let masked = logits(&classifier, &together, Some(&mask));
        for (i, row) in ROWS.iter().enumerate() {
            let alone = batch(&[row], DType::F32);
            let mask = placed(&alone, &values[i..=i]);
            let found =
                [logits(&classifier, &alone, None), logits(&classifier, &alone, Some(&mask))];
            for (found, expected) in found.iter().zip([&whole, &masked]) {
                for (rank, found) in found.iter().enumerate() {
                    let expected = expected[rank].narrow(0, i, 1).unwrap();
                    let off = distance(found, &expected);
                    assert!(off < TOLERANCE, "{name}, row {i}, rank {rank}: off by {off:e}");
                }
            }
        }
    }
    for (name, config) in explainers() {
        let (explainer, _) = trainable_explainer(&config, DType::F32);
        let off = &mut Pass::inference();
        let together =
            explainer.forward(&batch(&ROWS, DType::F32), &Hints::default(), off).unwrap();
        for (i, row) in ROWS.iter().enumerate() {
            let alone =
                explainer.forward(&batch(&[row], DType::F32), &Hints::default(), off).unwrap();
            // Logits of CLS and padding mean nothing.
            let real =
                |x: &Tensor, i| x.narrow(0, i, 1).unwrap().narrow(1, 1, row.len() - 1).unwrap();
            let off = distance(&real(&alone, 0), &real(&together, i));
            assert!(off < TOLERANCE, "{name}, row {i}: off by {off:e}");
        }
    }
}

#[test]
fn the_embedding_of_padding_changes_nothing() {
    let other_padding = |tensor: &Tensor| {
        let mut values: Vec<Vec<f32>> = tensor.to_vec2().unwrap();
        values[PAD as usize].fill(1e3);
        Tensor::new(values, &CPU).unwrap()
    };
    for (name, config) in classifiers() {
        let (_, parameters) = trainable_classifier(&config, DType::F32);
        let mut tensors = parameters.tensors();
        let before = frozen_with(&config, tensors.clone(), DType::F32);
        tensors.insert("tok.weight".to_owned(), other_padding(&tensors["tok.weight"]));
        let after = frozen_with(&config, tensors, DType::F32);
        let batch = batch(&ROWS, DType::F32);
        let mask = placed(&batch, &values(&ROWS));
        for mask in [None, Some(&mask)] {
            let pairs = logits(&before, &batch, mask).into_iter().zip(logits(&after, &batch, mask));
            for (rank, (before, after)) in pairs.enumerate() {
                assert_eq!(distance(&before, &after), 0.0, "{name}, rank {rank}");
            }
        }
    }
    for (name, config) in explainers() {
        let (explainer, parameters) = trainable_explainer(&config, DType::F32);
        let batch = batch(&ROWS, DType::F32);
        let real = |logits: Tensor| logits.broadcast_mul(&batch.maskable.unsqueeze(2).unwrap());
        let run = || {
            real(explainer.forward(&batch, &Hints::default(), &mut Pass::inference()).unwrap())
                .unwrap()
        };
        let before = run();
        let (_, token) = parameters.iter().find(|(name, _)| *name == "tok.weight").unwrap();
        token.set(&other_padding(&token.as_detached_tensor())).unwrap();
        assert_eq!(distance(&before, &run()), 0.0, "{name}");
    }
}

#[test]
fn dropout_is_off_at_inference_and_seeded_in_training() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let classifier = frozen_classifier(&config, DType::F32);
    let batch = batch(&ROWS, DType::F32);
    let run = |dropout: Dropout| {
        let mut pass = Pass::inference().with_dropout(dropout);
        classifier.forward(&batch, None, &mut pass).unwrap()
    };
    let seeded = |seed| run(Dropout::seeded(0.3, stream(seed, "dropout")));
    let whole = logits(&classifier, &batch, None);
    for found in [run(Dropout::off()), run(Dropout::seeded(0.0, stream(1, "dropout")))] {
        assert_eq!(distance(&found[1], &whole[1]), 0.0);
    }
    assert_eq!(distance(&seeded(1)[1], &seeded(1)[1]), 0.0);
    assert!(distance(&seeded(1)[1], &seeded(2)[1]) > 1e-3);
    assert!(distance(&seeded(1)[1], &whole[1]) > 1e-3);
}

#[test]
fn dropout_keeps_the_mean_and_zeroes_the_stated_share() {
    let ones = Tensor::ones(100_000, DType::F32, &CPU).unwrap();
    let dropped: Vec<f32> =
        Dropout::seeded(0.2, stream(1, "share")).apply(&ones).unwrap().to_vec1().unwrap();
    let zeros = dropped.iter().filter(|&&x| x == 0.0).count() as f64 / 1e5;
    assert!((zeros - 0.2).abs() < 0.005, "{zeros}");
    assert!(dropped.iter().all(|&x| x == 0.0 || (x - 1.25).abs() < 1e-6));
}

#[test]
fn cls_cannot_be_masked_and_unk_can() {
    let rows: [&[u32]; 1] = [&[2, 5, 1, 7]];
    let batch = batch(&rows, DType::F32);
    assert_eq!(batch.maskable.to_vec2::<f32>().unwrap(), [[0.0, 1.0, 1.0, 1.0]]);
    assert_eq!(batch.present.to_vec2::<f32>().unwrap(), [[1.0; 4]]);
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F32);
        let under = |values: [f32; 4]| {
            let values = Tensor::new(&[values], &CPU).unwrap();
            logits(&classifier, &batch, Some(&masking::complete(&values, &batch).unwrap()))
        };
        let kept = under([1.0, 0.5, 0.5, 0.5]);
        let cls_hidden = under([0.0, 0.5, 0.5, 0.5]);
        let unk_hidden = under([1.0, 0.5, 0.0, 0.5]);
        assert_eq!(distance(&kept[1], &cls_hidden[1]), 0.0, "{name}");
        assert!(distance(&kept[1], &unk_hidden[1]) > 1e-4, "{name}: UNK is not masked");
    }
}

#[test]
fn shape_terms_count_real_tokens_only() {
    let batch = batch(&[&[2, 5, 1, 7], &[2, 5]], DType::F32);
    // Values on CLS and padding must not matter.
    let mask = Tensor::new(&[[9f32, 0.2, 0.4, 1.0], [9.0, 0.7, 9.0, 9.0]], &CPU).unwrap();
    let expect = |found: Tensor, expected: [f32; 2], what: &str| {
        let found: Vec<f32> = found.to_vec1().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{what}: {found} is not {expected}");
        }
    };
    expect(losses::area(&mask, &batch).unwrap(), [1.6 / 3.0, 0.7], "area");
    expect(losses::total_variation(&mask, &batch).unwrap(), [0.4, 0.0], "total variation");
}

#[test]
fn missing_labels_pull_at_nothing() {
    let logits = Var::new(&[[0.3f64, -0.2, 1.0], [0.5, 0.1, -0.4], [2.0, 0.0, 1.0]], &CPU).unwrap();
    let loss = |class: u32| {
        let targets = Targets { classes: vec![0, class, 2], weights: vec![0.5, 0.0, 0.5] };
        losses::cross_entropy(logits.as_tensor(), &targets).unwrap()
    };
    let values: Vec<f64> = (0..3).map(|class| loss(class).to_scalar().unwrap()).collect();
    assert_eq!(values[0], values[1]);
    assert_eq!(values[0], values[2]);
    let grads = loss(1).backward().unwrap();
    let gradient: Vec<Vec<f64>> = grads.get(&logits).unwrap().to_vec2().unwrap();
    assert_eq!(gradient[1], [0.0; 3]);
    assert!(gradient[0].iter().chain(&gradient[2]).all(|g| g.abs() > 1e-3));
}

/// p = (1/2, 1/4, 1/4) and a fifth of the label spread: .8 ln 2 + .2 (ln 2 + 2 ln 4) / 3.
#[test]
fn a_smoothed_label_is_partly_every_taxon() {
    let logits = Tensor::new(&[[2f64.ln(), 0.0, 0.0]], &CPU).unwrap();
    let targets = Targets { classes: vec![0], weights: vec![1.0] };
    let loss = |share| losses::smoothed_cross_entropy(&logits, &targets, share).unwrap();
    let of = |share| loss(share).to_scalar::<f64>().unwrap();
    let ln_2 = 2f64.ln();
    assert!((of(0.2) - (0.8 * ln_2 + 0.2 * 5.0 * ln_2 / 3.0)).abs() < 1e-12);
    assert!((of(0.0) - ln_2).abs() < 1e-12);
}

#[test]
fn a_head_without_labels_is_left_alone() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let (classifier, parameters) = trainable_classifier(&config, DType::F64);
    let logits = logits(&classifier, &batch(&ROWS, DType::F64), None);
    let upper = Targets { classes: vec![0, 1, 0], weights: vec![0.4, 0.3, 0.3] };
    let upper = losses::cross_entropy(&logits[0], &upper).unwrap();
    let lower = Targets { classes: vec![0; 3], weights: vec![0.0; 3] };
    let lower = losses::cross_entropy(&logits[1], &lower).unwrap();
    let grads = (upper + lower).unwrap().backward().unwrap();
    for (name, var) in parameters.iter() {
        let gradient = grads.get(var).map_or(0.0, |g| {
            g.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f64>().unwrap()
        });
        assert_eq!(gradient == 0.0, name.starts_with("heads.1"), "{name}: {gradient}");
    }
}

#[test]
fn uninformative_terms_are_0_for_uniform_and_1_for_certain_predictions() {
    let logits = Tensor::new(&[[1.5f64, 1.5, 1.5, 1.5], [200.0, 0.0, 0.0, 0.0]], &CPU).unwrap();
    let entropy: Vec<f64> =
        losses::uninformative(&logits, Uninformative::Entropy).unwrap().to_vec1().unwrap();
    assert!(entropy[0].abs() < 1e-12 && (entropy[1] - 1.0).abs() < 1e-12, "{entropy:?}");
    let kl: Vec<f64> =
        losses::uninformative(&logits, Uninformative::UniformKl).unwrap().to_vec1().unwrap();
    // KL(u ‖ p) = −ln K − mean ln p, and mean ln p = −150 here.
    let most = 4f64.ln();
    assert!(kl[0].abs() < 1e-12 && (kl[1] - (150.0 - most) / most).abs() < 1e-9, "{kl:?}");
    let single = Tensor::new(&[[3f64], [4.0]], &CPU).unwrap();
    let single = losses::uninformative(&single, Uninformative::Entropy).unwrap();
    assert_eq!(single.to_vec1::<f64>().unwrap(), [0.0, 0.0]);
}

#[test]
fn impossible_batches_are_errors_and_no_panics() {
    let config = classifier_config(encoder(NormPlace::Pre, 1, MaskSite::Embedding), Pooling::Mean);
    let classifier = frozen_classifier(&config, DType::F32);
    let too_long = vec![5; network::MAX_TOKENS + 1];
    let off = &mut Pass::inference();
    assert!(classifier.forward(&batch(&[&too_long], DType::F32), None, off).is_err());
    let unknown: [&[u32]; 1] = [&[2, VOCABULARY as u32]];
    assert!(classifier.forward(&batch(&unknown, DType::F32), None, off).is_err());
    let rows = batch(&ROWS, DType::F32);
    assert!(rows.place(&[&[0.0; 99]]).is_err());
}

#[test]
fn observed_attention_is_a_distribution_over_what_is_present_and_changes_nothing() {
    for (name, config) in classifiers() {
        let classifier = frozen_classifier(&config, DType::F64);
        let batch = batch(&ROWS, DType::F64);
        let shape = &config.transformer().unwrap().encoder;
        let (heads, layers) = (shape.heads, shape.layers);
        let mut seen = Vec::new();
        let mut note = |probabilities: &Tensor| {
            seen.push(probabilities.clone());
            Ok(())
        };
        let encoded = classifier
            .transformer()
            .unwrap()
            .encoder()
            .observe_attention(&batch, None, &mut note)
            .unwrap();
        let plain = classifier
            .transformer()
            .unwrap()
            .encoder()
            .forward(&batch, None, &mut Pass::composed())
            .unwrap();
        assert_eq!(distance(&encoded.states, &plain.states), 0.0, "{name}");
        assert_eq!(seen.len(), layers, "{name}");
        let present: Vec<Vec<f64>> = encoded.present.to_vec2().unwrap();
        for probabilities in &seen {
            let positions = present[0].len();
            assert_eq!(probabilities.dims(), [ROWS.len(), heads, positions, positions], "{name}");
            for (row, present) in present.iter().enumerate() {
                let of_row: Vec<Vec<Vec<f64>>> = probabilities.get(row).unwrap().to_vec3().unwrap();
                for query in of_row.iter().flatten() {
                    assert!((query.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{name}");
                    let is_hidden = |(p, present): (&f64, &f64)| *present > 0.0 || *p == 0.0;
                    assert!(
                        query.iter().zip(present).all(is_hidden),
                        "{name}: padding is attended"
                    );
                }
            }
        }
    }
}

/// A gradient that is no input is added to the z-scores of the network's own logits.
#[test]
fn a_gradient_beside_the_network_is_added_with_its_weight() {
    let (explainer, _) = trainable_explainer(&explainer_config(convolutional(), 1), DType::F64);
    let explainer = explainer.with_gradient(vec![0.2], 0.5).unwrap();
    let classifier = frozen_classifier(&classifiers()[0].1, DType::F64);
    let batch = batch(&ROWS, DType::F64);
    let hints = explainer.hints(&classifier, &batch).unwrap();
    let off = &mut Pass::inference();
    let found = explainer.forward(&batch, &hints, off).unwrap().squeeze(2).unwrap();
    let own = explainer.network_logits(&batch, &Hints::default(), off).unwrap().squeeze(2).unwrap();
    let gradient = hints.gradient.unwrap().squeeze(2).unwrap();
    let expected = masking::standardize(&own, &batch).unwrap() + (gradient * 0.5).unwrap();
    assert!(distance(&found, &expected.unwrap()) < 1e-12);
    assert!(explainer.forward(&batch, &Hints::default(), off).is_err(), "the gradient is missing");
    assert!(explainer.with_gradient(vec![0.2], 0.5).is_err(), "there is a gradient already");
}
