//! What is written is what was planted, and the same seed writes the same bytes.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use readlens_provenance::digest_file;
use readlens_simulate::{Config, RankSize, run};
use readlens_stage::Context;

fn small() -> Config {
    Config { train: 24, valid: 12, test: 12, chimeras: 10, ..Config::default() }
}

fn simulate(config: &Config, seed: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(config, seed, &dir.path().join("out"), &Context::silent()).unwrap();
    dir
}

fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let names: Vec<String> = lines.next().unwrap().collect();
    lines.map(|fields| names.iter().cloned().zip(fields).collect()).collect()
}

fn fasta(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    text.split('>')
        .skip(1)
        .map(|record| {
            let (id, bases) = record.split_once('\n').unwrap();
            (id.to_owned(), bases.replace('\n', ""))
        })
        .collect()
}

#[test]
fn a_seed_determines_every_byte() {
    let dir = simulate(&small(), 7);
    let names = [
        "chimeras.fasta",
        "chimeras_taxonomy.tsv",
        "chimeras_truth.tsv",
        "manifest.json",
        "motifs.tsv",
        "sequences.fasta",
        "taxonomy.tsv",
        "truth.tsv",
    ];
    let mut found: Vec<String> = fs::read_dir(dir.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, names);
    let digests: Vec<String> = ["sequences.fasta", "taxonomy.tsv", "truth.tsv", "chimeras.fasta"]
        .iter()
        .map(|name| {
            digest_file(&dir.path().join("out").join(name)).unwrap().0.as_str()[..16].to_owned()
        })
        .collect();
    assert_eq!(
        digests,
        ["3d3fb078f483e999", "ef0bcbba2213b3a3", "e3cb7f1a9b78408c", "c33049af76bd34d6"]
    );
}

#[test]
fn every_truth_interval_holds_the_motif_of_its_taxon() {
    let config = Config { mutation_rate: 0.0, ..small() };
    let dir = simulate(&config, 1);
    let out = dir.path().join("out");
    let motifs: BTreeMap<String, String> = table(&out.join("motifs.tsv"))
        .into_iter()
        .map(|row| (format!("{}:{}", row["rank"], row["taxon"]), row["motif"].clone()))
        .collect();
    assert_eq!(motifs.len(), 2 + 4 + 12);
    let taxonomy: BTreeMap<String, BTreeMap<String, String>> =
        table(&out.join("taxonomy.tsv")).into_iter().map(|r| (r["id"].clone(), r)).collect();
    let sequences = fasta(&out.join("sequences.fasta"));
    assert_eq!(sequences.len(), 48);
    let mut spans: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for row in table(&out.join("truth.tsv")) {
        let (start, end): (usize, usize) =
            (row["start"].parse().unwrap(), row["end"].parse().unwrap());
        assert_eq!(sequences[&row["id"]][start..end], motifs[&row["name"]]);
        let (rank, taxon) = row["name"].split_once(':').unwrap();
        assert_eq!(taxonomy[&row["id"]][rank], taxon);
        spans.entry(row["id"].clone()).or_default().push((start, end));
    }
    for (id, spans) in spans {
        assert_eq!(spans.len(), 3);
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "overlap in {id}");
        assert!((540..=660).contains(&sequences[&id].len()));
    }
}

#[test]
fn mutations_come_at_their_rate_and_never_keep_the_base() {
    let dir = simulate(&Config { train: 1200, mutation_rate: 0.05, ..small() }, 1);
    let out = dir.path().join("out");
    let motifs: BTreeMap<String, String> = table(&out.join("motifs.tsv"))
        .into_iter()
        .map(|row| (format!("{}:{}", row["rank"], row["taxon"]), row["motif"].clone()))
        .collect();
    let sequences = fasta(&out.join("sequences.fasta"));
    let (mut bases, mut changed) = (0, 0);
    for row in table(&out.join("truth.tsv")) {
        let (start, end): (usize, usize) =
            (row["start"].parse().unwrap(), row["end"].parse().unwrap());
        let planted = sequences[&row["id"]][start..end].bytes();
        changed += planted.zip(motifs[&row["name"]].bytes()).filter(|(a, b)| a != b).count();
        bases += end - start;
    }
    let rate = changed as f64 / bases as f64;
    // Four standard errors: sqrt(.05 × .95 / 132,000) × 4 = .0024.
    assert!((rate - 0.05).abs() < 0.0024, "{rate}");
}

#[test]
fn splits_are_balanced_and_lineages_consistent() {
    let dir = simulate(&small(), 1);
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut phylum_of: BTreeMap<String, String> = BTreeMap::new();
    for row in table(&dir.path().join("out/taxonomy.tsv")) {
        *counts.entry((row["split"].clone(), row["genus"].clone())).or_default() += 1;
        let phylum = phylum_of.entry(row["genus"].clone()).or_insert(row["phylum"].clone());
        assert_eq!(*phylum, row["phylum"]);
    }
    for ((split, _), count) in &counts {
        assert_eq!(*count, if split == "train" { 2 } else { 1 });
    }
    assert_eq!(counts.len(), 36);
}

#[test]
fn chimeras_are_labelled_as_one_half_and_differ_at_every_rank() {
    let dir = simulate(&small(), 1);
    let out = dir.path().join("out");
    let lineages: BTreeMap<String, BTreeMap<String, String>> =
        table(&out.join("taxonomy.tsv")).into_iter().map(|r| (r["genus"].clone(), r)).collect();
    let sequences = fasta(&out.join("chimeras.fasta"));
    let truth = table(&out.join("chimeras_truth.tsv"));
    let mut label_is_first_half = 0;
    for row in table(&out.join("chimeras_taxonomy.tsv")) {
        let halves: Vec<_> = truth.iter().filter(|t| t["id"] == row["id"]).collect();
        assert_eq!(halves.len(), 2);
        assert_eq!(halves[0]["start"], "0");
        assert_eq!(halves[0]["end"], halves[1]["start"]);
        assert_eq!(halves[1]["end"], sequences[&row["id"]].len().to_string());
        assert!(halves.iter().any(|half| half["name"] == row["genus"]));
        label_is_first_half += usize::from(halves[0]["name"] == row["genus"]);
        for rank in ["superkingdom", "phylum", "genus"] {
            let [a, b] = [0, 1].map(|h| &lineages[&halves[h]["name"]][rank]);
            assert_ne!(a, b);
        }
    }
    assert!((1..10).contains(&label_is_first_half));
}

#[test]
fn chimeras_leave_the_other_records_as_they_are() {
    let with = simulate(&small(), 5);
    let without = simulate(&Config { chimeras: 0, ..small() }, 5);
    for name in ["sequences.fasta", "truth.tsv", "taxonomy.tsv", "motifs.tsv"] {
        let read = |dir: &tempfile::TempDir| fs::read(dir.path().join("out").join(name)).unwrap();
        assert_eq!(read(&with), read(&without), "{name}");
    }
}

#[test]
fn the_true_area_of_the_benchmark_is_eighteen_per_cent() {
    let dir = simulate(&Config { train: 600, ..small() }, 1);
    let out = dir.path().join("out");
    let sequences = fasta(&out.join("sequences.fasta"));
    let area: f64 = sequences.values().map(|bases| 108.0 / bases.len() as f64).sum::<f64>()
        / sequences.len() as f64;
    // The mean of 108 / L for L uniform on 540..=660 is 108 / 121 × Σ 1/L = .1806.
    assert!((area - 0.1806).abs() < 0.002, "{area}");
}

#[test]
fn what_cannot_work_is_a_usage_fault_that_names_the_option() {
    let rank = |rank: &str, taxa| RankSize { rank: rank.to_owned(), taxa };
    let cases = [
        (Config { ranks: vec![], ..small() }, "--ranks"),
        (Config { ranks: vec![rank("id", 2)], ..small() }, "\"id\""),
        (Config { ranks: vec![rank("a\tb", 2)], ..small() }, "cannot name a column"),
        (Config { ranks: vec![rank("a", 2), rank("a", 3)], ..small() }, "\"a\""),
        (Config { ranks: vec![rank("a", 1)], ..small() }, "1 taxa"),
        (Config { ranks: vec![rank("a", 3), rank("b", 2)], ..small() }, "fewer"),
        (Config { gc: 1.5, ..small() }, "--gc"),
        (Config { mutation_rate: f64::NAN, ..small() }, "--mutation-rate"),
        (Config { motif_length: 0, ..small() }, "--motif-length"),
        (Config { motif_length: 1, chimeras: 0, ..small() }, "--motif-length"),
        (Config { length: 215, length_spread: 0, ..small() }, "chimera of 215 nt"),
        (Config { length: 10, length_spread: 11, ..small() }, "--length-spread"),
        (Config { train: u32::MAX, ..small() }, "ask for fewer"),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (config, part) in cases {
        let fault = run(&config, 1, &dir.path().join("out"), &Context::silent()).unwrap_err();
        assert_eq!(fault.exit_code(), readlens_fault::ExitCode::Usage, "{fault}");
        assert!(fault.to_string().contains(part), "{fault} lacks {part}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
