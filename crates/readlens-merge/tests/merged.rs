//! Shards, joined, are the unsharded table byte for byte; anything else is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use readlens_fault::{ExitCode, Fault};
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Removal, Split, TargetKind,
};
use readlens_tables::{KEY_SHARD, Record, Writer};

fn text(text: &str) -> String {
    text.to_owned()
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn manifest(seed: u64) -> Manifest {
    // Order of keys and a float: what a careless round trip through JSON would change.
    let config: BTreeMap<&str, f64> = [("width", 0.1), ("area", 1e-7)].into();
    Manifest::new("mask", &config, Some(seed), Vec::new()).unwrap()
}

fn ranks_of<R: Record>() -> Vec<String> {
    if R::TABLE.has_ranks { vec![text("phylum"), text("genus")] } else { Vec::new() }
}

fn write_with<R: Record>(
    path: &Path,
    rows: &[R],
    shard: Option<&str>,
    seed: u64,
    ranks: &[String],
) {
    let mut metadata: BTreeMap<String, String> =
        [(text(KEY_TOKENIZATION), text(r#"{"k":6}"#)), (text("zz.other"), text("kept"))].into();
    metadata.extend(shard.map(|place| (text(KEY_SHARD), text(place))));
    let mut writer = Writer::create(path, ranks, &manifest(seed), &metadata).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

fn write<R: Record>(path: &Path, rows: &[R], shard: Option<&str>) {
    write_with(path, rows, shard, 1, &ranks_of::<R>());
}

/// Cuts `rows` at `cuts`, merges the pieces in the order `order`, and compares bytes.
fn assert_merge_equals_whole<R: Record>(rows: &[R], cuts: &[usize], reversed: bool) {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.parquet");
    write(&whole, rows, None);
    let edges: Vec<usize> =
        [0].into_iter().chain(cuts.iter().copied()).chain([rows.len()]).collect();
    let n = edges.len() - 1;
    let mut shards: Vec<PathBuf> = (0..n)
        .map(|i| {
            let path = dir.path().join(format!("shard-{i}.parquet"));
            write(&path, &rows[edges[i]..edges[i + 1]], Some(&format!("{}/{n}", i + 1)));
            path
        })
        .collect();
    if reversed {
        shards.reverse();
    }
    let merged = dir.path().join("merged.parquet");
    readlens_merge::run(&shards, &merged, &Context::silent()).unwrap();
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&merged).unwrap(), "{}", R::TABLE.name);
}

fn mask(i: usize) -> MaskRow {
    let mask: Vec<f32> = (0..i % 5).map(|t| t as f32 / 5.0).collect();
    MaskRow {
        id: format!("record{}", i / 3),
        window: i as u32 % 3,
        method: name(["explainer", "random", "occlusion"][i % 3]),
        method_kind: MethodKind::ALL[i % 3],
        replicate: 1 + i as u32 % 2,
        rank: Ranks::All,
        target: i.is_multiple_of(2).then(|| format!("taxon{}", i % 7)),
        target_kind: TargetKind::Predicted,
        asked: Vec::new(),
        hard: mask.iter().map(|&m| m > 0.5).collect(),
        deviation: Vec::new(),
        area: 0.5,
        mask,
    }
}

#[test]
fn every_table_is_merged() {
    let n = 30;
    assert_merge_equals_whole(&(0..n).map(mask).collect::<Vec<_>>(), &[10, 20], true);
    let tokens = |i: usize| TokenRow {
        id: format!("r{i}"),
        window: 0,
        start: 0,
        end: 6,
        strand: text("+"),
        tokens: vec![2, 5],
        split: (!i.is_multiple_of(3)).then_some(Split::Train),
        taxa: vec![Some(text("p")), (!i.is_multiple_of(4)).then(|| format!("g{}", i % 4))],
        phase: None,
        frame_gap: None,
    };
    assert_merge_equals_whole(&(0..n).map(tokens).collect::<Vec<_>>(), &[0, 29], false);
    let base = |i: usize| BaseRow {
        id: format!("r{i}"),
        window: 0,
        start: 0,
        end: 2,
        strand: text("+"),
        method: name("explainer"),
        method_kind: MethodKind::Explainer,
        replicate: 1,
        rank: Ranks::All,
        mask: vec![0.1, i as f32],
    };
    assert_merge_equals_whole(&(0..n).map(base).collect::<Vec<_>>(), &[7], false);
    let perturbation = |i: usize| PerturbationRow {
        id: format!("r{i}"),
        window: 0,
        split: None,
        method: None,
        method_kind: None,
        replicate: None,
        mask_rank: None,
        operator: [Operator::Unmasked, Operator::Masked][i % 2].into(),
        share: None,
        removal: Removal::Own,
        kept_area: 1.0,
        hidden_mask: None,
        rank: name("genus"),
        predicted: text("g"),
        label: None,
        target: text("g"),
        p_predicted: 0.5,
        p_target: 0.5,
        entropy: 0.5,
        correct: None,
    };
    assert_merge_equals_whole(&(0..n).map(perturbation).collect::<Vec<_>>(), &[15], true);
    let metric = |i: usize| MetricRow {
        method: None,
        method_kind: None,
        replicate: None,
        mask_rank: None,
        operator: Operator::Unmasked.into(),
        variant: None,
        removal: Removal::Own,
        share: None,
        split: Over::Split(Split::Test),
        rank: Ranks::One(name("genus")),
        metric: Metric::Accuracy,
        value: i as f64,
        ci_low: None,
        ci_high: None,
        n: 1,
    };
    assert_merge_equals_whole(&(0..n).map(metric).collect::<Vec<_>>(), &[15], true);
    let training = |i: usize| TrainingRow {
        epoch: 1,
        step: Some(i as u32),
        split: Split::Train,
        rank: None,
        term: text("loss"),
        value: i as f64,
    };
    assert_merge_equals_whole(&(0..n).map(training).collect::<Vec<_>>(), &[15], true);
}

#[test]
fn a_whole_table_is_its_only_shard() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, merged] = ["whole", "merged"].map(|name| dir.path().join(name));
    write(&whole, &[mask(0), mask(1)], None);
    readlens_merge::run(std::slice::from_ref(&whole), &merged, &Context::silent()).unwrap();
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&merged).unwrap());
}

#[test]
fn row_groups_are_those_of_the_whole_table() {
    // Neither cut is at the edge of a row group of 8,192 rows.
    let rows: Vec<MaskRow> = (0..20_000).map(mask).collect();
    assert_merge_equals_whole(&rows, &[5, 9000], false);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_cuts_merge_to_the_whole(n in 0usize..60, mut cuts in prop::collection::vec(0usize..61, 0..5), reversed: bool) {
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(n));
        cuts.sort_unstable();
        assert_merge_equals_whole(&(0..n).map(mask).collect::<Vec<_>>(), &cuts, reversed);
    }
}

/// Shards by file name and place, and what the merge of all of them says.
fn refusal(shards: &[(&str, Option<&str>)]) -> Fault {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = shards
        .iter()
        .map(|(name, place)| {
            let path = dir.path().join(name);
            write(&path, &[mask(0)], *place);
            path
        })
        .collect();
    refuse(dir.path(), &paths)
}

fn refuse(dir: &Path, paths: &[PathBuf]) -> Fault {
    let output = dir.join("merged.parquet");
    let fault = readlens_merge::run(paths, &output, &Context::silent()).unwrap_err();
    assert!(!output.exists());
    fault
}

#[test]
fn a_set_that_is_not_whole_is_refused_by_name() {
    type Shard<'a> = (&'a str, Option<&'a str>);
    let cases: [(&[Shard<'_>], &[&str]); 8] = [
        (&[("a", Some("1/3")), ("c", Some("3/3"))], &["all 3 shards", "no shard 2;"]),
        (&[("b", Some("2/2"))], &["/b", "all 2 shards", "no shard 1;"]),
        (&[("a", Some("1/2")), ("b", Some("1/2"))], &["/b", "shard 1/2", "every shard once", "/a"]),
        (&[("a", Some("1/2")), ("b", Some("2/3"))], &["/b", "a shard of 2", "one of 3"]),
        (&[("a", None), ("b", None)], &["/a", "readlens.shard", "whole table", "--shard i/n"]),
        (&[("a", Some("1/2")), ("b", None)], &["/b", "readlens.shard"]),
        (&[("a", Some("0/2"))], &["/a", "such as 2/7", "0/2"]),
        (&[("a", Some("1/4000000000"))], &["no shard 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and more"]),
    ];
    for (shards, parts) in cases {
        let fault = refusal(shards);
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        for part in parts {
            assert!(fault.to_string().contains(part), "{fault} lacks {part}");
        }
    }
}

#[test]
fn shards_of_two_runs_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    write_with(&a, &[mask(0)], Some("1/2"), 1, &[]);
    write_with(&b, &[mask(1)], Some("2/2"), 2, &[]);
    let message = refuse(dir.path(), &[b.clone(), a.clone()]).to_string();
    assert!(message.contains("/b, metadata readlens.manifest"), "{message}");
    assert!(message.contains("\"seed\":2"), "{message}");

    let base = BaseRow {
        id: text("r"),
        window: 0,
        start: 0,
        end: 1,
        strand: text("+"),
        method: name("m"),
        method_kind: MethodKind::Attribution,
        replicate: 1,
        rank: Ranks::All,
        mask: vec![1.0],
    };
    write(&b, &[base], Some("2/2"));
    let message = refuse(dir.path(), &[a, b]).to_string();
    assert!(message.contains("expected a masks table, found a bases table"), "{message}");
}

#[test]
fn shards_with_other_ranks_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    write_with::<TokenRow>(&a, &[], Some("1/2"), 1, &[text("genus")]);
    write_with::<TokenRow>(&b, &[], Some("2/2"), 1, &[text("phylum")]);
    let message = refuse(dir.path(), &[a, b]).to_string();
    assert!(message.contains("rank columns genus"), "{message}");
    assert!(message.contains("found phylum"), "{message}");
}

#[test]
fn what_is_no_table_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("a");
    let fault = refuse(dir.path(), std::slice::from_ref(&a));
    assert!(fault.to_string().contains("cannot open"), "{fault}");
    std::fs::write(&a, "id\tmask\n").unwrap();
    let fault = refuse(dir.path(), &[a]);
    assert!(fault.to_string().contains("whole Parquet file"), "{fault}");
    assert_eq!(refuse(dir.path(), &[]).exit_code(), ExitCode::Usage);
}
