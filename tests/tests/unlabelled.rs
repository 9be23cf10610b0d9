//! New reads for a trained classifier, and a table without splits: figures that say what they are.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;

use stages::{run, succeed};

/// Trains on a planted set whose tokens belong to the splits that the taxonomy names, or to none.
fn train(directory: &Path, options: &str) {
    train_on(directory, "--valid 10 --test 10", options);
}

/// The same with other numbers of records beside the 120 of the split train.
fn train_on(directory: &Path, others: &str, options: &str) {
    let simulate = format!(
        "--ranks phylum=2,genus=4 --train 120 {others} --length 120 --length-spread 0 \
         --motif-length 18 --seed 1 --output data --quiet"
    );
    succeed("simulate", directory, &simulate);
    let tokenize = format!(
        "data/sequences.fasta --taxonomy data/taxonomy.tsv --ranks phylum,genus {options} --k 3 \
         --stride 3 --output tokens.parquet --quiet"
    );
    succeed("tokenize", directory, &tokenize);
    let classifier = "--tokens tokens.parquet --preset tiny --epochs 2 --output classifier --quiet";
    succeed("train-classifier", directory, classifier);
    let explainer = "--tokens tokens.parquet --classifier classifier --preset budget --dim 8 \
                     --epochs 1 --output explainer --quiet";
    succeed("train-explainer", directory, explainer);
}

/// Masks, predictions, figures and page of `tokens`: what evaluate prints, what it logs, the page.
fn explain(directory: &Path, tokens: &str) -> (String, String, String) {
    let stages = [
        ("mask", "--explainer explainer --output m.parquet"),
        ("perturb", "--classifier classifier --masks m.parquet --output p.parquet"),
        ("predict", "--classifier classifier --output names.parquet"),
    ];
    for (stage, arguments) in stages {
        succeed(stage, directory, &format!("--tokens {tokens} {arguments} --quiet"));
    }
    let evaluate = format!(
        "--tokens {tokens} --masks m.parquet --perturbations p.parquet --replicates 20 \
         --output x.parquet --json x.json"
    );
    let output = run("evaluate", directory, &evaluate);
    assert!(output.status.success());
    let report = format!(
        "--tokens {tokens} --masks m.parquet --perturbations p.parquet --metrics x.parquet \
         --predictions names.parquet --classifier classifier --explainer explainer --output report.html --quiet"
    );
    succeed("report", directory, &report);
    let page = std::fs::read_to_string(directory.join("report.html")).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), page)
}

#[test]
fn new_reads_get_predictions_and_agreement() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    train(directory, "--split-column split");
    let fasta = std::fs::read_to_string(directory.join("data/sequences.fasta")).unwrap();
    let reads = fasta.split('>').skip(1).take(20).map(|record| format!(">read_{record}"));
    std::fs::write(directory.join("reads.fasta"), reads.collect::<String>()).unwrap();
    succeed("tokenize", directory, "reads.fasta --k 3 --stride 3 --output reads.parquet --quiet");
    let (summary, log, page) = explain(directory, "reads.parquet");

    let head = "agreement in %, split all, masks of explainer for all ranks, with the prediction \
                for the whole window: no window has a label";
    assert!(summary.starts_with(head), "{summary}");
    for row in ["unmasked", "hard_masked", "random_block", "hard_inverse"] {
        assert!(summary.lines().any(|line| line.starts_with(row)), "{row}: {summary}");
    }
    assert!(summary.contains("genus (n=20)"), "{summary}");
    let unmasked = summary.lines().find(|line| line.starts_with("unmasked")).unwrap();
    assert_eq!(unmasked.split_whitespace().collect::<Vec<_>>(), ["unmasked", "100.0", "100.0"]);
    assert!(!log.contains("in sample"), "{log}");

    assert!(page.contains("phylum (2 taxa) and genus (4 taxa)"));
    assert!(
        page.contains("It learned from other files of sequences than those of these 20 windows.")
    );
    assert!(!page.contains("unknown taxon") && !page.contains("No metrics were given"));
    assert!(page.contains("Agreement in %"));
    assert!(page.matches(">predicted, <span class=\"p\">").count() >= 20);
    assert!(page.contains("The classifier was asked about 20 windows. It answers with a taxon"));
    assert!(page.matches("genus_").count() >= 20, "{}", page.matches("genus_").count());
}

#[test]
fn figures_of_training_rows_are_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    train(directory, "");
    let (summary, log, page) = explain(directory, "tokens.parquet");
    let named = "in sample: the classifier learned from windows among these";
    assert!(summary.lines().next().unwrap().ends_with(named), "{summary}");
    assert!(log.contains("accuracy is in sample, too high"), "{log}");
    assert!(page.contains("It learned from 140 of 140 windows."));
    assert!(page.contains("which the classifier learned from: accuracies are in sample"));
    assert!(page.contains("It learned from 140 of them, which it names better"));
    let json = std::fs::read_to_string(directory.join("x.json")).unwrap();
    assert!(json.contains("\"in_sample\": true"));
    // The same records in another table.
    let tokenize = "data/sequences.fasta --taxonomy data/taxonomy.tsv --ranks phylum,genus --k 3 \
                    --stride 3 --min-tokens 2 --output again.parquet --quiet";
    succeed("tokenize", directory, tokenize);
    let (summary, log, page) = explain(directory, "again.parquet");
    assert!(!summary.contains("in sample"), "{summary}");
    assert!(log.contains("another table of the same sequences"), "{log}");
    assert!(page.contains("It learned from another table of the sequences of these 140 windows"));
}

#[test]
fn figures_of_training_rows_and_others_are_in_sample_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    train_on(directory, "--valid 20 --test 0", "--split-column split");
    let (summary, log, page) = explain(directory, "tokens.parquet");
    // The summary is about the split valid, the page about all windows.
    assert!(summary.starts_with("accuracy in %, split valid"), "{summary}");
    assert!(!summary.contains("in sample") && !log.contains("in sample"));
    let named = "the classifier learned from 120 of them: accuracies are partly in sample";
    assert!(page.contains(named));
}

#[test]
fn figures_of_a_test_split_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    train(directory, "--split-column split");
    let (summary, log, page) = explain(directory, "tokens.parquet");
    assert!(summary.starts_with("accuracy in %, split test"), "{summary}");
    assert!(!summary.contains("in sample") && !log.contains("in sample"));
    assert!(page.contains("It learned from 120 of 140 windows."));
    assert!(page.contains("It learned from 120 of them, which it names better"));
    assert!(!page.contains("in sample"));
}
