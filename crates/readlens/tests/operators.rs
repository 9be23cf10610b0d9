//! What `perturb` writes, `evaluate` knows how to judge and `report` knows how to say.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::vocabulary::{Operator, Removal};
use readlens_tests::read_rows;

/// Runs a stage that must end well.
fn succeed(directory: &Path, stage: &str, options: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_readlens"));
    command.current_dir(directory).arg(stage).args(options.split_whitespace()).arg("--quiet");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{stage}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_operator_that_perturb_can_write_has_a_role_figures_and_words() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let run = |stage: &str, options: &str| succeed(folder, stage, options);
    run(
        "simulate",
        "--ranks phylum=2,genus=4 --train 60 --valid 8 --test 12 --length 120 --motif-length 18 \
         --output data",
    );
    run(
        "tokenize",
        "data/sequences.fasta --taxonomy data/taxonomy.tsv --ranks phylum,genus --k 3 --stride 3 \
         --split-column split --output tokens.parquet",
    );
    let train = "--tokens tokens.parquet --preset tiny --epochs 1 --output";
    run("train-classifier", &format!("{train} classifier"));
    run("train-classifier", &format!("{train} judge --mask-kind uniform --mask-probability 1"));
    run(
        "train-explainer",
        "--tokens tokens.parquet --classifier classifier --epochs 1 --dim 12 --output explainer",
    );
    run(
        "mask",
        "--tokens tokens.parquet --classifier classifier --explainer explainer --split test \
         --area 0.3 --output masks.parquet",
    );
    run(
        "mask",
        "--tokens tokens.parquet --classifier classifier --explainer explainer --split test \
         --area 0.3 --wrong-class 1 --output wrong.parquet",
    );
    run(
        "perturb",
        "--tokens tokens.parquet --classifier classifier --masks masks.parquet \
         --masks wrong.parquet --judge judge \
         --graded --soft-draws 2 --subsets 2 --removal own,mean,unknown,shuffled \
         --output perturbations.parquet",
    );
    let rows: Vec<PerturbationRow> = read_rows(&folder.join("perturbations.parquet"));
    let written: BTreeSet<Operator> =
        rows.iter().map(|row| row.operator.known().unwrap()).collect();
    let of_input: BTreeSet<Operator> =
        Operator::ALL.iter().copied().filter(|operator| operator.role().is_of_input()).collect();
    assert_eq!(written, of_input);
    let removals: BTreeSet<Removal> = rows.iter().map(|row| row.removal).collect();
    assert_eq!(removals.len(), Removal::ALL.len());

    run(
        "evaluate",
        "--tokens tokens.parquet --masks masks.parquet --perturbations perturbations.parquet \
         --output metrics.parquet --json metrics.json --check --replicates 10",
    );
    let metrics: Vec<MetricRow> = read_rows(&folder.join("metrics.parquet"));
    for operator in &written {
        let has_figure = metrics.iter().any(|row| row.operator == *operator);
        assert!(has_figure, "{operator} has no figure");
    }
    run(
        "report",
        "--tokens tokens.parquet --masks masks.parquet --metrics metrics.parquet \
         --checks metrics.json --output report.html",
    );
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    let page = page.replace("&#39;", "'");
    // A check without a question of its own stands there with its name and a small sentence.
    let questions: Vec<&str> =
        page.split("</b> · ").skip(1).filter_map(|after| after.split(" <small>").next()).collect();
    assert!(questions.len() > 10, "{questions:?}");
    for question in questions {
        assert!(question.ends_with('?'), "the check {question} has no question");
    }
    // The table has a row for every operator with a family and a figure of no share.
    let has_plain_figure = |operator: &Operator| {
        metrics.iter().any(|row| row.operator == *operator && row.share.is_none())
    };
    let has_row = |operator: &Operator| {
        readlens_report::words(*operator).family.is_some() && has_plain_figure(operator)
    };
    let in_table: Vec<Operator> = written.into_iter().filter(has_row).collect();
    assert!(in_table.len() > 15, "{in_table:?}");
    for operator in in_table {
        let title = readlens_report::words(operator).title;
        assert!(page.contains(title), "the report does not say {title}");
    }
}
