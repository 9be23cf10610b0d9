//! The number of threads changes no byte of what a stage writes.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::fmt::Write;
use std::path::Path;

use rand::RngExt;
use readlens_random::stream;
use readlens_tables::tokens::TokenRow;
use readlens_tests::{
    classifier_shape, convolutional, explainer_shape, read_rows, rows, tokenization,
    write_classifier, write_explainer, write_tokens,
};
use stages::succeed;

/// Runs the stage with 1, 2 and 5 threads; each of `outputs` must come out the same.
fn check_threads(name: &str, directory: &Path, arguments: &str, outputs: &[&str]) {
    let mut first: Option<Vec<Vec<u8>>> = None;
    for threads in [1, 2, 5] {
        succeed(name, directory, &format!("{arguments} --threads {threads} --quiet"));
        let files = outputs.iter().map(|o| std::fs::read(directory.join(o)).unwrap()).collect();
        match &first {
            None => first = Some(files),
            Some(first) => assert!(*first == files, "{name} with {threads} threads"),
        }
    }
}

#[test]
fn tokenize_writes_the_same_bytes_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = stream(1, "bases");
    let mut fasta = String::new();
    // Short and long records, so that row groups end for their rows and for their tokens.
    let lengths = [(0..9000, 1..60), (9000..9400, 1..20_000)];
    for (records, bases) in lengths {
        for record in records {
            let _ = writeln!(fasta, ">record_{record}");
            let length = rng.random_range(bases.clone());
            fasta.extend((0..length).map(|_| char::from(b"ACGTN"[rng.random_range(0..5)])));
            fasta.push('\n');
        }
    }
    std::fs::write(folder.path().join("in.fasta"), fasta).unwrap();
    let arguments = "in.fasta --k 2 --stride 1 --strand both --output tokens.parquet \
                     --summary summary.json";
    check_threads("tokenize", folder.path(), arguments, &["tokens.parquet", "summary.json"]);
    let rows: Vec<TokenRow> = read_rows(&folder.path().join("tokens.parquet"));
    assert!(rows.windows(2).all(|pair| {
        let ordinal = |row: &TokenRow| row.id["record_".len()..].parse::<u32>().unwrap();
        (ordinal(&pair[0]), pair[0].window) < (ordinal(&pair[1]), pair[1].window)
    }));
}

#[test]
fn mask_and_perturb_write_the_same_bytes_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Five chunks and a bit.
    write_tokens(&path("tokens.parquet"), &rows(2600, &tokenization()), &tokenization());
    write_classifier(&path("classifier"), &classifier_shape(), 2);
    let shape = explainer_shape(convolutional(), &["all"], readlens_nn::Selection::Threshold);
    write_explainer(&path("explainer"), &shape, 3);
    let arguments = "--tokens tokens.parquet --explainer explainer --output masks.parquet --bases bases.parquet";
    check_threads("mask", folder.path(), arguments, &["masks.parquet", "bases.parquet"]);
    let arguments = "--tokens tokens.parquet --classifier classifier --masks masks.parquet \
                     --output perturbations.parquet";
    check_threads("perturb", folder.path(), arguments, &["perturbations.parquet"]);
    let tracks = "--bases bases.parquet --stretches s --bed s.bed --gff3 s.gff3 --bedgraph m.bg --bigwig m.bw";
    let outputs = ["s", "s.bed", "s.gff3", "m.bg", "m.bw"];
    check_threads("tracks", folder.path(), tracks, &outputs);
    let arguments = format!(
        "{arguments} --limit 300 --graded --removal mean,unknown,shuffled --soft-draws 3 --subsets 3 \
         --judge classifier"
    );
    check_threads("perturb", folder.path(), &arguments, &["perturbations.parquet"]);
    let arguments = "--tokens tokens.parquet --masks masks.parquet --perturbations perturbations.parquet \
                     --output metrics.parquet --json metrics.json";
    check_threads("evaluate", folder.path(), arguments, &["metrics.parquet", "metrics.json"]);
    let arguments = "--tokens tokens.parquet --masks masks.parquet --bases bases.parquet --stretches s \
                     --metrics metrics.parquet --output report.html --browse browse.html";
    check_threads("report", folder.path(), arguments, &["report.html", "browse.html"]);
}

#[test]
fn predict_writes_the_same_bytes_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Five chunks and a bit; every record is cut by none or by one of them.
    let mut windows = rows(2600, &tokenization());
    windows.iter_mut().zip(0..).for_each(|(row, i)| row.id = format!("record{}", i / 3));
    write_tokens(&path("tokens.parquet"), &windows, &tokenization());
    write_classifier(&path("classifier"), &classifier_shape(), 2);
    let arguments = "--tokens tokens.parquet --classifier classifier --calibration-tokens tokens.parquet \
                     --output w.parquet --records r.parquet --tsv r.tsv --kraken-report k.txt --krona k.tsv";
    let outputs = ["w.parquet", "r.parquet", "r.tsv", "k.txt", "k.tsv"];
    check_threads("predict", folder.path(), arguments, &outputs);
}

#[test]
fn attribute_writes_the_same_masks_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Three groups of 128 and a bit; what it costs is measured time.
    write_tokens(&path("tokens.parquet"), &rows(400, &tokenization()), &tokenization());
    write_classifier(&path("classifier"), &classifier_shape(), 2);
    let arguments = "--tokens tokens.parquet --classifier classifier --output masks.parquet \
                     --costs costs.parquet --method random_tokens,random_blocks,gradient_input \
                     --method path_contribution,class_query,occlusion \
                     --method leave_one_out,attention_rollout,integrated_gradients:steps=4 \
                     --method lime:samples=20,kernel_shap:samples=20,optimized_mask:steps=5";
    check_threads("attribute", folder.path(), arguments, &["masks.parquet"]);
}

#[test]
fn compare_and_vary_write_the_same_bytes_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Twenty chunks and a bit.
    write_tokens(&path("tokens.parquet"), &rows(1300, &tokenization()), &tokenization());
    let arguments = "--tokens tokens.parquet --kind substitute --rate 0.1 --output varied.parquet";
    check_threads("vary", folder.path(), arguments, &["varied.parquet"]);
    let shape = explainer_shape(convolutional(), &["all"], readlens_nn::Selection::Threshold);
    write_explainer(&path("explainer"), &shape, 3);
    for (tokens, bases) in [("tokens", "bases"), ("varied", "others")] {
        let files = format!("--tokens {tokens}.parquet --output m.parquet --bases {bases}.parquet");
        succeed("mask", folder.path(), &format!("{files} --explainer explainer --quiet"));
    }
    let arguments = "--tokens tokens.parquet --reference bases.parquet --replicates 50 \
                     --other substitution=others.parquet --output metrics.parquet";
    check_threads("compare", folder.path(), arguments, &["metrics.parquet"]);
}
