//! Inputs that cannot be learned from or read, and models that cannot be opened.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "planted/mod.rs"]
mod planted;

use std::sync::LazyLock;

use planted::genes;
use readlens_fault::ExitCode;
use readlens_frame::{FrameModel, FrameOptions, LEAST_BASES, VERSION};
use serde_json::{Value, json};

static MODEL: LazyLock<FrameModel> = LazyLock::new(|| {
    let genes: Vec<Vec<u8>> = genes(1, 100).into_iter().map(|gene| gene.bases).collect();
    let options = FrameOptions { bases_per_bin: 100_000, ..FrameOptions::default() };
    FrameModel::fit(&genes, &options).unwrap().model
});

#[test]
fn proteins_are_refused_in_learning_and_in_reading() {
    let protein = "MKVLAAGIVGLLLAQ".repeat(10_000);
    let dna = "ACGT".repeat(1000);
    let fault = FrameModel::fit(&[&dna, &protein], &FrameOptions::default()).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput);
    let message = fault.to_string();
    assert!(
        message.contains("sequence 2 (from 1)") && message.contains("\"L\" at base 3"),
        "{message}"
    );
    assert!(message.contains("no proteins"), "{message}");
    let message = MODEL.read(protein.as_bytes()).unwrap_err().to_string();
    assert!(
        message.contains("the sequence to read") && message.contains("no proteins"),
        "{message}"
    );
}

#[test]
fn too_little_to_learn_from_is_refused_with_what_is_needed() {
    let fit = |sequences: &[String]| FrameModel::fit(sequences, &FrameOptions::default());
    let message = |sequences: &[String]| fit(sequences).unwrap_err().to_string();
    let short = message(&["ACGT".repeat(14), "N".repeat(1000)]);
    assert!(
        short.contains("60 nt") && short.contains("2 sequences, all of them shorter"),
        "{short}"
    );
    assert!(message(&[]).contains("0 sequences"));
    let little = message(&["ACGTTGCA".repeat(1000), "ACG".to_owned()]);
    assert!(little.contains(&LEAST_BASES.to_string()), "{little}");
    assert!(little.contains("8000 nt in 1 sequences"), "{little}");
}

#[test]
fn a_saved_model_reads_alike() {
    let saved = serde_json::to_string(&*MODEL).unwrap();
    assert!(saved.starts_with(&format!("{{\"version\":{VERSION},")), "{}", &saved[..40]);
    let read: FrameModel = serde_json::from_str(&saved).unwrap();
    assert!(read == *MODEL);
    assert_eq!(serde_json::to_string(&read).unwrap(), saved);
    for gene in genes(2, 100) {
        let [one, other] = [&*MODEL, &read].map(|model| model.read(&gene.bases).unwrap());
        assert_eq!(one.gap.to_bits(), other.gap.to_bits());
        assert_eq!(one, other);
    }
}

/// The message with which a changed model is refused.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut saved = serde_json::to_value(&*MODEL).unwrap();
    change(&mut saved);
    serde_json::from_str::<FrameModel>(&saved.to_string()).unwrap_err().to_string()
}

#[test]
fn a_model_of_another_version_is_refused_as_such_whatever_it_holds() {
    for model in
        [r#"{"version":2,"states":8}"#, r#"{"version":7}"#, r#"{"version":0,"options":[]}"#]
    {
        let message = serde_json::from_str::<FrameModel>(model).unwrap_err().to_string();
        assert!(message.contains("but this program reads version 1; learn it again"), "{message}");
    }
}

#[test]
fn a_model_that_cannot_be_is_refused() {
    let rows = json!(vec![[1, 2, 3]; 4096]);
    for (message, expected) in [
        (refused(|model| model["options"]["prior"] = json!(0.0)), "weight of the prior"),
        (refused(|model| model["options"]["least_gap"] = json!("3")), "invalid type"),
        (refused(|model| model["options"]["bins"] = json!(1e30)), "invalid type"),
        (refused(|model| model["options"]["extra"] = json!(1)), "unknown field"),
        (refused(|model| model["edges"] = json!([0.5, 0.4])), "ascending order"),
        (refused(|model| model["edges"] = json!([0.1, 7.0])), "ascending order"),
        (refused(|model| model["edges"] = json!([])), "1 bins must have 4096 rows"),
        (refused(|model| model["edges"] = json!(vec![0.5; 16])), "at most 15 values"),
        (refused(|model| model["counts"] = json!(vec![rows.clone(); 17])), "at most 16 values"),
        (refused(|model| model["counts"][0] = json!(vec![[0, 0, 0]; 4097])), "at most 4096 values"),
        (refused(|model| model["counts"][0] = json!([])), "must have 4096 rows"),
        (refused(|model| model["counts"][0][0] = json!([1, 2])), "invalid length"),
        (refused(|model| model["counts"][0][0] = json!([1, 2, -3])), "invalid value"),
        (refused(|model| model["counts"][0][0] = json!([1, 2, 1_u64 << 54])), "at most 9007"),
        (refused(|model| model["more"] = json!(1)), "unknown field"),
        (refused(|model| *model = json!({"version": 1})), "missing field `options`"),
        (refused(|model| *model = json!({"counts": []})), "has \"version\" here, not \"counts\""),
        (refused(|model| *model = json!([1, 2, 3])), "a reading-frame model of version 1"),
    ] {
        assert!(message.contains(expected), "{message} instead of {expected}");
    }
}
