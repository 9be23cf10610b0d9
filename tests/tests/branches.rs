//! Classifiers without a transformer, combined, judged and explained.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;

use readlens_tables::assessment::AssessmentRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::{Metric, Operator};
use readlens_tests::{read_rows, write_genes};
use stages::{run, succeed};

/// The bytes of every file of a directory that are the same whatever the threads.
fn bytes(directory: &Path) -> Vec<Vec<u8>> {
    let files = ["model.safetensors", "config.json", "training.parquet"];
    files.map(|file| std::fs::read(directory.join(file)).unwrap()).into()
}

/// Oriented genes, and each branch trained on them with 1, 2 and 5 threads.
fn prepare() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_genes(here, 4, 1600, "genes", 1);
    let tokenize = "genes.fasta --taxonomy genes.tsv --ranks phylum,genus --split-column split \
                    --k 3 --stride 3 --orient --output tokens.parquet --quiet";
    succeed("tokenize", here, tokenize);
    let branches = [
        (
            "train-classifier",
            "channels",
            "--preset channels --dim 8 --channels phased:4,amino:2 --epochs 20 --batch 16",
        ),
        (
            "train-classifier",
            "composition",
            "--preset composition --batch 32 --epochs 20 --channels codons:1",
        ),
        ("train-experts", "experts", "--channels kmer:4,codons:2"),
    ];
    for (stage, name, options) in branches {
        let mut first = None;
        for threads in [1, 2, 5] {
            let files = format!("--tokens tokens.parquet --output {name}");
            succeed(stage, here, &format!("{files} {options} --threads {threads} --quiet"));
            let found = bytes(&here.join(name));
            assert!(*first.get_or_insert(found.clone()) == found, "{name}: {threads} threads");
        }
        let curves: Vec<TrainingRow> = read_rows(&here.join(name).join("training.parquet"));
        let is_genus =
            |row: &&TrainingRow| row.term == "accuracy" && row.rank.as_deref() == Some("genus");
        let accuracy = curves.iter().rfind(is_genus).unwrap().value;
        assert!(accuracy > 0.8, "{name}: {accuracy}");
    }
    folder
}

const ALL: &str = "--classifier channels --classifier composition --classifier experts";

#[test]
fn branches_are_trained_combined_judged_and_explained() {
    let folder = prepare();
    let here = folder.path();
    let mut first = None;
    for threads in [1, 3] {
        let files = format!("--tokens tokens.parquet {ALL} --output classifier");
        succeed("combine", here, &format!("{files} --threads {threads} --quiet"));
        let found = bytes(&here.join("classifier"));
        assert!(*first.get_or_insert(found.clone()) == found, "{threads} threads");
    }
    assert!(here.join("classifier/frame.json").is_file());

    let mut first = None;
    for threads in [1, 3] {
        let assess = "--tokens tokens.parquet --classifier classifier --output a.parquet \
                      --confusion c.parquet --lengths 600 --masked 40 --shares 0.3,0.9 \
                      --replicates 50 --quiet";
        succeed("assess", here, &format!("{assess} --threads {threads}"));
        let found = ["a.parquet", "c.parquet"].map(|file| std::fs::read(here.join(file)).unwrap());
        assert!(*first.get_or_insert(found.clone()) == found, "{threads} threads");
    }
    let rows: Vec<AssessmentRow> = read_rows(&here.join("a.parquet"));
    let figure = |branch: Option<&str>, operator: Operator, share: Option<f32>| {
        let row = rows.iter().find(|row| {
            row.branch.as_deref() == branch
                && row.operator.known() == Some(operator)
                && row.share == share
                && row.rank.to_string() == "genus"
                && row.shortest.is_none()
                && row.p_low.is_none()
                && row.metric == Metric::Accuracy
        });
        row.unwrap_or_else(|| panic!("{branch:?} {operator} {share:?}"))
    };
    let whole = figure(None, Operator::Unmasked, None);
    assert!(whole.value > 0.9 && whole.n == 320, "{whole:?}");
    assert!(whole.ci_low.unwrap() <= whole.value && whole.value <= whole.ci_high.unwrap());
    for branch in ["channels", "composition", "experts"] {
        let alone = figure(Some(branch), Operator::Unmasked, None);
        assert!(alone.value > 0.7, "{alone:?}");
    }
    // Of a block of three tenths less is known, of nine tenths more, of nothing a constant.
    let block = |share| figure(None, Operator::KeepBlock, Some(share)).value;
    assert!(0.4 < block(0.3) && block(0.3) <= block(0.9), "{} {}", block(0.3), block(0.9));
    let nothing = figure(None, Operator::AllZero, None);
    assert!(nothing.value < 0.5 && nothing.n == 40, "{nothing:?}");
    assert_eq!(figure(None, Operator::MajorityClass, None).value, 0.25);
    let lineages =
        rows.iter().find(|row| row.metric == Metric::LineageConsistency && row.branch.is_none());
    assert_eq!(lineages.unwrap().value, 1.0, "every prediction is a lineage");
    // The confusions of whole windows are those of the accuracy.
    let confused: Vec<ConfusionRow> = read_rows(&here.join("c.parquet"));
    let of_genus = || confused.iter().filter(|row| row.rank.as_str() == "genus");
    assert_eq!(of_genus().map(|row| row.windows).sum::<u32>(), 320);
    let right: u32 = of_genus().filter(|row| row.is_of_one_taxon()).map(|row| row.windows).sum();
    assert!((f64::from(right) / 320.0 - whole.value).abs() < 1e-12, "{right}");
    let of_bins = rows.iter().filter(|row| {
        row.p_low.is_some() && row.metric == Metric::Accuracy && row.rank.to_string() == "genus"
    });
    assert_eq!(of_bins.map(|row| row.n).sum::<u32>(), 320, "of the whole classifier alone");
    let of_lengths: u32 = rows
        .iter()
        .filter(|row| row.shortest.is_some() && row.branch.is_none())
        .filter(|row| row.rank.to_string() == "genus")
        .map(|row| row.n)
        .sum();
    assert_eq!(of_lengths, 320);

    // A randomised classifier has forgotten all of it, experts too.
    succeed("randomize", here, "--classifier classifier --parts all --output fresh --quiet");
    let assess = "--tokens tokens.parquet --classifier fresh --output f.parquet --masked 0 --quiet";
    succeed("assess", here, assess);
    let forgotten: Vec<AssessmentRow> = read_rows(&here.join("f.parquet"));
    let of_genus = forgotten
        .iter()
        .filter(|row| row.metric == Metric::Accuracy && row.rank.to_string() == "genus")
        .filter(|row| row.p_low.is_none());
    for row in of_genus {
        assert!(row.value < 0.5, "{row:?}");
    }

    let attribute = "--tokens tokens.parquet --classifier classifier --limit 6 --split test --quiet \
                     --output m.parquet --method gradient_input,random_tokens";
    succeed("attribute", here, attribute);
    let perturb = "--tokens tokens.parquet --classifier classifier --masks m.parquet \
                   --output p.parquet --removal mean,unknown --quiet";
    succeed("perturb", here, perturb);
    let explain = "--tokens tokens.parquet --classifier classifier --output explainer \
                   --preset budget --dim 8 --epochs 1 --quiet";
    succeed("train-explainer", here, explain);
    let mask = "--tokens tokens.parquet --explainer explainer --output e.parquet --quiet";
    succeed("mask", here, mask);
    // The Explainer that queries reads every kind of branch.
    let query = explain.replace("--preset budget", "--preset query");
    succeed("train-explainer", here, &query);
    let queried = format!("{mask} --classifier classifier --area 0.2");
    succeed("mask", here, &queried);
    let refused = run("mask", here, mask);
    let log = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && log.contains("pass --classifier"), "{log}");
    let refused = run("mask", here, &format!("{mask} --classifier channels --area 0.2"));
    let log = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(3) && log.contains("that is queried"), "{log}");
    let rollout = attribute.replace("gradient_input", "attention_rollout");
    let refused = run("attribute", here, &rollout);
    let log = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && log.contains("a transformer"), "{log}");
}

#[test]
fn what_cannot_be_trained_or_combined_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_genes(here, 4, 120, "genes", 1);
    let tokenize = |name: &str, ranks: &str, more: &str| {
        let files = format!("genes.fasta --taxonomy genes.tsv --output {name}.parquet --quiet");
        succeed("tokenize", here, &format!("{files} --ranks {ranks} --k 3 --stride 3 {more}"));
    };
    tokenize("tokens", "phylum,genus", "--split-column split");
    tokenize("upper", "phylum", "--split-column split");
    tokenize("unsplit", "phylum,genus", "");
    let experts = "--channels kmer:4 --output experts --quiet";
    succeed("train-experts", here, &format!("--tokens tokens.parquet {experts}"));
    let upper = "--tokens upper.parquet --channels kmer:4 --output upper --quiet";
    succeed("train-experts", here, upper);
    let refused = |stage: &str, arguments: &str, code: i32, says: &str| {
        let output = run(stage, here, &format!("{arguments} --output none --quiet"));
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stage} {arguments}: {log}");
        assert!(log.contains(says), "{stage} {arguments}: {log}");
        assert!(!here.join("none").exists());
    };
    let tokens = "--tokens tokens.parquet";
    let of = |options: &str| format!("{tokens} {options}");
    refused("train-experts", &of("--channels codons:1"), 2, "needs the reading frame");
    refused("train-experts", &of("--channels kmer:4,kmer:4"), 2, "named twice");
    refused("train-experts", &of("--channels word:4"), 2, "channel \"word:4\"");
    refused("train-experts", &of("--channels kmer:12 --memory 0"), 2, "memory must be");
    refused("train-experts", &of("--prior 0"), 2, "prior must be");
    refused("train-experts", "--tokens unsplit.parquet", 2, "split valid");
    refused("train-classifier", &of("--preset channels --channels amino:3"), 2, "--orient");
    refused("train-classifier", &of("--preset channels --layers 2"), 2, "--layers belongs to");
    refused("train-classifier", &of("--preset channels --baseline mean"), 2, "baseline mean");
    refused("train-classifier", &of("--preset composition --dim 8"), 2, "--dim belongs to");
    refused("train-classifier", &of("--channels kmer:4"), 2, "--channels belongs to");
    refused("combine", tokens, 2, "--classifier");
    let both = "--classifier experts --classifier upper";
    refused("combine", &of(both), 3, "the taxa of the first classifier: 2 phylum, 4 genus");
    refused("combine", &of("--classifier experts --no-joint --above 1"), 2, "--above belongs to");
    refused("combine", &of("--classifier experts --above 1,-1"), 2, "above must be 0 to 100");
    let other = "genes.fasta --k 4 --stride 4 --output other.parquet --quiet";
    succeed("tokenize", here, other);
    refused("combine", "--tokens other.parquet --classifier experts", 3, "the tokenization of");
    let assess = "--tokens other.parquet --classifier experts";
    refused("assess", assess, 3, "the tokenization of");
    tokenize("plain", "phylum,genus", "--split-column split --min-count 1000");
    let assess = "--tokens plain.parquet --classifier experts";
    refused("assess", assess, 3, "a label at a rank of the classifier");
    refused("assess", &of("--classifier experts --lengths 500,400"), 2, "lengths must rise");
}

/// The same classifier twice, and a combination of a combination.
#[test]
fn combinations_can_be_combined() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_genes(here, 4, 120, "genes", 1);
    let tokenize = "genes.fasta --taxonomy genes.tsv --ranks phylum,genus --split-column split \
                    --k 3 --stride 3 --output tokens.parquet --quiet";
    succeed("tokenize", here, tokenize);
    for (name, channel) in [("a", "kmer:3"), ("b", "kmer:4")] {
        let files = format!("--tokens tokens.parquet --output {name} --quiet");
        succeed("train-experts", here, &format!("{files} --channels {channel}"));
    }
    let combine = |arguments: &str| {
        succeed("combine", here, &format!("--tokens tokens.parquet {arguments} --quiet"));
    };
    combine("--classifier a --classifier b --output ab");
    combine("--classifier ab --classifier a --classifier a --output all");
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(here.join("all/config.json")).unwrap()).unwrap();
    let names: Vec<&str> = config["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ab-a", "ab-b", "a", "a-2"]);
    let assess = "--tokens tokens.parquet --classifier all --output x.parquet --masked 0 --quiet";
    succeed("assess", here, assess);
}
