//! The whole path on a planted set, stage by stage, with one thread and with two.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;

use stages::{contents, names_in, succeed};

/// More windows than a chunk of 512, so that two shards have work.
const SIMULATE: &str = "--ranks phylum=2,genus=4 --train 480 --valid 40 --test 60 --length 120 \
     --length-spread 12 --motif-length 18 --seed 3 --output data";

fn walk(directory: &Path, threads: u32) {
    let run = |name: &str, arguments: &str| {
        succeed(name, directory, &format!("{arguments} --quiet --threads {threads}"));
    };
    run("simulate", SIMULATE);
    run(
        "tokenize",
        "data/sequences.fasta --taxonomy data/taxonomy.tsv --ranks phylum,genus --split-column split \
         --k 3 --stride 3 --output tokens.parquet --summary summary.json",
    );
    run("train-classifier", "--tokens tokens.parquet --preset tiny --epochs 6 --output classifier");
    run(
        "train-explainer",
        "--tokens tokens.parquet --classifier classifier --epochs 2 --mask-per-rank --dim 12 \
         --output explainer",
    );
    let mask = "--tokens tokens.parquet --classifier classifier --explainer explainer --frames 3";
    for shard in ["1", "2"] {
        let files = format!("--output m{shard}.parquet --bases b{shard}.parquet");
        run("mask", &format!("{mask} {files} --shard {shard}/2"));
    }
    run("merge", "m2.parquet m1.parquet --output masks.parquet");
    run("merge", "b1.parquet b2.parquet --output bases.parquet");
    run("mask", &format!("{mask} --output whole-masks.parquet --bases whole-bases.parquet"));
    run(
        "perturb",
        "--tokens tokens.parquet --classifier classifier --masks masks.parquet --split test \
         --output perturbations.parquet",
    );
    run(
        "evaluate",
        "--tokens tokens.parquet --masks masks.parquet --perturbations perturbations.parquet \
         --truth data/truth.tsv --replicates 100 --output metrics.parquet --json metrics.json",
    );
    run(
        "report",
        "--tokens tokens.parquet --masks masks.parquet --bases bases.parquet --perturbations \
         perturbations.parquet --metrics metrics.parquet --classifier classifier --explainer \
         explainer --intervals data/truth.tsv --output report.html",
    );
}

/// Accuracy of an operator at a rank in metrics.json's long table, whatever its other keys.
fn unmasked_accuracy(directory: &Path, rank: &str) -> f64 {
    let text = std::fs::read(directory.join("metrics.json")).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let figures = document["metrics"].as_array().expect("metrics.json has its figures");
    let is_it = |f: &&serde_json::Value| {
        f["operator"] == "unmasked" && f["metric"] == "accuracy" && f["rank"] == rank
    };
    figures.iter().find(is_it).expect("an accuracy")["value"].as_f64().unwrap()
}

#[test]
fn the_path_is_walked_to_the_same_bytes_with_one_thread_and_two() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, threads) in folders.iter().zip([1, 2]) {
        walk(folder.path(), threads);
    }
    let [one, two] = folders.each_ref().map(|folder| contents(folder.path()));
    let names = |files: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(path, _)| path.display().to_string()).collect()
    };
    assert_eq!(names(&one), names(&two));
    for ((path, one), (_, two)) in one.iter().zip(&two) {
        assert!(one == two, "{} differs between one thread and two", path.display());
    }

    let folder = folders[0].path();
    for directory in ["classifier", "explainer"] {
        let expected = ["config.json", "manifest.json", "model.safetensors", "training.parquet"];
        assert_eq!(names_in(&folder.join(directory)), expected);
    }
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes("masks.parquet") == bytes("whole-masks.parquet"), "merged masks differ");
    assert!(bytes("bases.parquet") == bytes("whole-bases.parquet"), "merged bases differ");
    // Four genera: what was planted is learned.
    let accuracy = unmasked_accuracy(folder, "genus");
    assert!(accuracy > 0.6, "unmasked accuracy is {accuracy}");

    let report = String::from_utf8(bytes("report.html")).unwrap();
    let here = folder.to_str().unwrap();
    for (path, bytes) in &one {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(here), "{} names the folder it was made in", path.display());
    }
    for outside in
        ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "url(", "@import", "fetch("]
    {
        assert!(!report.contains(outside), "the report reaches out: {outside}");
    }
}
