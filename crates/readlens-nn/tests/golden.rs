//! Losses, gradients, classifiers and Explainers against an independent PyTorch reference in
//! float64 (values and conventions: `tests/golden/README.md`).
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor, Var};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::losses::{self, Uninformative};
use readlens_nn::objective::{Budgets, Frozen, LossWeights, MaskTraining, Objective};
use readlens_nn::{
    Architecture, Classifier, ClassifierConfig, EncoderConfig, Explained, Explainer,
    ExplainerConfig, ExplainerNetwork, MaskSite, NetworkConfig, NormPlace, Pass, Pooling,
    RankClasses, Selection, Targets, TokenBatch, TransformerConfig, WeightSource,
};
use readlens_nn::{WindowTokens, masking};
use serde_json::Value;

const CPU: Device = Device::Cpu;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

fn tokenization() -> Tokenization {
    Tokenization::new(Alphabet::Dna, 3, 3, true).unwrap()
}

fn matrix(value: &Value) -> Tensor {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Tensor::new(rows, &CPU).unwrap()
}

fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    let found = found.to_dtype(DType::F64).unwrap();
    let expected = expected.to_dtype(DType::F64).unwrap();
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let worst = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    let worst: f64 = worst.to_scalar().unwrap();
    assert!(worst <= tolerance, "{what}: off by {worst:e}, allowed {tolerance:e}");
}

/// Tensors of a golden checkpoint under our names: heads are numbered, not lettered.
fn tensors(name: &str, dtype: DType) -> HashMap<String, Tensor> {
    let tensors = readlens_nn::read_tensors(&golden(name)).unwrap();
    let rename = |name: String| {
        name.replace("head_s.", "heads.0.")
            .replace("head_p.", "heads.1.")
            .replace("head_g.", "heads.2.")
    };
    tensors.into_iter().map(|(n, t)| (rename(n), t.to_dtype(dtype).unwrap())).collect()
}

fn batch_of(value: &Value, dtype: DType) -> TokenBatch {
    let rows: Vec<Vec<u32>> = serde_json::from_value(value.clone()).unwrap();
    let rows: Vec<WindowTokens> = rows.iter().map(|ids| WindowTokens::unframed(ids)).collect();
    TokenBatch::new(&rows, dtype, &CPU).unwrap()
}

fn classifier(name: &str, site: MaskSite, dtype: DType) -> (Value, Classifier) {
    let golden_values = json(&format!("{name}.json"));
    let c = &golden_values["config"];
    let size = |key: &str| c[key].as_u64().unwrap() as usize;
    let classes: Vec<usize> = serde_json::from_value(c["classes"].clone()).unwrap();
    let config = ClassifierConfig::of(
        NetworkConfig::Transformer(TransformerConfig {
            encoder: EncoderConfig {
                vocabulary: size("vocab"),
                max_tokens: size("max_len"),
                dim: size("d"),
                layers: size("layers"),
                heads: size("heads"),
                feed_forward: size("ff"),
                patch: size("patch"),
                norm: if c["norm"] == "pre" { NormPlace::Pre } else { NormPlace::Post },
                embedding_norm: c["emb_ln"].as_bool().unwrap(),
                dropout: 0.0,
                mask_site: site,
                architecture: Architecture::default(),
            },
            pooling: if c["pool"] == "mean" { Pooling::Mean } else { Pooling::Cls },
            bag: None,
        }),
        classes
            .iter()
            .enumerate()
            .map(|(i, &n)| RankClasses {
                rank: format!("r{i}"),
                taxa: (0..n).map(|t| t.to_string()).collect(),
            })
            .collect(),
        tokenization(),
    );
    let file = format!("{name}.safetensors");
    let mut source =
        WeightSource::loaded(&golden(&file), tensors(&file, dtype), false, dtype, &CPU);
    let classifier = Classifier::new(&config, &mut source).unwrap();
    assert_eq!(source.finish().unwrap().count(), 0, "a frozen network has nothing to train");
    (golden_values, classifier)
}

fn check_logits(found: &[Tensor], expected: &Value, tolerance: f64, what: &str) {
    for (rank, (found, expected)) in found.iter().zip(expected.as_array().unwrap()).enumerate() {
        assert_close(found, &matrix(expected), tolerance, &format!("{what}, rank {rank}"));
    }
}

/// The weighted total of the golden files: classification, entropy, uniform-kl, area, total
/// variation. Their terms `hinge` and `bin` are losses that no objective has.
fn total(
    masked: &[Tensor],
    inverse: &[Tensor],
    mask: &Tensor,
    batch: &TokenBatch,
    labels: &[Vec<u32>],
    weights: &Value,
) -> Tensor {
    let rows = labels.len() as f64;
    let ranks = masked.len() as f64;
    let mut sum = Tensor::zeros((), mask.dtype(), &CPU).unwrap();
    let mut add = |term: Tensor, name: &str, scale: f64| {
        let weight = weights[name].as_f64().unwrap_or(0.0) * scale;
        sum = (&sum + (term * weight).unwrap()).unwrap();
    };
    for (rank, (masked, inverse)) in masked.iter().zip(inverse).enumerate() {
        let targets = Targets {
            classes: labels.iter().map(|row| row[rank]).collect(),
            weights: vec![1.0 / rows; labels.len()],
        };
        add(losses::cross_entropy(masked, &targets).unwrap(), "cls", 1.0 / ranks);
        for (name, kind) in [("ent", Uninformative::Entropy), ("kl", Uninformative::UniformKl)] {
            add(
                losses::uninformative(inverse, kind).unwrap().sum_all().unwrap(),
                name,
                1.0 / (ranks * rows),
            );
        }
    }
    add(losses::area(mask, batch).unwrap().sum_all().unwrap(), "area", 1.0 / rows);
    add(losses::total_variation(mask, batch).unwrap().sum_all().unwrap(), "tv", 1.0 / rows);
    sum
}

#[test]
fn every_loss_term_and_its_gradient() {
    let g = json("losses_golden.json");
    // Maskable positions as ids: CLS first, then k-mers, then padding.
    let maskable: Vec<Vec<f64>> = serde_json::from_value(g["maskable"].clone()).unwrap();
    let ids: Vec<Vec<u32>> = maskable
        .iter()
        .map(|row| {
            row.iter().enumerate().map(|(t, &v)| if t == 0 { 2 } else { v as u32 * 7 }).collect()
        })
        .collect();
    let rows: Vec<WindowTokens> = ids.iter().map(|ids| WindowTokens::unframed(ids)).collect();
    let batch = TokenBatch::new(&rows, DType::F64, &CPU).unwrap();
    let labels: Vec<Vec<u32>> = serde_json::from_value(g["labels"].clone()).unwrap();
    let variables = |key: &str| -> Vec<Var> {
        g[key].as_array().unwrap().iter().map(|v| Var::from_tensor(&matrix(v)).unwrap()).collect()
    };
    let (masked, inverse) = (variables("logits_masked"), variables("logits_inverse"));
    let mask = Var::from_tensor(&matrix(&g["mask"])).unwrap();
    let tensors = |vars: &[Var]| vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>();
    let value_of = |weights: &Value| {
        total(&tensors(&masked), &tensors(&inverse), mask.as_tensor(), &batch, &labels, weights)
    };
    for name in ["cls", "ent", "kl", "area", "tv"] {
        let value = value_of(&serde_json::json!({ name: 1.0 }));
        let term = &g["terms"][name];
        let expected = Tensor::new(term["value"].as_f64().unwrap(), &CPU).unwrap();
        assert_close(&value, &expected, 1e-9, name);
        let grads = value.backward().unwrap();
        let vars: Vec<&Var> = match name {
            "cls" => masked.iter().collect(),
            "ent" | "kl" => inverse.iter().collect(),
            _ => vec![&mask],
        };
        for (var, expected) in vars.into_iter().zip(term["grad"].as_array().unwrap()) {
            assert_close(
                grads.get(var).unwrap(),
                &matrix(expected),
                1e-9,
                &format!("gradient of {name}"),
            );
        }
    }
    let others = ["hinge", "bin"].map(|name| {
        g["total_weights"][name].as_f64().unwrap() * g["terms"][name]["value"].as_f64().unwrap()
    });
    let expected = g["total"].as_f64().unwrap() - others.iter().sum::<f64>();
    let expected = Tensor::new(expected, &CPU).unwrap();
    assert_close(&value_of(&g["total_weights"]), &expected, 1e-9, "weighted total");
}

/// The loss of the composite objective, at the logits of the soft `mask`.
fn composite(
    classifier: &Classifier,
    batch: &TokenBatch,
    mask: &Tensor,
    labels: &[Vec<u32>],
    weights: &Value,
) -> Tensor {
    let weight = |name: &str| weights[name].as_f64().unwrap_or(0.0);
    assert_eq!(weight("cls"), 1.0);
    let weights = LossWeights {
        entropy: weight("ent"),
        uniform_kl: weight("kl"),
        area: weight("area"),
        total_variation: weight("tv"),
    };
    let (rows, ranks) = (labels.len(), labels[0].len());
    let of_rank = |rank: usize| Targets {
        classes: labels.iter().map(|row| row[rank]).collect(),
        weights: vec![1.0 / (rows * ranks) as f64; rows],
    };
    let targets: Vec<Targets> = (0..ranks).map(of_rank).collect();
    let budgets = vec![Budgets::WHOLE; rows];
    let frozen =
        Frozen { classifier, batch, targets: &targets, budgets: &budgets, batch_rows: rows };
    let odds = (mask / mask.affine(-1.0, 1.0).unwrap()).unwrap();
    let logits = odds.log().unwrap().unsqueeze(2).unwrap();
    let objective = Objective::Composite { mask: MaskTraining::Soft, weights };
    objective.loss_of_logits(&logits, &frozen, &[Explained::AllRanks]).unwrap().total
}

#[test]
fn classifiers_at_every_mask_site() {
    for name in ["tiny_pre_mean_patch2", "tiny_post_cls"] {
        // The golden files also have the places `sum` and `ln`, which no classifier is masked at.
        let sites = [("tok", MaskSite::Embedding), ("mix", MaskSite::Mean)];
        for (dtype, tolerance) in [(DType::F64, 1e-9), (DType::F32, 2e-4)] {
            for (key, site) in sites {
                let (g, classifier) = classifier(name, site, dtype);
                let what = format!("{name} at {key} in {dtype:?}");
                let batch = batch_of(&g["token_ids"], dtype);
                let off = &mut Pass::inference();
                let plain = classifier.forward(&batch, None, off).unwrap();
                check_logits(
                    &plain,
                    &g["logits_unmasked"],
                    tolerance,
                    &format!("{what}, unmasked"),
                );
                let ones = classifier.forward(&batch, Some(batch.all_ones()), off).unwrap();
                for (ones, plain) in ones.iter().zip(&plain) {
                    assert_close(ones, plain, 0.0, &format!("{what}: all-ones mask = unmasked"));
                }
                let mask = Var::from_tensor(&matrix(&g["mask"]).to_dtype(dtype).unwrap()).unwrap();
                let keep = masking::complete(mask.as_tensor(), &batch).unwrap();
                let hide = masking::complete_inverse(mask.as_tensor(), &batch).unwrap();
                let masked = classifier.forward(&batch, Some(&keep), off).unwrap();
                let inverse = classifier.forward(&batch, Some(&hide), off).unwrap();
                let place = &g["places"][key];
                check_logits(
                    &masked,
                    &place["logits_masked"],
                    tolerance,
                    &format!("{what}, masked"),
                );
                check_logits(
                    &inverse,
                    &place["logits_inverse"],
                    tolerance,
                    &format!("{what}, inverse"),
                );
                let labels: Vec<Vec<u32>> = serde_json::from_value(g["labels"].clone()).unwrap();
                let weights = &g["total_weights"];
                let loss = composite(&classifier, &batch, mask.as_tensor(), &labels, weights);
                let expected = Tensor::new(place["total"].as_f64().unwrap(), &CPU).unwrap();
                assert_close(&loss, &expected, tolerance, &format!("{what}, total"));
                let grads = loss.backward().unwrap();
                let gradient = grads.get(&mask).unwrap();
                let expected = matrix(&place["d_total_d_mask"]);
                assert_close(
                    gradient,
                    &expected,
                    tolerance,
                    &format!("{what}, gradient of the mask"),
                );
            }
        }
    }
}

#[test]
fn explainers() {
    for name in ["tiny_explainer_cnn", "tiny_explainer_cnn_perclass"] {
        for (dtype, tolerance) in [(DType::F64, 1e-9), (DType::F32, 2e-4)] {
            let g = json(&format!("{name}.json"));
            let file = format!("{name}.safetensors");
            let size = |key: &str| g[key].as_u64().unwrap() as usize;
            let config = ExplainerConfig {
                network: ExplainerNetwork::Convolutional {
                    vocabulary: 69,
                    dim: size("d"),
                    width: size("width"),
                    dilations: serde_json::from_value(g["dilations"].clone()).unwrap(),
                },
                masks: (0..size("out")).map(|i| i.to_string()).collect(),
                smoothing: 1,
                max_tokens: None,
                gradient: None,
                selection: Selection::Threshold,
                tokenization: tokenization(),
            };
            let mut source =
                WeightSource::loaded(&golden(&file), tensors(&file, dtype), false, dtype, &CPU);
            let explainer = Explainer::new(&config, &mut source).unwrap();
            source.finish().unwrap();
            let batch = batch_of(&g["token_ids"], dtype);
            let logits = explainer
                .forward(&batch, &readlens_nn::Hints::default(), &mut Pass::inference())
                .unwrap();
            let expected = g["mask_logits"].as_array().unwrap();
            for (row, expected) in expected.iter().enumerate() {
                assert_close(
                    &logits.get(row).unwrap(),
                    &matrix(expected),
                    tolerance,
                    &format!("{name}, row {row}"),
                );
            }
            let selected: Vec<usize> = serde_json::from_value(g["selected_row"].clone()).unwrap();
            let masks = matrix(&g["mask"]);
            for (row, &output) in selected.iter().enumerate() {
                let chosen =
                    logits.get(row).unwrap().narrow(1, output, 1).unwrap().squeeze(1).unwrap();
                let mask = candle_nn::ops::sigmoid(&chosen).unwrap();
                assert_close(
                    &mask,
                    &masks.get(row).unwrap(),
                    tolerance,
                    &format!("{name}, mask {row}"),
                );
            }
        }
    }
}
