//! `predict` beside other stages: the same values as `perturb`, shards that `merge` joins, and the
//! lineages of a classifier that `combine` made.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::collections::HashMap;

use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;
use readlens_tests::{
    classifier_shape, convolutional, explainer_shape, read_rows, rows, tokenization,
    write_classifier, write_explainer, write_tokens,
};
use stages::succeed;

/// Windows of records of three windows, which know no chunk of 512.
fn table(count: usize) -> Vec<TokenRow> {
    let mut table = rows(count, &tokenization());
    for (i, row) in table.iter_mut().enumerate() {
        (row.id, row.window) = (format!("record{}", i / 3), i as u32 % 3);
    }
    table
}

#[test]
fn windows_are_the_unmasked_rows_of_perturb() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_tokens(&here.join("tokens.parquet"), &table(700), &tokenization());
    write_classifier(&here.join("classifier"), &classifier_shape(), 2);
    let shape = explainer_shape(convolutional(), &["all"], readlens_nn::Selection::Threshold);
    write_explainer(&here.join("explainer"), &shape, 3);
    let tokens = "--tokens tokens.parquet --quiet";
    succeed("mask", here, &format!("{tokens} --explainer explainer --output m"));
    succeed("perturb", here, &format!("{tokens} --classifier classifier --masks m --output p"));
    succeed("predict", here, &format!("{tokens} --classifier classifier --output w"));
    let all: Vec<PerturbationRow> = read_rows(&here.join("p"));
    let unmasked: Vec<&PerturbationRow> =
        all.iter().filter(|row| row.operator.name() == "unmasked").collect();
    let found: Vec<PredictionRow> = read_rows(&here.join("w"));
    assert_eq!(found.len(), unmasked.len());
    for (found, expected) in found.iter().zip(unmasked) {
        assert_eq!((&found.id, found.window), (&expected.id, Some(expected.window)));
        assert_eq!((&found.rank, found.split), (&expected.rank, expected.split));
        assert_eq!(found.taxon.as_ref(), Some(&expected.predicted));
        assert_eq!((found.probability, found.entropy), (expected.p_predicted, expected.entropy));
    }
}

#[test]
fn merged_shards_are_the_tables_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_tokens(&here.join("tokens.parquet"), &table(2600), &tokenization());
    write_classifier(&here.join("classifier"), &classifier_shape(), 2);
    let predict = "--tokens tokens.parquet --classifier classifier --quiet \
                   --calibration-tokens tokens.parquet";
    succeed("predict", here, &format!("{predict} --output w --records r"));
    for shard in 1..=3 {
        let outputs = format!("--shard {shard}/3 --output w{shard} --records r{shard}");
        succeed("predict", here, &format!("{predict} {outputs}"));
    }
    for name in ["w", "r"] {
        let merge = format!("{name}3 {name}1 {name}2 --output {name}m --quiet");
        succeed("merge", here, &merge);
        let [whole, merged] = [name.to_owned(), format!("{name}m")]
            .map(|name| std::fs::read(here.join(name)).unwrap());
        assert!(whole == merged, "{name}");
    }
}

#[test]
fn a_combined_classifier_predicts_lineages_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let table = table(120);
    write_tokens(&here.join("tokens.parquet"), &table, &tokenization());
    let train = "--tokens tokens.parquet --preset tiny --epochs 2 --output alone --quiet";
    succeed("train-classifier", here, train);
    let combine = "--tokens tokens.parquet --classifier alone --output combined --quiet";
    succeed("combine", here, combine);
    let predict = "--tokens tokens.parquet --classifier combined --output w --records r --quiet";
    succeed("predict", here, predict);
    let parents: HashMap<&String, &String> = table
        .iter()
        .filter_map(|row| Some((row.taxa[1].as_ref()?, row.taxa[0].as_ref()?)))
        .collect();
    for name in ["w", "r"] {
        let found: Vec<PredictionRow> = read_rows(&here.join(name));
        assert!(!found.is_empty());
        for ranks in found.chunks(2) {
            let [phylum, genus] = [0, 1].map(|rank| ranks[rank].taxon.as_ref().unwrap());
            assert_eq!(parents[genus], phylum, "{name}");
        }
    }
}
