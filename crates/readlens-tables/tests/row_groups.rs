//! Where row groups end, how they are encoded, and that threads do not matter.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rows;

use std::fs::File;
use std::path::Path;

use parquet::basic::Encoding;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::{
    ROW_GROUP_ITEMS, ROW_GROUP_ROWS, ROW_GROUP_TEXT_BYTES, Reader, RowGroup, Table, Writer,
};
use rows::{Example, manifest, metadata};

fn writer<R: Example>(path: &Path) -> Writer<R> {
    Writer::create(path, &R::ranks(), &manifest(), &metadata()).unwrap()
}

fn parquet_metadata(path: &Path) -> ParquetMetaData {
    SerializedFileReader::new(File::open(path).unwrap()).unwrap().metadata().clone()
}

fn rows_of_groups(path: &Path) -> Vec<i64> {
    parquet_metadata(path).row_groups().iter().map(|group| group.num_rows()).collect()
}

/// Three row groups and a bit.
fn many<R: Example>() -> impl Iterator<Item = R> {
    let rows = R::rows();
    (0..3 * ROW_GROUP_ROWS + 5).map(move |i| rows[(i * i + i / 3) % rows.len()].clone())
}

fn threads_change_no_byte<R: Example>() -> &'static Table {
    let dir = tempfile::tempdir().unwrap();
    let files = [1, 2, 5].map(|threads| {
        let path = dir.path().join(format!("{threads}.parquet"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        // Inside the pool, so that one thread must encode while it waits.
        pool.install(|| {
            let mut writer = writer::<R>(&path);
            many::<R>().for_each(|row| writer.push(&row).unwrap());
            writer.finish().unwrap();
        });
        std::fs::read(path).unwrap()
    });
    assert!(files[1..].iter().all(|file| *file == files[0]), "{}", R::TABLE.name);
    R::TABLE
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    for_every_table!(threads_change_no_byte);
}

#[test]
fn groups_encoded_elsewhere_are_the_groups_that_rows_fill() {
    let dir = tempfile::tempdir().unwrap();
    let (pushed, appended) = (dir.path().join("pushed"), dir.path().join("appended"));
    let mut writer_of_rows = writer::<TokenRow>(&pushed);
    many().for_each(|row| writer_of_rows.push(&row).unwrap());
    writer_of_rows.finish().unwrap();

    let mut writer_of_groups = writer::<TokenRow>(&appended);
    let encoder = writer_of_groups.encoder();
    let mut groups = vec![encoder.row_group()];
    for row in many() {
        if groups.last().is_some_and(RowGroup::is_full) {
            groups.push(encoder.row_group());
        }
        groups.last_mut().unwrap().push(&row);
    }
    // The last group first: the order of encoding is of no account.
    let encoded: Vec<_> = groups.into_iter().rev().map(|g| encoder.encode(g).unwrap()).collect();
    for group in encoded.into_iter().rev() {
        writer_of_groups.append(group).unwrap();
    }
    assert_eq!(writer_of_groups.rows(), many::<TokenRow>().count() as u64);
    writer_of_groups.finish().unwrap();
    assert!(std::fs::read(pushed).unwrap() == std::fs::read(appended).unwrap());
}

#[test]
fn rows_pushed_before_a_group_is_appended_stay_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    let rows = TokenRow::rows();
    let mut writer = writer::<TokenRow>(&path);
    let mut group = writer.encoder().row_group();
    group.push(&rows[1]);
    let group = writer.encoder().encode(group).unwrap();
    writer.push(&rows[0]).unwrap();
    writer.append(group).unwrap();
    writer.push(&rows[2]).unwrap();
    writer.finish().unwrap();
    assert_eq!(rows_of_groups(&path), [1, 1, 1]);
    let read: Vec<TokenRow> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, rows[..3]);
}

#[test]
fn long_lists_end_a_row_group_early() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.parquet");
    let mut row = TokenRow::rows().remove(0);
    row.tokens = vec![7; ROW_GROUP_ITEMS / 2 + 1];
    let mut writer = writer::<TokenRow>(&path);
    for _ in 0..5 {
        writer.push(&row).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(rows_of_groups(&path), [2, 2, 1]);
    let read: Vec<TokenRow> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    assert!(read == vec![row; 5]);
}

/// In a column of text and in one of categories: Arrow counts the bytes of both with 32 bits.
#[test]
fn long_texts_end_a_row_group_early() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.parquet");
    let long = |i: usize| format!("{i}{}", "x".repeat(ROW_GROUP_TEXT_BYTES / 2));
    let change: [fn(&mut TokenRow, String); 2] =
        [|row, text| row.id = text, |row, text| row.taxa[0] = Some(text)];
    for change in change {
        let mut writer = writer::<TokenRow>(&path);
        for i in 0..3 {
            let mut row = TokenRow::rows().remove(0);
            change(&mut row, long(i));
            writer.push(&row).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(rows_of_groups(&path), [2, 1]);
    }
}

#[test]
fn lists_of_numbers_are_split_into_byte_streams() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("masks.parquet");
    let mut writer = writer::<MaskRow>(&path);
    MaskRow::rows().iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
    let metadata = parquet_metadata(&path);
    for column in metadata.row_group(0).columns() {
        let split = column.encodings().any(|e| e == Encoding::BYTE_STREAM_SPLIT);
        let name = column.column_path().string();
        let numbers = ["mask.list.item", "asked.list.item", "deviation.list.item"];
        assert_eq!(split, numbers.contains(&name.as_str()), "{name}");
    }
}
