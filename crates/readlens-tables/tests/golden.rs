//! Every version of every table that was ever written must still open, and say the same.
//!
//! `READLENS_BLESS=1` writes the file of a new table or version; it never replaces one.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rows;

use std::path::PathBuf;

use readlens_tables::{Reader, Table, Writer};
use rows::{Example, manifest, metadata};

fn golden_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/tables")
}

fn opens<R: Example>() -> &'static Table {
    let table = R::TABLE;
    let rows = R::rows();
    for version in table.older {
        let path = golden_dir().join(format!("{}.v{version}.parquet", table.name));
        let reader = Reader::<R>::open(&path).unwrap();
        let old: Vec<R> = reader.map(Result::unwrap).collect();
        assert!(old.len() >= 3);
        assert_eq!(old, rows[..old.len()], "{}", path.display());
    }
    let path = golden_dir().join(format!("{}.v{}.parquet", table.name, table.version));
    if !path.exists() && std::env::var_os("READLENS_BLESS").is_some() {
        let mut writer = Writer::<R>::create(&path, &R::ranks(), &manifest(), &metadata()).unwrap();
        rows.iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap();
    }
    let reader = Reader::<R>::open(&path).unwrap();
    assert_eq!(reader.ranks(), R::ranks());
    assert_eq!(reader.manifest().unwrap().unwrap().stage, "tokenize");
    assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), rows, "{}", path.display());
    table
}

#[test]
fn golden_files_still_open_and_read_the_same_rows() {
    for_every_table!(opens);
    // Nothing lies there untested: a version without a reader must be dropped on purpose.
    let files = std::fs::read_dir(golden_dir()).unwrap().count();
    let versions = |table: &Table| 1 + table.older.len();
    assert_eq!(files, readlens_tables::TABLES.iter().map(|table| versions(table)).sum::<usize>());
}
