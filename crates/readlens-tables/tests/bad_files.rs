//! Files that are not the table they should be: one message, the right place, no panic.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod rows;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray,
};
use arrow::datatypes::Int32Type;
use bench::{Bench, assert_says, mask_columns, refusal};
use readlens_fault::ExitCode;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::{KEY_MANIFEST, KEY_TABLE, KEY_VERSION, Reader, table_of};

fn with(name: &str, array: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let mut columns = mask_columns();
    columns.iter_mut().find(|(n, _)| *n == name).unwrap().1 = array;
    columns
}

#[test]
fn a_file_of_another_tool_reads_like_ours() {
    let bench = Bench::new();
    let path = bench.foreign(mask_columns(), &[]);
    let rows: Vec<MaskRow> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[0].mask, [0.5, 1.0]);
    assert_eq!(rows[0].hard, [false, true]);
    assert_eq!((rows[0].area, rows[0].window), (0.75, 0));
    assert_eq!((rows[1].id.as_str(), rows[1].window), ("b", 1));
    assert!(rows[1].mask.is_empty() && rows[1].target.is_none());
}

#[test]
fn another_table_is_refused_by_name() {
    let bench = Bench::new();
    let message = refusal::<MaskRow>(&bench.write::<TokenRow>());
    assert_says(&message, &["expected a masks table", "found a tokens table", "readlens-mask"]);
}

#[test]
fn another_schema_version_is_refused() {
    let bench = Bench::new();
    let pairs = [(KEY_TABLE, "masks"), (KEY_VERSION, "99")];
    let message = refusal::<MaskRow>(&bench.foreign(mask_columns(), &pairs));
    assert_says(&message, &["expected schema version 1, 2, 3 or 4", "found version 99"]);
}

#[test]
fn a_missing_column_is_named() {
    let bench = Bench::new();
    for (missing, _) in mask_columns() {
        if missing == "notes" {
            continue;
        }
        let rest = mask_columns().into_iter().filter(|(name, _)| *name != missing).collect();
        let message = refusal::<MaskRow>(&bench.foreign(rest, &[]));
        assert_says(&message, &[&format!("column {missing}"), "readlens-mask"]);
    }
}

#[test]
fn a_column_twice_is_refused() {
    let bench = Bench::new();
    let mut columns = mask_columns();
    columns.push(("id", columns[1].1.clone()));
    assert_says(&refusal::<MaskRow>(&bench.foreign(columns, &[])), &["column id", "once"]);
}

#[test]
fn a_null_in_a_required_column_is_placed() {
    let bench = Bench::new();
    let ids: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let message = refusal::<MaskRow>(&bench.foreign(with("id", ids), &[]));
    assert_says(&message, &["column id", "null in row 1"]);

    let list = ListArray::from_iter_primitive::<arrow::datatypes::Float32Type, _, _>([
        Some(vec![Some(0.5), Some(1.0)]),
        None,
    ]);
    let message = refusal::<MaskRow>(&bench.foreign(with("mask", Arc::new(list)), &[]));
    assert_says(&message, &["column mask", "null in row 1"]);
}

#[test]
fn a_null_that_hides_in_a_dictionary_is_found() {
    let bench = Bench::new();
    let keys = Int32Array::from(vec![0, 1]);
    let values = Arc::new(StringArray::from(vec![Some("random"), None]));
    let methods: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(keys, values));
    let message = refusal::<MaskRow>(&bench.foreign(with("method", methods), &[]));
    assert_says(&message, &["column method", "null in row 1"]);
}

#[test]
fn a_null_item_of_a_list_is_refused() {
    let bench = Bench::new();
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Float32Type, _, _>([
        Some(vec![Some(0.5), None]),
        Some(vec![]),
    ]);
    let message = refusal::<MaskRow>(&bench.foreign(with("mask", Arc::new(list)), &[]));
    assert_says(&message, &["column mask", "null items: 1"]);
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let bench = Bench::new();
    for windows in [vec![0, -1], vec![0, 1 << 32]] {
        let message = refusal::<MaskRow>(
            &bench.foreign(with("window", Arc::new(Int64Array::from(windows))), &[]),
        );
        assert_says(&message, &["column window", "expected uint32"]);
    }
    // Halves of windows would otherwise be cut to whole ones without a word.
    let halves = Arc::new(Float64Array::from(vec![0.5, 1.0]));
    let message = refusal::<MaskRow>(&bench.foreign(with("window", halves), &[]));
    assert_says(&message, &["column window", "expected uint32", "Float64"]);
}

#[test]
fn a_column_of_another_kind_is_refused() {
    let bench = Bench::new();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["0.5,1.0", ""]));
    let message = refusal::<MaskRow>(&bench.foreign(with("mask", text), &[]));
    assert_says(&message, &["column mask", "expected list<float32>", "Utf8"]);
}

#[test]
fn a_column_that_is_no_rank_is_not_taken_for_one() {
    let bench = Bench::new();
    let item =
        ListArray::from_iter_primitive::<arrow::datatypes::UInt32Type, _, _>([Some(vec![Some(5)])]);
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let number = || Arc::new(Int64Array::from(vec![0])) as ArrayRef;
    let mut columns = vec![
        ("id", text("a")),
        ("window", number()),
        ("start", number()),
        ("end", Arc::new(Int64Array::from(vec![6])) as ArrayRef),
        ("strand", text("+")),
        ("tokens", Arc::new(item) as ArrayRef),
        ("split", text("test")),
        ("genus", text("Vibrio")),
    ];
    let rows: Vec<TokenRow> =
        Reader::open(&bench.foreign(columns.clone(), &[])).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[0].taxa, [Some("Vibrio".to_owned())]);
    columns.push(("__index_level_0__", number()));
    let message = refusal::<TokenRow>(&bench.foreign(columns, &[]));
    assert_says(&message, &["column __index_level_0__", "rank", "Int64"]);
}

#[test]
fn a_damaged_manifest_is_a_fault_of_its_own() {
    let bench = Bench::new();
    let path = bench.foreign(mask_columns(), &[(KEY_MANIFEST, "{")]);
    let fault = Reader::<MaskRow>::open(&path).unwrap().manifest().unwrap_err();
    assert_says(&fault.to_string(), &["readlens.manifest", "expected a manifest"]);
    let plain = bench.foreign(mask_columns(), &[]);
    assert_eq!(Reader::<MaskRow>::open(&plain).unwrap().manifest().unwrap(), None);
}

#[test]
fn a_file_says_which_table_it_is() {
    let bench = Bench::new();
    assert_eq!(table_of(&bench.write::<TokenRow>()).unwrap().name, "tokens");
    for (pairs, part) in [
        (vec![], "found nothing"),
        (vec![(KEY_TABLE, "genes")], "found genes"),
        (vec![(KEY_TABLE, "masks"), (KEY_VERSION, "0")], "found version 0"),
    ] {
        let fault = table_of(&bench.foreign(mask_columns(), &pairs)).unwrap_err();
        assert_says(&fault.to_string(), &["table.parquet", part]);
    }
}

#[test]
fn what_is_not_parquet_is_refused() {
    let bench = Bench::new();
    for bytes in [&b""[..], b"PAR1", b">seq\nACGT\n", &[0; 64], b"PAR1PAR1PAR1PAR1"] {
        std::fs::write(bench.path(), bytes).unwrap();
        assert_says(&refusal::<MaskRow>(&bench.path()), &["expected a whole Parquet file"]);
    }
    std::fs::remove_file(bench.path()).unwrap();
    assert_says(&refusal::<MaskRow>(&bench.path()), &["cannot open"]);
    std::fs::create_dir(bench.path()).unwrap();
    refusal::<MaskRow>(&bench.path());
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.write::<MaskRow>()).unwrap();
    for length in (0..whole.len()).step_by(37) {
        std::fs::write(bench.path(), &whole[..length]).unwrap();
        refusal::<MaskRow>(&bench.path());
    }
}

#[test]
fn a_flipped_byte_never_brings_the_reader_down() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.write::<MaskRow>()).unwrap();
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        std::fs::write(bench.path(), &bytes).unwrap();
        // Some flips change a value and nothing else; the rest must be faults, not panics.
        let rows =
            Reader::<MaskRow>::open(&bench.path()).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        if let Err(fault) = rows {
            assert_eq!(fault.exit_code(), ExitCode::BadInput, "byte {position}: {fault}");
        }
    }
}
