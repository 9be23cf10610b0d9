//! What is written is what is read, for every table.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rows;

use readlens_tables::{ROW_GROUP_ROWS, Reader, Table, Writer};
use rows::{Example, manifest, metadata};

fn written<R: Example>(rows: &[R]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.parquet");
    let mut writer = Writer::<R>::create(&path, &R::ranks(), &manifest(), &metadata()).unwrap();
    for row in rows {
        writer.push(row).unwrap();
    }
    assert_eq!(writer.rows(), rows.len() as u64);
    writer.finish().unwrap();
    (dir, path)
}

fn read<R: Example>(path: &std::path::Path) -> Vec<R> {
    Reader::<R>::open(path).unwrap().map(Result::unwrap).collect()
}

fn rows_survive<R: Example>() -> &'static Table {
    let rows = R::rows();
    let (_dir, path) = written(&rows);
    assert_eq!(read::<R>(&path), rows, "{}", R::TABLE.name);
    R::TABLE
}

#[test]
fn every_row_of_every_table_survives() {
    for_every_table!(rows_survive);
}

fn nulls_everywhere_survive<R: Example>() -> &'static Table {
    // A row group whose nullable columns hold nothing but null.
    let last = R::rows().pop().unwrap();
    let rows = vec![last; 5];
    let (_dir, path) = written(&rows);
    assert_eq!(read::<R>(&path), rows, "{}", R::TABLE.name);
    R::TABLE
}

#[test]
fn a_table_of_one_row_repeated_survives() {
    for_every_table!(nulls_everywhere_survive);
}

fn an_empty_table_survives<R: Example>() -> &'static Table {
    let (_dir, path) = written::<R>(&[]);
    let reader = Reader::<R>::open(&path).unwrap();
    assert_eq!(reader.rows(), 0);
    assert_eq!(reader.ranks(), R::ranks());
    assert_eq!(reader.count(), 0);
    R::TABLE
}

#[test]
fn a_table_without_rows_is_a_valid_table() {
    for_every_table!(an_empty_table_survives);
}

/// Two full row groups and a bit, in an order that no batch boundary hides.
fn many<R: Example>() -> Vec<R> {
    let rows = R::rows();
    (0..2 * ROW_GROUP_ROWS + 7).map(|i| rows[(i * i + i / 3) % rows.len()].clone()).collect()
}

fn many_rows_survive<R: Example>() -> &'static Table {
    let rows = many::<R>();
    let (_dir, path) = written(&rows);
    assert!(read::<R>(&path) == rows, "{}", R::TABLE.name);
    R::TABLE
}

#[test]
fn rows_survive_over_batches_and_row_groups() {
    for_every_table!(many_rows_survive);
}

fn a_range_is_a_slice<R: Example>() -> &'static Table {
    let rows = many::<R>();
    let (_dir, path) = written(&rows);
    let n = rows.len();
    for range in [0..3, 1000..1100, 8190..8195, n - 2..n, n - 1..n + 5, n + 1..n + 2, 5..5] {
        let wanted = &rows[range.start.min(n)..range.end.min(n)];
        let mut reader =
            Reader::<R>::open_rows(&path, range.start as u64..range.end as u64).unwrap();
        assert_eq!(reader.rows(), wanted.len() as u64);
        for (i, row) in wanted.iter().enumerate() {
            assert_eq!(reader.next().unwrap().unwrap(), *row);
            assert_eq!(reader.row_index(), (range.start + i) as u64);
        }
        assert!(reader.next().is_none());
    }
    R::TABLE
}

#[test]
fn a_range_of_rows_is_a_slice_of_the_table() {
    for_every_table!(a_range_is_a_slice);
}

fn the_same_rows_give_the_same_bytes<R: Example>() -> &'static Table {
    let rows = R::rows();
    let (_first, first) = written(&rows);
    let (_second, second) = written(&rows);
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
    R::TABLE
}

#[test]
fn writing_twice_gives_the_same_bytes() {
    for_every_table!(the_same_rows_give_the_same_bytes);
}

#[test]
fn metadata_and_manifest_survive() {
    use readlens_tables::tokens::TokenRow;
    let (_dir, path) = written(&TokenRow::rows());
    let reader = Reader::<TokenRow>::open(&path).unwrap();
    assert_eq!(reader.manifest().unwrap(), Some(manifest()));
    assert_eq!(reader.ranks(), ["superkingdom", "genus"]);
    assert_eq!(reader.metadata()["readlens.tokenization"], r#"{"k":6}"#);
    assert_eq!(reader.metadata()[readlens_tables::KEY_TABLE], "tokens");
}

#[test]
fn a_rank_must_not_take_the_name_of_a_column() {
    use readlens_tables::tokens::TokenRow;
    let dir = tempfile::tempdir().unwrap();
    for ranks in [vec!["split"], vec!["genus", "genus"]] {
        let ranks: Vec<String> = ranks.into_iter().map(str::to_owned).collect();
        let fault = Writer::<TokenRow>::create(
            &dir.path().join("x.parquet"),
            &ranks,
            &manifest(),
            &metadata(),
        )
        .unwrap_err();
        assert!(fault.to_string().contains("the name is taken"), "{fault}");
    }
}
