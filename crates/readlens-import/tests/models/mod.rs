//! Golden models, and classifiers of them.
#![allow(dead_code, reason = "each test of this folder uses some of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use readlens_import::{Arranged, EndToken, Imported};
use readlens_kmer::{Alphabet, CLS, FIRST_KMER, Tokenization, UNK};
use readlens_nn::{Classifier, ClassifierConfig, NetworkConfig, WeightSource};
use serde::Deserialize;

pub const CPU: Device = Device::Cpu;

/// `expected.json`; `scripts/golden_models.py` says what it holds.
#[derive(Deserialize)]
pub struct Expected {
    pub rows: Vec<Vec<u32>>,
    pub single: Vec<Vec<f64>>,
    pub batch: Vec<Vec<f64>>,
    pub mask: Vec<Vec<f64>>,
    pub masked: Vec<Vec<f64>>,
    pub classes: Vec<usize>,
    pub gradient: Vec<Vec<f64>>,
}

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Names of the golden models of one head.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(golden()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with("bertax"));
    names.sort();
    assert!(names.len() >= 13, "{names:?}");
    names
}

pub fn expected(name: &str) -> Expected {
    let text = std::fs::read(golden().join(name).join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Ids of padding, unknown, CLS, the end and the mask in a golden vocabulary.
fn special(name: &str) -> [u32; 5] {
    match name.split('-').next() {
        Some("bert" | "bertax") => [0, 1, 2, 3, 4],
        Some("mosaic") => [3, 0, 1, 2, 4],
        Some("esm") => [1, 3, 0, 2, 32],
        Some("nt") => [1, 0, 3, 4, 2],
        _ => panic!("{name}"),
    }
}

/// The model's own id of each of ours: special tokens, then all others in their order. As long as
/// the vocabulary of k-mers that a tokenization has, with more of the unknown where it is longer.
pub fn rows(name: &str, vocabulary: usize) -> Vec<u32> {
    let special = special(name);
    let others = (0..vocabulary as u32).filter(|id| !special.contains(id));
    let mut rows: Vec<u32> = special.into_iter().chain(others).collect();
    let whole = tokenization(rows.len()).vocabulary_size();
    rows.resize(whole, special[1]);
    rows
}

/// One with a vocabulary of at least `least` tokens.
pub fn tokenization(least: usize) -> Tokenization {
    let of = |k| Tokenization::new(Alphabet::Dna, k, 1, true).unwrap();
    (1..8).map(of).find(|tokenization| tokenization.vocabulary_size() >= least).unwrap()
}

/// Our ids of a golden row, without its end.
pub fn ours(name: &str, rows: &[u32], ids: &[u32], end: bool) -> Vec<u32> {
    let special = special(name);
    let mut places = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        places.entry(*row).or_insert(place as u32);
    }
    let body = if end { ids.split_last().unwrap().1 } else { ids };
    assert_eq!(end, ids.last() == Some(&special[3]), "{name}: its end");
    let ours: Vec<u32> = body.iter().map(|id| places[id]).collect();
    assert_eq!(ours[0], CLS, "{name}");
    assert!(ours[1..].iter().all(|id| *id == UNK || *id >= FIRST_KMER), "{name}: {ours:?}");
    ours
}

/// Whether sequences of a golden model have an end.
pub fn has_end(name: &str, imported: &Imported) -> bool {
    match imported.end {
        EndToken::Always => true,
        EndToken::Never => false,
        EndToken::AsTokenizerSays => name.starts_with("esm"),
    }
}

/// The frozen classifier of a model.
pub fn classifier(name: &str, imported: Imported) -> (Classifier, Vec<u32>) {
    let rows = rows(name, imported.vocabulary);
    let (ranks, end) = (imported.ranks.clone(), has_end(name, &imported));
    let Arranged { network, tensors } =
        imported.arrange(&rows, end, Path::new("vocab.txt")).unwrap();
    let tokenization = tokenization(rows.len());
    let config = ClassifierConfig::of(NetworkConfig::Transformer(network), ranks, tokenization);
    let mut source = WeightSource::loaded(Path::new(name), tensors, false, DType::F32, &CPU);
    let classifier = Classifier::new(&config, &mut source).unwrap();
    source.finish().unwrap();
    (classifier, rows)
}

/// A copy of a golden model that a test may break.
pub fn copied(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(golden().join(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// Changes `config.json`: null takes a field away.
pub fn change_config(directory: &Path, field: &str, value: &serde_json::Value) {
    let file = directory.join("config.json");
    let mut config: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    config.remove(field);
    if !value.is_null() {
        config.insert(field.to_owned(), value.clone());
    }
    std::fs::write(file, serde_json::to_vec(&config).unwrap()).unwrap();
}

/// The message of what reading a directory gives; it is bad input.
pub fn refused(directory: &Path) -> String {
    let fault = readlens_import::read(directory).map(|imported| imported.family).unwrap_err();
    assert_eq!(fault.exit_code(), readlens_fault::ExitCode::BadInput, "{fault}");
    fault.to_string()
}
