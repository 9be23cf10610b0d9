//! The schema of manifests is the declaration; `READLENS_BLESS=1` writes it again.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use readlens_provenance::{Artefact, Build, Compute, Manifest, digest_bytes, manifest_schema};
use serde_json::{Value, json};

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

/// Names of the fields of an object, or of the properties of a schema.
fn names(object: &Value) -> Vec<&String> {
    object.as_object().unwrap().keys().collect()
}

#[test]
fn the_schema_has_the_fields_of_the_structs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("genes.fasta");
    std::fs::write(&file, ">a\nACGT\n").unwrap();
    let sequences = Artefact::file("sequences", &file, None).unwrap();
    let made = Manifest::made_from("tokenize", &(), None, &[sequences]).unwrap();
    let tokens = Artefact::file("tokens", &file, Some(made)).unwrap();
    let mut manifest = Manifest::made_from("baseline", &(), Some(1), &[tokens])
        .unwrap()
        .computed_by(Compute::on_cpu("avx2"));
    manifest.build = Some(Build {
        revision: Some("0".repeat(40)),
        rust: "rustc".to_owned(),
        lock: digest_bytes(b""),
    });
    let value = serde_json::to_value(&manifest).unwrap();
    let schema = manifest_schema();
    assert_eq!(names(&value), names(&schema["properties"]));
    let of = |name: &str| names(&schema["$defs"][name]["properties"]);
    assert_eq!(names(&value["inputs"][0]), of("input"));
    assert_eq!(names(&value["build"]), of("build"));
    assert_eq!(names(&value["compute"]), of("compute"));
    let origin = value["lineage"].as_object().unwrap().values().next().unwrap();
    assert_eq!(names(origin), of("origin"));
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
