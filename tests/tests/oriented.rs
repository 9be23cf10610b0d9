//! Genes in their reading frame, from the sequences to the masks of new reads.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;

use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_FRAME_MODEL, KEY_TOKENIZATION, TokenRow};
use readlens_tests::write_genes;
use stages::{run, succeed};

fn rows(path: &Path) -> Vec<TokenRow> {
    Reader::open(path).unwrap().map(|row| row.unwrap()).collect()
}

#[test]
fn a_classifier_keeps_the_model_of_its_frames_and_new_reads_are_read_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    write_genes(directory, 2, 400, "genes", 1);
    write_genes(directory, 2, 20, "reads", 2);
    write_genes(directory, 2, 400, "others", 3);
    let tokenize = "--ranks genus --split-column split --k 3 --orient --quiet";
    for genes in ["genes", "others"] {
        let files = format!("{genes}.fasta --taxonomy {genes}.tsv --output {genes}.parquet");
        succeed("tokenize", directory, &format!("{files} {tokenize}"));
    }
    let train = "--tokens genes.parquet --preset tiny --epochs 2 --output classifier --quiet";
    succeed("train-classifier", directory, train);
    let model = std::fs::read_to_string(directory.join("classifier/frame.json")).unwrap();
    let tokens = Reader::<TokenRow>::open(&directory.join("genes.parquet")).unwrap();
    assert_eq!(model, tokens.metadata()[KEY_FRAME_MODEL]);
    // A training that undoes the frames, and masks in other frames, have no sense.
    let undone = run("train-classifier", directory, &format!("{train} --frame-offset true"));
    assert_eq!(undone.status.code(), Some(2));
    let files = "--tokens genes.parquet --classifier classifier --output explainer --quiet";
    succeed("train-explainer", directory, &format!("{files} --preset budget --dim 8 --epochs 1"));
    let mask = "--tokens genes.parquet --explainer explainer --output m.parquet --quiet";
    let shifted = run("mask", directory, &format!("{mask} --bases b.parquet --frames 3"));
    assert_eq!(shifted.status.code(), Some(2), "{}", String::from_utf8_lossy(&shifted.stderr));
    succeed("mask", directory, &format!("{mask} --bases b.parquet"));

    let files = "reads.fasta --k 3 --orient --orient-model classifier/frame.json --quiet";
    succeed("tokenize", directory, &format!("{files} --output reads.parquet"));
    let mask = "--explainer explainer --output r.parquet --quiet";
    succeed("mask", directory, &format!("--tokens reads.parquet {mask}"));
    let perturb = "--classifier classifier --masks r.parquet --output p.parquet --quiet";
    succeed("perturb", directory, &format!("--tokens reads.parquet {perturb}"));
    // Those of another model, or of none, are other windows.
    succeed("tokenize", directory, "reads.fasta --k 3 --output plain.parquet --quiet");
    for other in ["others", "plain"] {
        let output = run("mask", directory, &format!("--tokens {other}.parquet {mask}"));
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{log}");
        assert!(log.contains(&format!("{other}.parquet")) && log.contains("of model"), "{log}");
    }

    // A randomised copy reads the same windows.
    succeed("randomize", directory, "--classifier classifier --parts all --output fresh --quiet");
    assert_eq!(std::fs::read_to_string(directory.join("fresh/frame.json")).unwrap(), model);
}

#[test]
fn variants_of_oriented_windows_say_where_their_codons_are() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    write_genes(directory, 2, 400, "genes", 1);
    succeed("tokenize", directory, "genes.fasta --k 3 --orient --output genes.parquet --quiet");
    let whole = rows(&directory.join("genes.parquet"));
    let framed = whole.iter().filter(|row| row.phase == Some(0)).count();
    assert!(framed > 390, "{framed}");
    for (kind, phase) in [
        ("frame-shift --shift 1", Some(2)),
        ("frame-shift --shift 3", Some(0)),
        ("substitute --rate 0.01", Some(0)),
        ("reverse-complement", None),
    ] {
        let vary = format!("--tokens genes.parquet --kind {kind} --output varied.parquet --quiet");
        succeed("vary", directory, &vary);
        let path = directory.join("varied.parquet");
        let varied = Reader::<TokenRow>::open(&path).unwrap();
        let of = |reader: &Reader<TokenRow>| {
            [KEY_TOKENIZATION, KEY_FRAME_MODEL].map(|key| reader.metadata()[key].clone())
        };
        let genes = Reader::<TokenRow>::open(&directory.join("genes.parquet")).unwrap();
        assert_eq!(of(&varied), of(&genes), "{kind}");
        for (row, before) in rows(&path).iter().zip(&whole) {
            let expected = before.phase.and(phase);
            assert_eq!((row.phase, row.frame_gap), (expected, None), "{kind}");
        }
    }
}
