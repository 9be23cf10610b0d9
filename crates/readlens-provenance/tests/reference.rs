//! The schema of manifests is the declaration; `READLENS_BLESS=1` writes it again.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use readlens_provenance::{Manifest, manifest_schema};
use serde_json::json;

#[test]
fn the_schema_of_manifests_is_current() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/manifest.schema.json");
    if std::env::var_os("READLENS_BLESS").is_some() {
        std::fs::write(&path, format!("{:#}\n", manifest_schema())).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        serde_json::from_str(&found).ok() == Some(manifest_schema()),
        "docs/reference/manifest.schema.json is not what the declaration says; run \
         `READLENS_BLESS=1 cargo test --release --workspace --test reference`"
    );
}

#[test]
fn the_schema_asks_for_what_a_manifest_must_have_and_for_nothing_else() {
    let schema = manifest_schema();
    assert_eq!(schema["required"], json!(["stage", "version", "config", "inputs"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let digest = &schema["$defs"]["Sha256Digest"];
    assert_eq!(digest["pattern"], json!("^[0-9a-f]{64}$"));
    for (name, part) in schema["$defs"].as_object().unwrap() {
        let is_object = part["type"] == json!("object");
        assert!(!is_object || part["additionalProperties"] == json!(false), "{name}");
    }
}

#[test]
fn manifests_of_older_versions_still_open() {
    let old = json!({
        "stage": "tokenize", "version": "0.1.0", "config": {"k": 6}, "seed": null,
        "inputs": [{"role": "sequences", "name": "a.fasta", "sha256": "0".repeat(64), "bytes": 1}],
    });
    let opened: Manifest = serde_json::from_value(old).unwrap();
    assert_eq!((opened.build, opened.compute, opened.lineage.len()), (None, None, 0));
}
