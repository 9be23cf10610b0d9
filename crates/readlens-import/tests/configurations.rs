//! What `config.json` may not say: everything that is not computed is refused by name.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod models;

use models::{change_config, copied, golden, refused};
use readlens_import::Family;
use serde_json::{Value, json};

/// Each change of a field of a golden model, and what the message names.
fn refusals() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let both = [
        ("model_type", json!("roberta"), "model_type: expected bert, esm or bertax, found roberta"),
        ("architectures", json!(["BertForMaskedLM"]), "architectures: expected [\""),
        ("architectures", json!(null), "found nothing"),
        ("is_decoder", json!(true), "is_decoder: expected false, found true"),
        ("add_cross_attention", json!(true), "add_cross_attention"),
        ("pruned_heads", json!({"1": [0]}), "pruned_heads"),
        ("quantization_config", json!({"load_in_8bit": true}), "quantization_config"),
        ("problem_type", json!("multi_label_classification"), "problem_type"),
        ("position_embedding_type", json!("relative_key"), "position_embedding_type"),
        ("hidden_act", json!("relu"), "hidden_act: expected \"gelu\""),
        ("embedding_size", json!(8), "embedding_size: expected only fields"),
        ("hidden_size", json!(0), "hidden_size: expected a whole number from 1 to 16384"),
        ("hidden_size", json!(1u64 << 40), "hidden_size"),
        ("hidden_size", json!("15"), "hidden_size"),
        ("num_hidden_layers", json!(1_000_000_000), "num_hidden_layers"),
        ("num_attention_heads", json!(7), "num_attention_heads: expected a divisor"),
        ("layer_norm_eps", json!(0), "layer_norm_eps"),
        ("num_labels", json!(7), "num_labels: expected"),
        (
            "id2label",
            json!({"0": "a", "2": "b"}),
            "id2label: expected labels of the classes 0 to 1",
        ),
        ("id2label", json!({"0": "a", "01": "b"}), "id2label"),
        ("id2label", json!({"0": "a", "1": "a"}), "\"a\" twice"),
        ("id2label", json!({"0": "a"}), "two labels or more"),
        ("id2label", json!({"0": "a", "1": 3}), "id2label"),
        ("auto_map", json!({"AutoModel": "mine.Model"}), "auto_map: expected a"),
        ("max_position_embeddings", json!(1u64 << 50), "max_position_embeddings"),
        ("pad_token_id", json!(100_000), "pad_token_id"),
    ];
    let esm = [
        ("rope_theta", json!(500.0), "rope_theta"),
        ("rope_scaling", json!({"factor": 2.0}), "rope_scaling"),
        ("is_folding_model", json!(true), "is_folding_model"),
        ("token_dropout", json!(1), "token_dropout: expected true or false"),
        ("mask_token_id", json!(33), "mask_token_id"),
        ("num_attention_heads", json!(8), "an even width, not 3"),
        ("max_position_embeddings", json!(2), "max_position_embeddings"),
    ];
    let of = |model| move |(field, value, expected)| (model, field, value, expected);
    let mut all: Vec<_> = both.clone().into_iter().map(of("bert-narrow")).collect();
    all.extend(both.into_iter().map(of("esm-two")));
    all.extend(esm.into_iter().map(of("esm-two")));
    all.push(("mosaic-four", "hidden_act", json!("relu"), "hidden_act"));
    all.push(("mosaic-four", "attention_window", json!(7), "attention_window"));
    all.push(("nt-two", "num_experts", json!(2), "num_experts"));
    all
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    for (model, field, value, expected) in refusals() {
        let copy = copied(model);
        change_config(copy.path(), field, &value);
        let message = refused(copy.path());
        assert!(message.contains(expected), "{model}, {field} {value}: {message}");
        assert!(message.contains("config.json"), "{message}");
    }
}

/// The configuration of DNABERT-2 has every field of BERT's, and its files are of another network.
#[test]
fn mosaic_is_never_taken_for_bert() {
    let copy = copied("mosaic-four");
    change_config(copy.path(), "auto_map", &json!(null));
    assert_eq!(readlens_import::read(copy.path()).unwrap().family, Family::MosaicBert);
    let copy = copied("mosaic-four");
    change_config(copy.path(), "alibi_starting_size", &json!(null));
    assert_eq!(readlens_import::read(copy.path()).unwrap().family, Family::MosaicBert);
    // Without both it would be BERT, whose tensors it has not.
    change_config(copy.path(), "auto_map", &json!(null));
    let message = refused(copy.path());
    assert!(message.contains("position_embeddings.weight"), "{message}");
    let copy = copied("bert-narrow");
    change_config(copy.path(), "alibi_starting_size", &json!(512));
    let message = refused(copy.path());
    assert!(message.contains("attention.self.Wqkv"), "{message}");
}

/// Nor is a model with gated units taken for ESM-2, or the other way round.
#[test]
fn gated_units_are_never_taken_for_plain_ones() {
    let copy = copied("nt-two");
    change_config(copy.path(), "add_bias_fnn", &json!(null));
    let message = refused(copy.path());
    assert!(message.contains("auto_map"), "{message}");
    change_config(copy.path(), "auto_map", &json!(null));
    let message = refused(copy.path());
    assert!(message.contains("intermediate.dense.weight: expected shape [20, 24]"), "{message}");
    let copy = copied("esm-two");
    change_config(copy.path(), "add_bias_fnn", &json!(true));
    let message = refused(copy.path());
    assert!(message.contains("intermediate.dense.weight: expected shape [80, 24]"), "{message}");
}

/// Without labels there are as many as the weights have, two where nothing is said.
#[test]
fn labels_that_are_not_given_are_numbered() {
    let copy = copied("bert-narrow");
    change_config(copy.path(), "id2label", &json!(null));
    let found = readlens_import::read(copy.path()).unwrap();
    assert_eq!(found.ranks[0].taxa, ["LABEL_0", "LABEL_1"]);
    change_config(copy.path(), "num_labels", &json!(3));
    let message = refused(copy.path());
    assert!(message.contains("classifier.weight: expected shape [3, 15]"), "{message}");
}

#[test]
fn a_configuration_that_is_none() {
    let copy = copied("bert-narrow");
    for text in ["", "{", "[]", "\"bert\"", "{\"model_type\": 3}", "{}"] {
        std::fs::write(copy.path().join("config.json"), text).unwrap();
        let message = refused(copy.path());
        assert!(message.contains("config.json"), "{text}: {message}");
    }
    std::fs::remove_file(copy.path().join("config.json")).unwrap();
    assert!(refused(copy.path()).contains("config.json"));
}

/// Rows of the embedding are of the model's own vocabulary.
#[test]
fn rows_that_the_model_has_not_are_refused() {
    let read = || readlens_import::read(&golden().join("bert-narrow")).unwrap();
    let file = std::path::Path::new("vocab.txt");
    let fault = read().arrange(&[0, 1, 2, 3, 4, 21], true, file).unwrap_err().to_string();
    assert!(fault.contains("vocab.txt, token 21: expected ids below 21"), "{fault}");
    let fault = read().arrange(&[0, 1, 2, 3, 4], true, file).unwrap_err().to_string();
    assert!(fault.contains("expected tokens of sequences"), "{fault}");
    let fault = read().arrange(&[0, 1, 2, 3, 4, 5], false, file).unwrap_err().to_string();
    assert!(fault.contains("BERT reads sequences with an end token"), "{fault}");
    let arranged = read().arrange(&[4, 4, 4, 4, 4, 20], true, file).unwrap();
    assert_eq!(arranged.network.encoder.vocabulary, 6);
    assert_eq!(arranged.network.encoder.max_tokens, 63);
    assert_eq!(arranged.tensors["tok.weight"].dims(), [6, 15]);
    assert_eq!(arranged.tensors["pos"].dims(), [64, 15]);
}
