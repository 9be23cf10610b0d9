//! The whole stage: from a model's directory to a classifier's.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod models;

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use models::{CPU, expected, golden, names};
use readlens_fault::Result;
use readlens_import::{Config, Paths, Tokenizer, read_tokenizer, run};
use readlens_nn::{Classifier, Pass, TokenBatch, load_classifier};

fn import(model: &Path, labels: Option<&str>, output: &Path) -> Result<Classifier> {
    let table = output.with_extension("tsv");
    if let Some(labels) = labels {
        std::fs::write(&table, labels).unwrap();
    }
    let paths = Paths {
        model: model.to_path_buf(),
        labels: labels.map(|_| table),
        output: output.to_path_buf(),
    };
    run(&Config { rank: "label".to_owned() }, &paths)?;
    load_classifier(output, &CPU)
}

fn tokenizer(name: &str) -> Tokenizer {
    let folder = golden().join(name);
    read_tokenizer(&folder, readlens_import::read(&folder).unwrap().family).unwrap()
}

/// Logits per rank of a golden model's rows, and those that are expected.
fn logits(name: &str, classifier: &Classifier) -> (Vec<Vec<Vec<f32>>>, Vec<Vec<f64>>) {
    let tokenizer = tokenizer(name);
    let expected = expected(name);
    let ours = |ids: &Vec<u32>| -> Vec<u32> {
        let body = &ids[..ids.len() - usize::from(tokenizer.has_end)];
        let place = |id| tokenizer.rows.iter().position(|row| row == id).unwrap() as u32;
        body.iter().map(place).collect()
    };
    let rows: Vec<Vec<u32>> = expected.rows.iter().map(ours).collect();
    let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
    let batch = TokenBatch::unframed(&rows, DType::F32, &CPU).unwrap();
    let logits = classifier.forward(&batch, None, &mut Pass::inference()).unwrap();
    (logits.iter().map(|logits: &Tensor| logits.to_vec2().unwrap()).collect(), expected.batch)
}

#[test]
fn every_golden_model_becomes_a_classifier() {
    for name in names() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("classifier");
        let classifier = import(&golden().join(&name), None, &output).unwrap();
        assert_eq!(classifier.config().ranks[0].rank, "label");
        let (found, expected) = logits(&name, &classifier);
        for (found, expected) in found[0].iter().zip(&expected) {
            for (found, expected) in found.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{name}");
            }
        }
        let manifest = std::fs::read_to_string(output.join("manifest.json")).unwrap();
        for role in ["configuration", "weights", "tokenizer"] {
            assert!(manifest.contains(&format!("\"role\": \"{role}\"")), "{manifest}");
        }
    }
}

/// Rounded through f16, as those of ESM-2 are: 1.7e-5 in the logits of this one.
#[test]
fn rotary_frequencies_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("classifier");
    let classifier = import(&golden().join("esm-two"), None, &output).unwrap();
    let encoder = &classifier.config().transformer().unwrap().encoder;
    let found = encoder.architecture.frequencies.as_ref().unwrap();
    let half = (encoder.dim / encoder.heads) / 2;
    assert_eq!(found.len(), half);
    let exact = |i: usize| 10_000_f64.powf(-(i as f64) / half as f64);
    let differs = |(i, found): (usize, &f32)| (f64::from(*found) / exact(i) - 1.0).abs() > 1e-6;
    assert!(found.iter().enumerate().any(differs));
    assert!(found.iter().enumerate().all(|(i, f)| (f64::from(*f) / exact(i) - 1.0).abs() < 1e-3));
}

/// Its heads have ranks of their own.
#[test]
fn bertax_keeps_its_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let model = golden().join("bertax-small");
    let classifier = import(&model, None, &folder.path().join("classifier")).unwrap();
    let ranks: Vec<&str> = classifier.config().ranks.iter().map(|r| r.rank.as_str()).collect();
    assert_eq!(ranks, ["superkingdom", "phylum", "genus"]);
    let table = "label\trank\ttaxon\n";
    let fault = import(&model, Some(table), &folder.path().join("other")).unwrap_err().to_string();
    assert!(fault.contains("BERTax names its own ranks"), "{fault}");
}

/// Four outputs are two heads side by side: each has its own softmax, and none sees the other.
#[test]
fn outputs_are_divided_among_ranks() {
    let name = names().into_iter().find(|name| expected(name).batch[0].len() == 4);
    let name = name.expect("a golden model of four labels");
    let folder = tempfile::tempdir().unwrap();
    let table = "label\trank\ttaxon\n\
                 taxon d\tgenus\tD\ntaxon a\tphylum\tA\ntaxon b\tgenus\tB\ntaxon c\tphylum\tC\n";
    let classifier =
        import(&golden().join(&name), Some(table), &folder.path().join("classifier")).unwrap();
    let ranks = &classifier.config().ranks;
    assert_eq!((ranks[0].rank.as_str(), ranks[1].rank.as_str()), ("genus", "phylum"));
    assert_eq!(
        (&ranks[0].taxa[..], &ranks[1].taxa[..]),
        (&["D".into(), "B".into()][..], &["A".into(), "C".into()][..])
    );
    let (found, expected) = logits(&name, &classifier);
    for (row, expected) in expected.iter().enumerate() {
        for (rank, outputs) in [[3, 1], [0, 2]].iter().enumerate() {
            for (found, output) in found[rank][row].iter().zip(outputs) {
                assert!((f64::from(*found) - expected[*output]).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn labels_that_are_not_the_models_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("classifier");
    let model = golden().join("bert-dnabert");
    for (table, message) in [
        ("label\trank\n", "a header with the column \"taxon\""),
        ("label\trank\ttaxon\n", "3 labels"),
        ("label\trank\ttaxon\nx\tr\tt\n", "labels of the model: taxon a, taxon b, taxon c"),
        ("label\trank\ttaxon\ntaxon a\tr\tA\ntaxon a\tr\tB\n", "\"taxon a\" twice"),
        ("label\trank\ttaxon\ntaxon a\tr\tA\ntaxon b\tr\tA\n", "\"A\" twice at r"),
        ("label\trank\ttaxon\ntaxon a\tr\tA\ntaxon b\tr\tB\n", "3 labels"),
        ("label\trank\ttaxon\ntaxon a\tr\tA\ntaxon b\tr\tB\ntaxon c\tq\tC\n", "one at the rank q"),
        ("label\trank\ttaxon\ntaxon a\t\tA\n", "the name of a rank"),
        ("label\trank\ttaxon\ntaxon a\tr\t\n", "an empty cell"),
    ] {
        let fault = import(&model, Some(table), &output).unwrap_err().to_string();
        assert!(fault.contains(message), "{fault}");
        assert!(!output.exists());
    }
}

/// A model in a folder of its own, with one file changed.
fn changed(file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> (tempfile::TempDir, PathBuf) {
    let all = tempfile::tempdir().unwrap();
    let folder = all.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(golden().join("esm-two")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let path = folder.join(file);
    std::fs::write(&path, change(std::fs::read(&path).unwrap())).unwrap();
    (all, folder)
}

#[test]
fn files_of_different_models_are_refused() {
    // A letter more than the embedding has, in the place of the last one.
    let (all, model) = changed("vocab.txt", |text| [text, b"J\n".to_vec()].concat());
    let output = all.path().join("classifier");
    let fault = import(&model, None, &output).unwrap_err().to_string();
    assert!(fault.contains("ids below 33"), "{fault}");
    assert!(!output.exists());
    let (all, model) = changed("tokenizer_config.json", |text| {
        String::from_utf8(text).unwrap().replace("\"<eos>\"", "null").into_bytes()
    });
    // ESM was trained with an end, but its tokenizer may leave it out.
    import(&model, None, &all.path().join("classifier")).unwrap();
    let (all, model) = changed("model.safetensors", |bytes| bytes[..bytes.len() / 2].to_vec());
    let output = all.path().join("classifier");
    let fault = import(&model, None, &output).unwrap_err().to_string();
    assert!(fault.contains("model.safetensors"), "{fault}");
    assert!(!output.exists());
}

#[test]
fn the_output_is_not_the_model() {
    let (_all, model) = changed("vocab.txt", |text| text);
    let fault = import(&model, None, &model).unwrap_err().to_string();
    assert!(fault.contains("will not write"), "{fault}");
    assert!(model.join("vocab.txt").exists());
}
