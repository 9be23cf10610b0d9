//! A planted cheat is flagged and an honest mask is not: masks of the same area on the same
//! windows, one at a place that encodes the genus, one on the motifs that the genus is told by.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::collections::HashMap;
use std::path::Path;

use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MethodKind, Name, Ranks, Split, TargetKind};
use readlens_tests::{read_rows, write_masks};
use serde_json::Value;
use stages::{run, succeed};

const GENERA: [&str; 4] = ["genus_1", "genus_2", "genus_3", "genus_4"];

/// Simulates, tokenizes, and trains a classifier and an independent judge.
fn prepare(directory: &Path) {
    let run = |name: &str, arguments: &str| {
        succeed(name, directory, &format!("{arguments} --quiet"));
    };
    run(
        "simulate",
        "--ranks phylum=2,genus=4 --train 480 --valid 40 --test 240 --length 120 --length-spread 12 \
         --motif-length 18 --seed 3 --output data",
    );
    run(
        "tokenize",
        "data/sequences.fasta --taxonomy data/taxonomy.tsv --ranks phylum,genus --split-column split \
         --k 3 --stride 3 --output tokens.parquet",
    );
    let train = "--tokens tokens.parquet --preset tiny --epochs 30";
    run("train-classifier", &format!("{train} --output classifier"));
    let judge = "--mask-kind uniform --mask-probability 1 --mask-unit 3 --seed 7 --output judge";
    run("train-classifier", &format!("{train} {judge}"));
}

/// Stretches of the planted motifs by record.
fn truth(directory: &Path) -> HashMap<String, Vec<(usize, usize)>> {
    let mut truth: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    let text = std::fs::read_to_string(directory.join("data/truth.tsv")).unwrap();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let stretch = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        truth.entry(cells[0].to_owned()).or_default().push(stretch);
    }
    truth
}

fn mask(row: &TokenRow, method: &str, hard: Vec<bool>) -> MaskRow {
    MaskRow {
        id: row.id.clone(),
        window: row.window,
        method: Name::new(method).unwrap(),
        method_kind: MethodKind::Explainer,
        replicate: 1,
        rank: Ranks::All,
        target: None,
        target_kind: TargetKind::Predicted,
        asked: Vec::new(),
        mask: hard.iter().map(|&read| if read { 0.9 } else { 0.1 }).collect(),
        area: 0.0,
        hard,
        deviation: Vec::new(),
    }
}

/// Both masks of every test window, at the same area.
fn write_both(directory: &Path) {
    let truth = truth(directory);
    let rows: Vec<TokenRow> = read_rows(&directory.join("tokens.parquet"));
    let mut masks = Vec::new();
    for row in rows.iter().filter(|row| row.split == Some(Split::Test)) {
        let count = row.tokens.len() - 1;
        // Windows are whole records of the forward strand: base 0 is base 0.
        assert_eq!((row.start, row.strand.as_str()), (0, "+"));
        let is_motif = |token: usize| {
            let covered = |&(start, end): &(usize, usize)| {
                (3 * token..3 * token + 3).filter(|base| (start..end).contains(base)).count()
            };
            truth.get(&row.id).into_iter().flatten().any(|stretch| covered(stretch) >= 2)
        };
        let motifs: Vec<bool> = (0..count).map(is_motif).collect();
        let area = motifs.iter().filter(|&&read| read).count();
        let genus = GENERA.iter().position(|genus| row.taxa[1].as_deref() == Some(*genus)).unwrap();
        let place = genus * (count - area) / (GENERA.len() - 1);
        let encoded = (0..count).map(|token| (place..place + area).contains(&token)).collect();
        masks.push(mask(row, "cheating", encoded));
        masks.push(mask(row, "honest", motifs));
    }
    assert_eq!(masks.len(), 480);
    write_masks(&directory.join("masks.parquet"), &masks);
}

/// Verdicts by method, none for checks of the classifier, and check, from metrics.json.
fn verdicts(directory: &Path) -> HashMap<(Option<String>, String), String> {
    let text = std::fs::read(directory.join("metrics.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let word = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let method = |check: &Value| match &check["method"] {
        Value::Null => None,
        _ => Some(word(check, "method")),
    };
    let checks = document["checks"].as_array().expect("metrics.json has its checks").iter();
    checks.map(|c| ((method(c), word(c, "name")), word(c, "verdict"))).collect()
}

#[test]
fn a_mask_that_encodes_the_genus_is_flagged_and_one_on_the_motifs_passes() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    prepare(directory);
    write_both(directory);
    let tables = "--tokens tokens.parquet --masks masks.parquet";
    let perturb = "--classifier classifier --judge judge --split test";
    succeed("perturb", directory, &format!("{tables} {perturb} --output p.parquet --quiet"));
    succeed("probe", directory, &format!("{tables} --output probe.parquet --quiet"));
    let evaluate = format!(
        "{tables} --perturbations p.parquet --truth data/truth.tsv --replicates 500 --evidence \
         probe.parquet --output metrics.parquet --json metrics.json --quiet"
    );
    succeed("evaluate", directory, &format!("{evaluate} --check"));
    let found = verdicts(directory);
    let of =
        |method: &str, check: &str| found[&(Some(method.to_owned()), check.to_owned())].as_str();
    for check in ["controls", "inverse", "foreign", "localisation"] {
        assert_eq!(of("cheating", check), "failed", "{check}");
    }
    assert_eq!(of("cheating", "probe"), "noted");
    for check in ["controls", "inverse", "foreign", "localisation", "judge", "probe", "collapse"] {
        assert_eq!(of("honest", check), "passed", "{check}");
    }
    assert_eq!(of("honest", "seeds"), "not_measured");

    // As a gate: the figures are written either way, the exit code tells.
    for (method, exit_code) in [("honest", 0), ("cheating", 1)] {
        std::fs::remove_file(directory.join("metrics.json")).unwrap();
        let strict = format!("{evaluate} --check=strict --check-methods {method}");
        let output = run("evaluate", directory, &strict);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit_code), "{method}: {stderr}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("checks of the masks of {method}")), "{text}");
        let mut methods = verdicts(directory).into_keys().map(|(found, _)| found);
        assert!(methods.all(|found| found.is_none_or(|found| found == method)));
    }
}
