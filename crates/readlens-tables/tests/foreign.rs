//! Tables that other tools have rewritten read as what they are, and keep what they say.
//!
//! `tests/golden/foreign/make.py` wrote them with pandas, pyarrow, Polars and DuckDB.
//! `READLENS_BLESS=1` writes the two tables that it begins with.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rows;

use std::path::PathBuf;

use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::Ranks;
use readlens_tables::{KEY_MANIFEST, Reader, Writer, table_of};
use rows::{Example, manifest, metadata};

fn golden(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/foreign");
    folder.join(format!("{name}.parquet"))
}

/// Masks of all ranks, which have no target: a column without a value.
fn masks() -> Vec<MaskRow> {
    let of_all = |row| MaskRow { rank: Ranks::All, target: None, ..row };
    // The files are of version 2, which had no control and no deviation.
    let is_old = |row: &MaskRow| row.asked.is_empty() && row.deviation.is_empty();
    MaskRow::rows().into_iter().filter(is_old).map(of_all).collect()
}

/// Rows of numbers that every tool can hold.
fn tokens() -> Vec<TokenRow> {
    let mut rows = TokenRow::rows();
    for row in rows.iter_mut().filter(|row| row.end == u32::MAX) {
        (row.window, row.end) = (7, 42);
    }
    rows
}

fn opened<R: Example>(name: &str, rows: &[R]) -> Reader<R> {
    let path = golden(name);
    if !path.exists() && std::env::var_os("READLENS_BLESS").is_some() {
        let mut writer = Writer::<R>::create(&path, &R::ranks(), &manifest(), &metadata()).unwrap();
        rows.iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap();
    }
    Reader::open(&path).unwrap()
}

fn read<R: Example>(name: &str, rows: &[R]) {
    let reader = opened(name, rows);
    assert_eq!(reader.ranks(), R::ranks(), "{name}");
    assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), rows, "{name}");
}

const TOOLS: [&str; 6] = ["pandas", "pyarrow", "pyarrow_wide", "polars", "duckdb", "duckdb_v2"];

#[test]
fn rows_are_those_that_were_rewritten() {
    read("masks", &masks());
    read("tokens", &tokens());
    for tool in TOOLS {
        read(&format!("masks.{tool}"), &masks());
        read(&format!("tokens.{tool}"), &tokens());
    }
}

/// pandas and pyarrow carry what a table says by themselves; the others were told to.
#[test]
fn what_a_table_says_is_carried() {
    for tool in TOOLS {
        let reader = Reader::<TokenRow>::open(&golden(&format!("tokens.{tool}"))).unwrap();
        assert_eq!(reader.metadata()[KEY_TOKENIZATION], metadata()[KEY_TOKENIZATION], "{tool}");
        if !tool.starts_with("duckdb") {
            assert_eq!(reader.manifest().unwrap(), Some(manifest()), "{tool}");
            assert!(reader.metadata().contains_key(KEY_MANIFEST));
            assert_eq!(table_of(reader.path()).unwrap().name, "tokens");
        }
    }
}

#[test]
fn a_table_that_lost_what_it_said_is_refused_with_a_way_out() {
    let reader = Reader::<TokenRow>::open(&golden("empty.polars")).unwrap();
    let found = reader.metadata_json::<serde_json::Value>(KEY_TOKENIZATION, "the tokenization");
    let message = found.unwrap_err().to_string();
    for part in ["pyarrow and pandas keep", "KV_METADATA {'readlens.tokenization'", "metadata={'"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_rank_without_a_value_has_any_type() {
    let mut rows = tokens();
    rows.iter_mut().for_each(|row| row.taxa.push(None));
    for tool in ["pandas", "pandas_nan", "pandas_categorical", "polars", "duckdb"] {
        let reader = Reader::<TokenRow>::open(&golden(&format!("empty.{tool}"))).unwrap();
        assert_eq!(reader.ranks(), ["superkingdom", "genus", "family"], "{tool}");
        assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), rows, "{tool}");
    }
}
