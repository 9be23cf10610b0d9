//! Tokens of sequences against what the models' own tokenizers make of them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod models;

use std::path::Path;

use models::{golden, names};
use readlens_import::{Family, Tokenizer, read_tokenizer};
use readlens_kmer::{Alphabet, SEP, UNK, Vocabulary};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    tokenizer: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    sequence: String,
    ids: Vec<u32>,
}

/// The model's own ids of a sequence.
fn ids(tokenizer: &Tokenizer, sequence: &str) -> Vec<u32> {
    let mut tokens = Vec::new();
    tokenizer.tokenization.encode(sequence.as_bytes(), &mut tokens);
    tokens.extend(tokenizer.has_end.then_some(SEP));
    tokens.iter().map(|&id| tokenizer.rows[id as usize]).collect()
}

#[test]
fn sequences_have_the_tokens_of_the_models_own_tokenizer() {
    for name in names() {
        let tokenizer = tokenizer(&name);
        let text = std::fs::read(golden().join(&name).join("expected.json")).unwrap();
        let Expected { tokenizer: examples } = serde_json::from_slice(&text).unwrap();
        assert!(examples.len() > 5);
        let mut compared = 0;
        for Example { sequence, ids: mut expected } in examples {
            // We read lower case as upper case and U as T; the models' tokenizers know neither.
            if sequence.bytes().any(|byte| byte.is_ascii_lowercase()) || sequence.contains("GU") {
                continue;
            }
            let mut found = ids(&tokenizer, &sequence);
            // Theirs joins unknown letters into one token, of which the length is not known.
            let unknown = tokenizer.rows[UNK as usize];
            if name.starts_with("nt") || name.starts_with("esm") {
                found.dedup_by(|a, b| a == b && *a == unknown);
                expected.dedup_by(|a, b| a == b && *a == unknown);
            }
            assert_eq!(found, expected, "{name}: {sequence}");
            compared += 1;
        }
        assert!(compared >= 5, "{name}");
        assert_eq!(ids(&tokenizer, "acgt"), ids(&tokenizer, "ACGT"));
    }
}

#[test]
fn vocabularies_say_alphabet_and_rule() {
    let read = tokenizer;
    let dnabert = read("bert-dnabert");
    let kmers = dnabert.tokenization.kmers().unwrap();
    assert_eq!((kmers.k, kmers.stride, dnabert.has_end), (3, 1, true));
    // BERTax reads 3-mers side by side, and no end.
    let bertax = read("bertax-small");
    let kmers = bertax.tokenization.kmers().unwrap();
    assert_eq!((kmers.k, kmers.stride, bertax.has_end), (3, 3, false));
    let (esm, nt, mosaic) = (read("esm-two"), read("nt-one"), read("mosaic-four"));
    assert_eq!(esm.tokenization.alphabet, Alphabet::Protein);
    assert_eq!(nt.tokenization.alphabet, Alphabet::Dna);
    assert_eq!([esm.has_end, nt.has_end, mosaic.has_end], [true, false, true]);
    for tokenizer in [&esm, &nt, &mosaic] {
        assert!(tokenizer.tokenization.cls);
        assert!(matches!(tokenizer.tokenization.vocabulary, Vocabulary::Listed(_)));
        assert_eq!(tokenizer.rows.len(), tokenizer.tokenization.vocabulary_size());
    }
    // 20 amino acids, five other letters and two gaps.
    assert_eq!(esm.tokenization.vocabulary_size(), 5 + 27);
}

fn tokenizer(name: &str) -> Tokenizer {
    let folder = golden().join(name);
    read_tokenizer(&folder, readlens_import::read(&folder).unwrap().family).unwrap()
}

/// A folder with one file.
fn folder(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    folder
}

fn refused(folder: &Path) -> String {
    read_tokenizer(folder, Family::Bert).unwrap_err().to_string()
}

#[test]
fn vocabularies_that_cannot_be_read_are_refused() {
    let none = tempfile::tempdir().unwrap();
    assert!(refused(none.path()).contains("vocab.txt or tokenizer.json"));
    let words = |tokens: &str| {
        let special = "[PAD] [UNK] [CLS] [SEP] [MASK] ";
        folder("vocab.txt", &format!("{special}{tokens}").replace(' ', "\n"))
    };
    for (tokens, message) in [
        ("the ##ing", "token 5: expected capital letters"),
        ("AA AC A", "and \"A\" as token 7"),
        ("AA AC AG", "no token AT"),
        ("A C A", "the token A is twice in the list"),
        ("", "tokens of letters"),
    ] {
        let folder = words(tokens);
        let found = refused(folder.path());
        assert!(found.contains(message), "{tokens}: {found}");
        assert!(found.contains("vocab.txt"), "{found}");
    }
    let no_end = folder("vocab.txt", "[PAD]\n[UNK]\n[CLS]\nA\nC\n");
    assert!(refused(no_end.path()).contains("a token behind sequences"));
    let blank = folder("vocab.txt", "[PAD]\n[UNK]\n\n[CLS]\nA\n");
    assert!(refused(blank.path()).contains("line 3"));
    let other = words("A C");
    let settings = r#"{"tokenizer_class": "T5Tokenizer"}"#;
    std::fs::write(other.path().join("tokenizer_config.json"), settings).unwrap();
    assert!(refused(other.path()).contains("found that of T5Tokenizer"));
}

#[test]
fn byte_pair_encoding_of_another_kind_is_refused() {
    let golden = std::fs::read_to_string(golden().join("mosaic-four/tokenizer.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [(Change, &str); 10] = [
        (|t| t["model"]["type"] = "Unigram".into(), "model.type: expected BPE, found Unigram"),
        (|t| t["model"]["fuse_unk"] = true.into(), "model.fuse_unk"),
        (|t| t["model"]["byte_fallback"] = true.into(), "model.byte_fallback"),
        (|t| t["model"]["dropout"] = 0.1.into(), "model.dropout"),
        (|t| t["model"]["end_of_word_suffix"] = "</w>".into(), "model.end_of_word_suffix"),
        (|t| t["normalizer"] = serde_json::json!({"type": "Lowercase"}), "normalizer"),
        (|t| t["pre_tokenizer"] = serde_json::json!({"type": "ByteLevel"}), "pre_tokenizer"),
        (|t| t["post_processor"]["single"] = serde_json::json!([]), "post_processor"),
        (|t| t["model"]["merges"][0] = serde_json::json!(["Q", "A"]), "model.merges, 0"),
        (|t| t["model"]["merges"][0] = serde_json::json!("AC"), "model.merges, 0"),
    ];
    for (change, message) in changes {
        let mut changed = golden.clone();
        change(&mut changed);
        let folder = folder("tokenizer.json", &changed.to_string());
        let found = refused(folder.path());
        assert!(found.contains(message) && found.contains("tokenizer.json"), "{found}");
    }
    // Merges may be texts with a blank between the two.
    let mut changed = golden.clone();
    for merge in changed["model"]["merges"].as_array_mut().unwrap() {
        let text = format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap());
        *merge = text.into();
    }
    let folder = folder("tokenizer.json", &changed.to_string());
    let (texts, pairs) =
        (read_tokenizer(folder.path(), Family::MosaicBert).unwrap(), tokenizer("mosaic-four"));
    assert_eq!((texts.tokenization, texts.rows), (pairs.tokenization, pairs.rows));
}
