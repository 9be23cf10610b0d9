//! Models of others with one thing wrong each, and a classifier of one of them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::stages;

/// Copies a golden model of readlens-import to `name` in `directory` and changes it.
fn model(directory: &Path, golden: &str, name: &str, change: impl FnOnce(&Path)) {
    let from = stages::workspace().join("crates/readlens-import/tests/golden").join(golden);
    let to = directory.join(name);
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    change(&to);
}

fn configured(model: &Path, key: &str, value: Value) {
    let file = model.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    config[key] = value;
    fs::write(file, config.to_string()).unwrap();
}

/// A pickle that would run `os.system`.
const HOSTILE: &[u8] = b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.";

pub fn write(directory: &Path) {
    let of = |golden: &str, name: &str, change: &dyn Fn(&Path)| {
        model(directory, golden, name, |path| change(path));
    };
    of("bert-narrow", "hf", &|_| {});
    of("bert-narrow", "hf-unknown", &|path| configured(path, "model_type", json!("gpt2")));
    of("bert-narrow", "hf-relu", &|path| configured(path, "hidden_act", json!("relu")));
    of("bert-narrow", "hf-wider", &|path| configured(path, "intermediate_size", json!(64)));
    of("bert-narrow", "hf-no-weights", &|path| {
        fs::remove_file(path.join("model.safetensors")).unwrap();
    });
    of("bert-narrow", "hf-cut", &|path| {
        let file = path.join("model.safetensors");
        let bytes = fs::read(&file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    });
    of("bert-narrow", "hf-pickle", &|path| {
        fs::remove_file(path.join("model.safetensors")).unwrap();
        fs::write(path.join("pytorch_model.bin"), HOSTILE).unwrap();
    });
    of("bert-narrow", "hf-no-tokenizer", &|path| {
        fs::remove_file(path.join("vocab.txt")).unwrap();
    });
    of("bert-narrow", "hf-words", &|path| {
        fs::write(path.join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n##ing\n")
            .unwrap();
    });
    // DNABERT-2's files are no plain BERT, although its configuration has all fields of one.
    of("mosaic-four", "hf-no-alibi", &|path| {
        let file = path.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        config.as_object_mut().unwrap().remove("alibi_starting_size");
        config.as_object_mut().unwrap().remove("auto_map");
        fs::write(file, config.to_string()).unwrap();
    });
    of("esm-two", "hf-protein", &|_| {});
    fs::write(directory.join("labels-of-another.tsv"), "label\trank\ttaxon\nx\tr\tt\n").unwrap();
    stages::succeed("import", directory, "--model hf-protein --output protein-classifier --quiet");
    fs::write(directory.join("digits.fasta"), ">a\nMKV7LAA\n").unwrap();
    fs::write(directory.join("peptide.fasta"), ">a\nMKVLAA\n").unwrap();
    stages::succeed(
        "tokenize",
        directory,
        "peptide.fasta --like protein-classifier --output peptides.parquet --quiet",
    );
}
