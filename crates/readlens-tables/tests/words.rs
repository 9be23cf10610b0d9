//! Words that a column may not hold: the reader names the row, what it expected and what it found.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod rows;

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;
use bench::{Bench, assert_says, refusal, texts};
use readlens_fault::ExitCode;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::{MAX_NAME, Name, Split};
use readlens_tables::{KEY_TABLE, KEY_VERSION, Reader, Table, Writer};
use rows::{Example, manifest, metadata};

/// What the reader says of a table whose `column` has `word` in the last of its rows.
#[track_caller]
fn refused_in<R: Example>(rows: &[R], column: &str, word: &str) -> String {
    let bench = Bench::new();
    let mut columns = bench.columns(rows);
    let (_, array) = columns.iter_mut().find(|(name, _)| name == column).unwrap();
    let mut words = texts(array);
    *words.last_mut().unwrap() = Some(word.to_owned());
    *array = Arc::new(StringArray::from(words));
    let version = R::TABLE.version.to_string();
    let pairs = [(KEY_TABLE, R::TABLE.name), (KEY_VERSION, version.as_str())];
    let message = refusal::<R>(&bench.foreign(columns, &pairs));
    let place = format!("in row {}", rows.len() - 1);
    let place = if word.len() > MAX_NAME { "in the rows from 0" } else { place.as_str() };
    assert_says(&message, &[&format!("column {column}"), place]);
    message
}

#[track_caller]
fn refused<R: Example>(column: &str, word: &str, expected: &str) {
    let message = refused_in(&R::rows(), column, word);
    assert_says(&message, &[&format!("expected {expected}"), &format!("found {word:?}")]);
}

#[test]
fn a_word_of_no_vocabulary_is_refused() {
    refused::<TokenRow>("split", "dev", "a split: train, valid or test");
    refused::<TokenRow>("split", "Train", "a split: train, valid or test");
    refused::<TrainingRow>("split", "all", "a split: train, valid or test");
    let kinds = "a kind of method: explainer, attribution or control";
    refused::<MaskRow>("method_kind", "rival", kinds);
    refused::<BaseRow>("method_kind", "none", kinds);
    refused::<MaskRow>("target_kind", "guessed", "a kind of target: predicted, label or other");
    refused::<PerturbationRow>("split", "unassigned", "a split: train, valid or test");
    refused::<PerturbationRow>("method_kind", "none", kinds);
    let removals = "a removal: own, mean, unknown or shuffled";
    refused::<PerturbationRow>("removal", "zeros", removals);
    refused::<MetricRow>("removal", "none", removals);
    let over = "a split or what stands for several: train, valid, test, unassigned or all";
    refused::<MetricRow>("split", "dev", over);
    refused::<MetricRow>("method_kind", "", kinds);
    refused::<MetricRow>("metric", "acuracy", "a metric: accuracy, accuracy_macro, agreement");
}

#[test]
fn reserved_words_and_nothing_are_no_names() {
    for word in ["none", ""] {
        refused::<MaskRow>("rank", word, Name::EXPECTED);
        refused::<MaskRow>("method", word, Name::EXPECTED);
        refused::<BaseRow>("rank", word, Name::EXPECTED);
        refused::<PerturbationRow>("mask_rank", word, Name::EXPECTED);
        refused::<PerturbationRow>("method", word, Name::EXPECTED);
        refused::<MetricRow>("mask_rank", word, Name::EXPECTED);
        refused::<MetricRow>("rank", word, Name::EXPECTED);
    }
    refused::<MaskRow>("method", "all", Name::EXPECTED);
    refused::<BaseRow>("method", "all", Name::EXPECTED);
    refused::<PerturbationRow>("method", "all", Name::EXPECTED);
    refused::<MetricRow>("method", "all", Name::EXPECTED);
    // One rank is predicted at a time, while a mask may be for all of them.
    refused::<PerturbationRow>("rank", "all", Name::EXPECTED);
    // An endless name is refused before it is read.
    let endless = refused_in(&MaskRow::rows(), "method", &"m".repeat(MAX_NAME + 1));
    assert_says(&endless, &["at most 4096 bytes of text in a cell, found 4097"]);
    assert!(endless.len() < 1000, "{endless}");
}

fn refuses_the_empty_word<R: Example>() -> &'static Table {
    for column in R::TABLE.columns.iter().filter(|column| column.check.is_some()) {
        refused_in(&R::rows(), column.name, "");
    }
    R::TABLE
}

#[test]
fn no_column_of_words_holds_the_empty_word() {
    for_every_table!(refuses_the_empty_word);
}

#[test]
fn the_row_of_a_wrong_word_is_counted_over_batches() {
    let rows: Vec<TokenRow> = TokenRow::rows().into_iter().cycle().take(2500).collect();
    let message = refused_in(&rows, "split", "dev");
    assert_says(&message, &["found \"dev\" in row 2499", "correct the word"]);
}

/// A tool may keep words of rows that it dropped.
#[test]
fn a_word_that_no_row_has_does_no_harm() {
    let bench = Bench::new();
    let rows = &TokenRow::rows()[..3];
    let mut columns = bench.columns(rows);
    let words = Arc::new(StringArray::from(vec!["dev", "test", "train"]));
    let with_keys = |keys: Vec<Option<i32>>| {
        Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(keys), words.clone()))
            as ArrayRef
    };
    let split = columns.iter().position(|(name, _)| name == "split").unwrap();
    columns[split].1 = with_keys(vec![Some(2), None, Some(1)]);
    let path = bench.foreign(columns.clone(), &[]);
    let found: Vec<TokenRow> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    let splits: Vec<Option<Split>> = found.iter().map(|row| row.split).collect();
    assert_eq!(splits, [Some(Split::Train), None, Some(Split::Test)]);
    columns[split].1 = with_keys(vec![Some(2), Some(0), None]);
    let message = refusal::<TokenRow>(&bench.foreign(columns, &[]));
    assert_says(&message, &["column split", "found \"dev\" in row 1"]);
}

#[test]
fn a_rank_column_must_not_have_a_reserved_name() {
    let bench = Bench::new();
    for reserved in ["all", "none", ""] {
        let mut columns = bench.columns(&TokenRow::rows());
        columns.last_mut().unwrap().0 = reserved.to_owned();
        let message = refusal::<TokenRow>(&bench.foreign(columns, &[]));
        assert_says(&message, &[Name::EXPECTED, &format!("found {reserved:?}"), "rename"]);
        let ranks = [reserved.to_owned()];
        let writer = Writer::<TokenRow>::create(&bench.path(), &ranks, &manifest(), &metadata());
        let fault = writer.unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage);
        assert_says(&fault.to_string(), &[Name::EXPECTED]);
    }
}
