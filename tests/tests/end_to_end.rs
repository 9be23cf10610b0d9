//! The whole path on a planted set, stage by stage, with one thread and with two.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;

use stages::{contents, names_in, succeed, umbrella};

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

/// A flow with every step, an `[attribute]` that names no method among them.
const FLOW: &str = r#"
[simulate]
ranks = ["phylum=2", "genus=4"]
train = 120
valid = 24
test = 24
length = 120
length-spread = 12
motif-length = 18

[tokenize]
k = 3
stride = 3
ranks = ["phylum", "genus"]
split-column = "split"

[baseline]
epochs = 2

[train-classifier]
preset = "tiny"
epochs = 2

[train-explainer]
epochs = 1
dim = 12

[mask]
split = "test"

[attribute]
split = "test"

[evaluate]
check = true
replicates = 50
"#;

#[test]
fn a_flow_has_rivals_baselines_and_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    std::fs::write(folder.path().join("flow.toml"), FLOW).unwrap();
    let output =
        umbrella(folder.path()).args(["run", "flow.toml", "--out", "out"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    for step in ["1/10 simulate", "7/10 attribute", "10/10 report"] {
        assert!(stderr.contains(step), "{step} is not in {stderr}");
    }
    let expected = [
        "attributions.parquet",
        "baseline.parquet",
        "bases.parquet",
        "classifier",
        "costs.parquet",
        "explainer",
        "flow.json",
        "masks.parquet",
        "metrics.json",
        "metrics.parquet",
        "perturbations.parquet",
        "report.html",
        "simulated",
        "summary.json",
        "tokens.parquet",
    ];
    assert_eq!(names_in(&out), expected);
    // Nothing is done twice, and what is lost is made again from what is there.
    let journal = std::fs::read(out.join("flow.json")).unwrap();
    std::fs::remove_file(out.join("metrics.parquet")).unwrap();
    let again =
        umbrella(folder.path()).args(["run", "flow.toml", "--out", "out"]).output().unwrap();
    let told = String::from_utf8_lossy(&again.stderr);
    for step in ["8/10 perturb: done before", "9/10 evaluate\n", "10/10 report: done before"] {
        assert!(told.contains(step), "{step:?} is not in {told}");
    }
    assert_eq!(std::fs::read(out.join("flow.json")).unwrap(), journal);
    let line = ["run", "flow.toml", "--out", "new", "--explain"];
    let printed = umbrella(folder.path()).args(line).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed.lines().filter(|line| line.starts_with("readlens ")).count(), 10);
    assert!(printed.contains("readlens mask ") && printed.contains(" --explainer=new/explainer "));
    assert!(!folder.path().join("new").exists());

    // One table, that of the Explainer; then a line per method; then the verdicts.
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.matches("accuracy in %, split test, masks of ").count(), 1, "{printed}");
    for rival in ["integrated_gradients", "lime", "occlusion"] {
        assert_eq!(printed.matches(&format!("\n{rival} ")).count(), 1, "{rival} in {printed}");
    }
    let place = |text: &str| printed.find(text).expect(text);
    assert!(place("masks of explainer") < place("following the masks"));
    assert!(place("following the masks") < place("checks of the masks of explainer"));
    assert!(printed.contains("kmer_naive_bayes"), "no baseline in the verdicts: {printed}");

    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    for words in ["integrated gradients", "LIME", "occlusion", "k-mer naive Bayes"] {
        assert!(report.contains(words), "{words} is not in the report");
    }
}
