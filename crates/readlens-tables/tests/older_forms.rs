//! Tables of older versions, and of tools that do not know today's columns, read as rows of today.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use bench::{Bench, assert_says, mask_columns, refusal, texts};
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::vocabulary::{MethodKind, Name, Operator, Ranks, Removal, Word};
use readlens_tables::{KEY_TABLE, KEY_VERSION, Reader, Record};
use rows::Example;

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// A table of `rows` in an older form: with the `old` texts of columns, without the `new` columns.
fn older<R: Example>(
    bench: &Bench,
    rows: &[R],
    old: &[(&str, &[&str])],
    new: &[&str],
    version: Option<u32>,
) -> PathBuf {
    let mut columns = bench.columns(rows);
    columns.retain(|(name, _)| !new.contains(&name.as_str()));
    for (name, words) in old {
        assert_eq!(words.len(), rows.len());
        let column = columns.iter_mut().find(|(column, _)| column == name).unwrap();
        column.1 = Arc::new(StringArray::from(words.to_vec()));
    }
    let version = version.map(|version| version.to_string());
    let pairs: Vec<(&str, &str)> = match &version {
        Some(version) => vec![(KEY_TABLE, R::TABLE.name), (KEY_VERSION, version)],
        None => Vec::new(),
    };
    bench.foreign(columns, &pairs)
}

fn read<R: Record>(path: &std::path::Path) -> Vec<R> {
    Reader::open(path).unwrap().map(Result::unwrap).collect()
}

/// The old name of a method in our own tables, and what it says.
const METHODS: [(&str, &str, MethodKind, u32); 6] = [
    ("explainer", "explainer", MethodKind::Explainer, 1),
    ("explainer_distilled", "distilled", MethodKind::Explainer, 1),
    ("explainer_distilled_seed2", "distilled", MethodKind::Explainer, 2),
    ("lime", "lime", MethodKind::Attribution, 1),
    ("random_tokens", "random_tokens", MethodKind::Control, 1),
    ("planted", "planted", MethodKind::Attribution, 1),
];

#[test]
fn old_masks_say_kind_and_replicate_in_columns() {
    let old_names = METHODS.map(|(old, ..)| old);
    let rows = METHODS.map(|(_, method, method_kind, replicate)| MaskRow {
        method: name(method),
        method_kind,
        replicate,
        ..MaskRow::rows().remove(0)
    });
    let bench = Bench::new();
    let new = ["method_kind", "replicate"];
    let path = older(&bench, &rows, &[("method", &old_names)], &new, Some(1));
    assert_eq!(read::<MaskRow>(&path), rows);
    let part: Vec<MaskRow> = Reader::open_rows(&path, 2..4).unwrap().map(Result::unwrap).collect();
    assert_eq!(part, rows[2..4]);
    let rows = METHODS.map(|(_, method, method_kind, replicate)| BaseRow {
        method: name(method),
        method_kind,
        replicate,
        ..BaseRow::rows().remove(0)
    });
    let path = older(&bench, &rows, &[("method", &old_names)], &new, Some(1));
    assert_eq!(read::<BaseRow>(&path), rows);
}

#[test]
fn old_predictions_have_no_mask_where_they_said_none() {
    let row = PerturbationRow::rows().remove(0);
    let of = |operator: Operator| PerturbationRow { operator: operator.into(), ..row.clone() };
    let rows = [
        PerturbationRow {
            method: None,
            method_kind: None,
            replicate: None,
            mask_rank: None,
            ..of(Operator::Unmasked)
        },
        PerturbationRow {
            method: Some(name("distilled")),
            replicate: Some(2),
            mask_rank: Some(Ranks::One(name("genus"))),
            removal: Removal::Unknown,
            ..of(Operator::HardInverse)
        },
        PerturbationRow { operator: Word::Foreign("my_mean".to_owned()), ..row.clone() },
    ];
    let old: [(&str, &[&str]); 2] = [
        ("method", &["none", "explainer_distilled_seed2", "explainer"]),
        ("mask_rank", &["none", "genus", "all"]),
    ];
    let bench = Bench::new();
    let path = older(&bench, &rows, &old, &["method_kind", "replicate"], Some(2));
    assert_eq!(read::<PerturbationRow>(&path), rows);
    assert_eq!(rows[0].mask_name(), None);
    assert_eq!(rows[1].mask_name().unwrap().to_string(), "distilled, replicate 2 for genus");
}

#[test]
fn old_metrics_say_removal_and_variant_in_columns() {
    let row = MetricRow::rows().remove(0);
    let names: [(&str, Operator, Removal, Option<&str>); 8] = [
        ("hard_inverse", Operator::HardInverse, Removal::Own, None),
        ("hard_inverse_unknown", Operator::HardInverse, Removal::Unknown, None),
        ("aopc_mean", Operator::Aopc, Removal::Mean, None),
        ("random_block_inverse_shuffled", Operator::RandomBlockInverse, Removal::Shuffled, None),
        ("all_mean", Operator::AllMean, Removal::Mean, None),
        ("randomized-all", Operator::Randomized, Removal::Own, Some("all")),
        ("randomized-2", Operator::Randomized, Removal::Own, Some("2")),
        ("permuted", Operator::Permuted, Removal::Own, None),
    ];
    let mut rows: Vec<MetricRow> = names
        .iter()
        .map(|(_, operator, removal, variant)| MetricRow {
            operator: (*operator).into(),
            removal: *removal,
            variant: variant.map(str::to_owned),
            ..row.clone()
        })
        .collect();
    rows.push(MetricRow {
        method: None,
        method_kind: None,
        replicate: None,
        mask_rank: None,
        operator: Operator::MajorityClass.into(),
        ..row.clone()
    });
    rows.push(MetricRow { operator: Word::Foreign("my_own_mean".to_owned()), ..row });
    let mut operators: Vec<&str> = names.iter().map(|(old, ..)| *old).collect();
    operators.extend(["majority_class", "my_own_mean"]);
    let with_none = |word| {
        let mut words = vec![word; 8];
        words.extend(["none", word]);
        words
    };
    let (methods, ranks) = (with_none("explainer"), with_none("all"));
    let old: [(&str, &[&str]); 3] =
        [("operator", &operators), ("method", &methods), ("mask_rank", &ranks)];
    let new = ["method_kind", "replicate", "removal", "variant"];
    let bench = Bench::new();
    let path = older(&bench, &rows, &old, &new, Some(2));
    assert_eq!(read::<MetricRow>(&path), rows);
}

/// As a user's Python writes them: no version, and no column for what a user need not know.
#[test]
fn foreign_masks_without_kind_and_replicate_are_those_of_an_attribution_method() {
    let bench = Bench::new();
    let with_methods = |methods: [&str; 2]| {
        let mut columns = mask_columns();
        let method = columns.iter_mut().find(|(name, _)| *name == "method").unwrap();
        method.1 = Arc::new(StringArray::from(methods.to_vec()));
        let rows: Vec<MaskRow> = read(&bench.foreign(columns, &[]));
        rows.iter()
            .map(|row| (row.method.to_string(), row.method_kind, row.replicate))
            .collect::<Vec<_>>()
    };
    let of = |method: &str, kind| (method.to_owned(), kind, 1);
    // Only our own old names have parts.
    let foreign = ["my_saliency", "explainer_mine_seed2"];
    let attribution = foreign.map(|method| of(method, MethodKind::Attribution));
    assert_eq!(with_methods(foreign), attribution);
    // Names that this project knows mean what they always do.
    let known = [of("explainer", MethodKind::Explainer), of("random_blocks", MethodKind::Control)];
    assert_eq!(with_methods(["explainer", "random_blocks"]), known);
}

#[test]
fn what_a_foreign_table_says_of_its_methods_stands() {
    let bench = Bench::new();
    let mut columns = mask_columns();
    let kinds: ArrayRef = Arc::new(StringArray::from(vec!["explainer", "control"]));
    columns.push(("method_kind", kinds));
    let found: Vec<MaskRow> = read(&bench.foreign(columns.clone(), &[]));
    let said = |row: &MaskRow| (row.method_kind, row.replicate);
    assert_eq!(said(&found[0]), (MethodKind::Explainer, 1));
    assert_eq!(said(&found[1]), (MethodKind::Control, 1));
    columns.push(("replicate", Arc::new(arrow::array::Int64Array::from(vec![3, 4]))));
    let found: Vec<MaskRow> = read(&bench.foreign(columns, &[]));
    assert_eq!((found[0].replicate, found[1].replicate), (3, 4));
}

#[test]
fn an_old_table_is_checked_like_one_of_today() {
    let bench = Bench::new();
    let mut columns = bench.columns(&MaskRow::rows());
    columns.retain(|(name, _)| name != "method_kind" && name != "replicate");
    let target = columns.iter_mut().find(|(name, _)| name == "target_kind").unwrap();
    let mut words = texts(&target.1);
    words[3] = Some("guessed".to_owned());
    target.1 = Arc::new(StringArray::from(words));
    let path = bench.foreign(columns, &[(KEY_TABLE, "masks"), (KEY_VERSION, "1")]);
    let message = refusal::<MaskRow>(&path);
    assert_says(&message, &["column target_kind", "predicted, label or other", "in row 3"]);
    // A version that is no longer read.
    let row = PerturbationRow::rows().remove(0);
    let path = older(&bench, &[row], &[], &[], Some(1));
    let message = refusal::<PerturbationRow>(&path);
    assert_says(&message, &["expected schema version 2 or 3", "found version 1"]);
}
