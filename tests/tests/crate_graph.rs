//! The invariants of ARCHITECTURE.md, checked on what Cargo resolves and on the sources.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use stages::{STAGES, workspace};

/// The crate of a stage: both training stages have one.
fn crate_of(stage: &str) -> String {
    let is_trained = stage.starts_with("train-") || stage == "combine";
    format!("readlens-{}", if is_trained { "train" } else { stage })
}

fn stage_crates() -> BTreeSet<String> {
    STAGES.iter().map(|stage| crate_of(stage)).collect()
}

fn metadata() -> Metadata {
    // For this platform only: the packages of others need not be on this machine.
    let version = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    MetadataCommand::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .other_options(["--filter-platform".to_owned(), host.to_owned()])
        .exec()
        .unwrap()
}

/// The crates that each workspace member names in its Cargo.toml, for any purpose.
fn named(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let members = metadata.workspace_packages().into_iter();
    let names = |package: &cargo_metadata::Package| {
        package.dependencies.iter().map(|d| d.name.clone()).collect()
    };
    members.map(|package| (package.name.to_string(), names(package))).collect()
}

/// The members that name a crate.
fn naming(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let named = named(metadata).into_iter();
    named.filter(|(_, names)| names.contains(name)).map(|(member, _)| member).collect()
}

/// All crates that `member` links, however far away; tests and build scripts left out.
fn linked(metadata: &Metadata, member: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let name = |id: &PackageId| metadata[id].name.to_string();
    let start = metadata.workspace_packages().into_iter().find(|p| p.name == member).unwrap();
    let mut seen = BTreeSet::from([&start.id]);
    let mut waiting = vec![&start.id];
    while let Some(id) = waiting.pop() {
        for dependency in &nodes[id].deps {
            let is_normal = dependency.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            if is_normal && seen.insert(&dependency.pkg) {
                waiting.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(name).collect()
}

fn links_any(metadata: &Metadata, member: &str, prefixes: &[&str]) -> Vec<String> {
    let is_one = |name: &String| prefixes.iter().any(|prefix| name.starts_with(prefix));
    linked(metadata, member).into_iter().filter(is_one).collect()
}

/// Rust files of the workspace, with their paths from its root.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = workspace();
    let mut files = Vec::new();
    collect(&root.join("crates"), &mut files);
    collect(&root.join("tests"), &mut files);
    files.sort();
    assert!(files.len() > 100, "only {} sources found", files.len());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(&root).unwrap().to_path_buf(), text)
    };
    files.into_iter().map(read).collect()
}

/// Whether a line of code, not of comment, has the word.
fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|c| !is_letter(c))).any(|found| found == word)
}

#[test]
fn the_graph_is_the_real_one() {
    let metadata = metadata();
    let members = named(&metadata);
    for stage in stage_crates() {
        assert!(members.contains_key(&stage), "{stage} is not in the workspace");
    }
    // What the checks below look for is found where it must be.
    assert!(!links_any(&metadata, "readlens-mask", &["candle"]).is_empty());
    assert!(!links_any(&metadata, "readlens-tables", &["parquet", "arrow"]).is_empty());
    assert!(linked(&metadata, "readlens").is_superset(&stage_crates()));
}

#[test]
fn no_stage_depends_on_a_stage() {
    let named = named(&metadata());
    let stages = stage_crates();
    for stage in &stages {
        let others: Vec<&String> = named[stage].intersection(&stages).collect();
        assert!(others.is_empty(), "{stage} depends on {others:?}");
    }
    // Nor does what they are built from.
    for (member, names) in &named {
        if member != "readlens" && !stages.contains(member) {
            let above: Vec<&String> = names.intersection(&stages).collect();
            assert!(above.is_empty(), "{member} depends on {above:?}");
            assert!(!names.contains("readlens"), "{member} depends on the umbrella");
        }
    }
}

#[test]
fn nothing_depends_on_the_bench() {
    let metadata = metadata();
    assert!(named(&metadata).contains_key("readlens-bench"));
    assert_eq!(naming(&metadata, "readlens-bench"), BTreeSet::new());
}

#[test]
fn networks_know_neither_tables_nor_sequence_files() {
    let files = ["arrow", "parquet", "needletail", "readlens-tables", "readlens-batch"];
    for member in ["readlens-nn", "readlens-fit"] {
        assert_eq!(links_any(&metadata(), member, &files), [""; 0], "{member}");
    }
}

#[test]
fn kernels_know_no_network() {
    let above = ["candle", "arrow", "parquet", "readlens-nn", "readlens-tables", "rayon"];
    assert_eq!(links_any(&metadata(), "readlens-kernels", &above), [""; 0]);
}

#[test]
fn linear_classifiers_know_neither_networks_nor_tables() {
    let above = ["candle", "arrow", "parquet", "readlens-nn", "readlens-tables", "clap"];
    assert_eq!(links_any(&metadata(), "readlens-linear", &above), [""; 0]);
}

#[test]
fn reading_frames_know_neither_files_nor_networks() {
    let above =
        ["candle", "arrow", "parquet", "needletail", "readlens-nn", "readlens-tables", "clap"];
    assert_eq!(links_any(&metadata(), "readlens-frame", &above), [""; 0]);
}

#[test]
fn stages_without_a_network_link_no_candle() {
    let metadata = metadata();
    let stages = [
        "tokenize", "simulate", "baseline", "vary", "merge", "tracks", "probe", "evaluate",
        "compare", "report",
    ];
    for stage in stages {
        let found = links_any(&metadata, &format!("readlens-{stage}"), &["candle", "readlens-nn"]);
        assert_eq!(found, [""; 0], "{stage}");
    }
}

#[test]
fn only_tables_names_parquet() {
    let metadata = metadata();
    assert_eq!(naming(&metadata, "parquet"), BTreeSet::from(["readlens-tables".to_owned()]));
    // Tables are Arrow's columns, and so is what a predictor reads and writes.
    let arrow = ["readlens-predictor", "readlens-tables"].map(str::to_owned);
    assert_eq!(naming(&metadata, "arrow"), BTreeSet::from(arrow));
}

#[test]
fn only_batch_speaks_to_a_predictor() {
    let metadata = metadata();
    let named = naming(&metadata, "readlens-predictor");
    assert_eq!(named, BTreeSet::from(["readlens-batch".to_owned()]));
    let above = ["candle", "parquet", "readlens-nn", "readlens-tables", "readlens-stage", "clap"];
    assert_eq!(links_any(&metadata, "readlens-predictor", &above), [""; 0]);
}

#[test]
fn only_text_reads_text_tables() {
    let metadata = metadata();
    assert_eq!(naming(&metadata, "csv-core"), BTreeSet::from(["readlens-text".to_owned()]));
    assert_eq!(naming(&metadata, "csv"), BTreeSet::new());
    let above = ["candle", "arrow", "parquet", "readlens-nn", "readlens-tables", "clap"];
    assert_eq!(links_any(&metadata, "readlens-text", &above), [""; 0]);
}

#[test]
fn only_options_and_the_edges_name_clap() {
    let edges = ["readlens", "readlens-stage", "readlens-batch"];
    let mut allowed = stage_crates();
    allowed.extend(edges.map(str::to_owned));
    let found = naming(&metadata(), "clap");
    assert!(found.is_subset(&allowed), "{:?}", found.difference(&allowed));
    for (path, text) in sources() {
        let is_edge = edges.iter().any(|edge| path.starts_with(format!("crates/{edge}/")));
        if !is_edge && path.starts_with("crates") && !path.ends_with("options.rs") {
            assert!(!has_word(&text, "clap"), "{} names clap", path.display());
        }
    }
}

#[test]
fn crates_are_named_after_what_they_hold() {
    for member in named(&metadata()).keys() {
        let is_vague = |part: &str| {
            ["common", "core", "util", "utils", "helper", "helpers", "misc"].contains(&part)
        };
        assert!(!member.split('-').any(is_vague), "{member}");
        let folder = workspace().join("crates").join(member);
        assert!(folder.is_dir() || member == "readlens-tests", "{member} is in another folder");
    }
}

/// rustfmt wraps code and leaves comments as they are.
#[test]
fn comments_stay_within_a_hundred_columns() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        for (line, text) in (1..).zip(text.lines()) {
            if text.trim_start().starts_with("//") && text.chars().count() > 100 {
                long.push(format!("{}:{line}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "comments of more than 100 columns: {long:#?}");
}

#[test]
fn unsafe_code_stands_where_it_is_listed() {
    const LISTED: [&str; 5] = [
        "crates/readlens-kernels/src/product/packing.rs",
        "crates/readlens-kernels/src/product/panels.rs",
        "crates/readlens-kernels/src/product/tiles.rs",
        "crates/readlens-kernels/src/vectorized.rs",
        "crates/readlens-stage/src/process.rs",
    ];
    let word = concat!("un", "safe");
    let found: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|(_, text)| has_word(text, word))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(found, LISTED.map(PathBuf::from));
}

#[test]
fn every_stage_is_a_doorway_of_a_few_lines() {
    let is_main = |path: &Path| {
        path.ends_with("src/main.rs") || path.parent().is_some_and(|p| p.ends_with("src/bin"))
    };
    let is_stage =
        |path: &Path| stage_crates().iter().any(|s| path.starts_with(format!("crates/{s}")));
    let doors: Vec<_> = sources().into_iter().filter(|(p, _)| is_main(p) && is_stage(p)).collect();
    assert_eq!(doors.len(), STAGES.len());
    for (path, text) in doors {
        assert!(text.lines().count() <= 25, "{} is more than a doorway", path.display());
    }
}
