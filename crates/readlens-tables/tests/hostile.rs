//! Files that ask for more than they hold are refused in little memory, and never by a panic.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod rows;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{Field, Int32Type, Schema};
use bench::{Bench, assert_says, mask_columns, refusal};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use readlens_fault::ExitCode;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::{Reader, Table, Writer};
use rows::{Example, manifest, metadata};

/// A number of the compact protocol below 2⁶³.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A signed number of the compact protocol.
fn integer(number: u64) -> Vec<u8> {
    varint(number << 1)
}

/// A file of no pages whose footer has this schema, each element with so many children (none makes
/// it a column of 32-bit integers).
fn file_of(children: &[u64]) -> Vec<u8> {
    let element = |&children: &u64| {
        let mut bytes = Vec::new();
        let mut last = 0;
        let mut field = |id: u8, kind: u8, value: Vec<u8>| {
            bytes.push((id - last) << 4 | kind);
            bytes.extend(value);
            last = id;
        };
        if children == 0 {
            field(1, 5, integer(1));
        }
        field(3, 5, integer(0));
        field(4, 8, vec![1, b'a']);
        if children > 0 {
            field(5, 5, integer(children));
        }
        bytes.push(0);
        bytes
    };
    // Field 1, the version; 2, the schema as a list of structs; 3, the rows; 4, no row groups.
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    footer.extend(varint(children.len() as u64));
    footer.extend(children.iter().flat_map(element));
    footer.extend([0x16, 0, 0x19, 0x0c, 0]);
    let length = footer.len() as u32;
    [b"PAR1".as_slice(), &footer, &length.to_le_bytes(), b"PAR1"].concat()
}

#[test]
fn a_schema_nested_without_end_is_refused() {
    let bench = Bench::new();
    // The root and 10,000 groups in each other, around one column.
    let mut schema = vec![1; 10_001];
    schema.push(0);
    std::fs::write(bench.path(), file_of(&schema)).unwrap();
    assert_says(
        &refusal::<MaskRow>(&bench.path()),
        &["expected a whole Parquet file", "nested more than 32 deep"],
    );
    // So deep it may be.
    let mut schema = vec![1; 32];
    schema.push(0);
    std::fs::write(bench.path(), file_of(&schema)).unwrap();
    assert_says(&refusal::<MaskRow>(&bench.path()), &["the columns of a masks table", "only a"]);
}

#[test]
fn a_schema_that_is_no_tree_is_refused() {
    let bench = Bench::new();
    let of = |children: &[u64]| {
        std::fs::write(bench.path(), file_of(children)).unwrap();
        refusal::<MaskRow>(&bench.path())
    };
    // 2³¹ − 1 children that are not there: memory for them would be 17 GB.
    assert_says(&of(&[(1 << 31) - 1]), &["expected a whole Parquet file", "lacks 2147483647"]);
    assert_says(&of(&[1, 0, 0]), &["belong to no group"]);
    assert_says(&of(&[]), &["without a schema"]);
    assert_says(&of(&[0, 0]), &["belong to no group"]);
    // A list that says it is longer than the file.
    let mut bytes = file_of(&[1, 0]);
    bytes[8] = 0x7f;
    std::fs::write(bench.path(), bytes).unwrap();
    assert_says(&refusal::<MaskRow>(&bench.path()), &["expected a whole Parquet file"]);
}

#[test]
fn a_list_of_hundreds_of_millions_is_refused_before_it_is_decoded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hostile/list_of_300_million_tokens.parquet");
    let fault = Reader::<TokenRow>::open(&path).unwrap().next().unwrap().unwrap_err();
    assert_says(&fault.to_string(), &["at most 33554432 items in a list of the column tokens"]);
    assert_eq!(fault.exit_code(), ExitCode::BadInput);
}

/// A masks table with the texts `ids`, stored as `properties` say.
fn with_ids(bench: &Bench, ids: &[&str], properties: WriterPropertiesBuilder) -> PathBuf {
    let count = ids.len();
    let take = UInt32Array::from(vec![0; count]);
    let columns: Vec<(&str, ArrayRef)> = mask_columns()
        .into_iter()
        .map(|(name, array)| match name {
            "id" => (name, Arc::new(StringArray::from(ids.to_vec())) as ArrayRef),
            _ => (name, arrow::compute::take(&array, &take, None).unwrap()),
        })
        .collect();
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let file = std::fs::File::create(bench.path()).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties.build())).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.close().unwrap();
    bench.path()
}

#[test]
fn a_text_that_no_cell_holds_is_refused() {
    let bench = Bench::new();
    let (long, fits) = ("x".repeat((1 << 16) + 1), "y".repeat(1 << 16));
    let properties = || WriterProperties::builder().set_compression(Compression::SNAPPY);
    let plain = || properties().set_dictionary_enabled(false);
    let second = || plain().set_writer_version(WriterVersion::PARQUET_2_0);
    let deltas = || second().set_encoding_of_texts(WriterVersion::PARQUET_2_0, false);
    let forms: [&dyn Fn() -> WriterPropertiesBuilder; 3] = [&properties, &plain, &deltas];
    for properties in forms {
        let path = with_ids(&bench, &["a", &long, "b"], properties());
        assert_says(&refusal::<MaskRow>(&path), &["at most 65536 bytes of text in a cell"]);
        let path = with_ids(&bench, &["a", &fits, "b"], properties());
        let ids = Reader::<MaskRow>::open(&path).unwrap().map(|row| row.unwrap().id);
        assert!(ids.eq(["a", &fits, "b"]));
    }
    // Every text may repeat the one before it, so that a page can become any size.
    let path = with_ids(&bench, &["a", "b"], second());
    assert_says(&refusal::<MaskRow>(&path), &["DELTA_BYTE_ARRAY in the column", "encoding"]);
}

/// However a file is cut into groups and pages and however these are stored, its rows are the same.
#[test]
fn rows_are_the_same_in_every_form() {
    let bench = Bench::new();
    let rows: Vec<MaskRow> = (0..5000)
        .map(|i| MaskRow {
            id: format!("read{}", i % 700),
            window: i,
            mask: vec![i as f32 / 8192.0; (i % 23) as usize],
            hard: (0..i % 23).map(|token| token % 3 == 0).collect(),
            deviation: Vec::new(),
            target: (i % 5 > 0).then(|| format!("taxon {}", i % 11)),
            ..MaskRow::rows().remove(0)
        })
        .collect();
    let columns = bench.columns(&rows);
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for has_dictionary in [false, true] {
            for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_dictionary_enabled(has_dictionary)
                    .set_encoding_of_texts(version, has_dictionary)
                    .set_compression(codec)
                    .set_max_row_group_row_count(Some(1700))
                    .set_data_page_row_count_limit(100)
                    .set_write_batch_size(50)
                    .build();
                let file = std::fs::File::create(bench.path()).unwrap();
                let mut writer =
                    ArrowWriter::try_new(file, schema.clone(), Some(properties)).unwrap();
                writer.write(&batch).unwrap();
                writer.close().unwrap();
                let read = |range| -> Vec<MaskRow> {
                    let reader = Reader::<MaskRow>::open_rows(&bench.path(), range).unwrap();
                    reader.map(Result::unwrap).collect()
                };
                assert_eq!(read(0..u64::MAX), rows);
                assert_eq!(read(1650..3500), rows[1650..3500]);
                assert_eq!(read(4999..5001), rows[4999..]);
                assert_eq!(read(1700..1701), rows[1700..1701]);
                assert!(read(5000..6000).is_empty());
            }
        }
    }
}

trait OfTexts {
    /// The second version's own encoding of texts repeats the text before: it is refused.
    fn set_encoding_of_texts(self, version: WriterVersion, has_dictionary: bool) -> Self;
}

impl OfTexts for WriterPropertiesBuilder {
    fn set_encoding_of_texts(self, version: WriterVersion, has_dictionary: bool) -> Self {
        match (version, has_dictionary) {
            (WriterVersion::PARQUET_2_0, false) => ["id", "method", "method_kind", "rank"]
                .into_iter()
                .chain(["target", "target_kind", "notes"])
                .fold(self, |properties, column| {
                    let encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;
                    properties.set_column_encoding(column.into(), encoding)
                }),
            _ => self,
        }
    }
}

#[test]
fn ranks_are_few_and_their_taxa_short() {
    let bench = Bench::new();
    let text = |text: &str| Arc::new(StringArray::from(vec![text; 1])) as ArrayRef;
    let number = |number: i64| Arc::new(Int64Array::from(vec![number])) as ArrayRef;
    let tokens = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(5)])]);
    let table = |ranks: usize, taxon: &str| {
        let mut columns = vec![
            ("id".to_owned(), text("a")),
            ("window".to_owned(), number(0)),
            ("start".to_owned(), number(0)),
            ("end".to_owned(), number(6)),
            ("strand".to_owned(), text("+")),
            ("tokens".to_owned(), Arc::new(tokens.clone()) as ArrayRef),
            ("split".to_owned(), text("test")),
        ];
        columns.extend((0..ranks).map(|rank| (format!("rank{rank}"), text(taxon))));
        bench.foreign(columns, &[])
    };
    let fits = "x".repeat(1 << 12);
    let rows: Vec<TokenRow> =
        Reader::open(&table(64, &fits)).unwrap().map(Result::unwrap).collect();
    assert!(rows[0].taxa.iter().all(|taxon| taxon.as_ref() == Some(&fits)));
    let message = refusal::<TokenRow>(&table(65, "x"));
    assert_says(&message, &["at most 64 rank columns, found 65"]);
    let message = refusal::<TokenRow>(&table(1, &format!("{fits}x")));
    assert_says(&message, &["column rank0", "at most 4096 bytes of text in a cell, found 4097"]);
}

#[test]
fn a_column_of_lists_of_lists_is_refused_by_its_type() {
    let bench = Bench::new();
    let inner = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None]);
    let field = Arc::new(Field::new("item", inner.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::new(vec![0, 1, 2].into());
    let nested: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(inner), None));
    let mut columns = mask_columns();
    columns.iter_mut().find(|(name, _)| *name == "mask").unwrap().1 = nested.clone();
    let message = refusal::<MaskRow>(&bench.foreign(columns, &[]));
    assert_says(&message, &["column mask", "expected list<float32>", "List"]);
    // In a column that nobody asked for it does no harm.
    let mut columns = mask_columns();
    columns.iter_mut().find(|(name, _)| *name == "notes").unwrap().1 = nested;
    let path = bench.foreign(columns, &[]);
    assert_eq!(Reader::<MaskRow>::open(&path).unwrap().count(), 2);
}

/// Pseudo-random numbers; which ones does not matter, but they are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        (self.0 >> 33) as usize % most
    }
}

/// Damages a table in many ways and reads what is left of it.
fn survives_damage<R: Example>() -> &'static Table {
    let bench = Bench::new();
    let path = bench.path();
    let mut writer = Writer::<R>::create(&path, &R::ranks(), &manifest(), &metadata()).unwrap();
    R::rows().iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut numbers = Numbers(1);
    for round in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=numbers.below(4) {
            let place = numbers.below(bytes.len());
            match numbers.below(4) {
                0 => bytes[place] ^= 1 << numbers.below(8),
                1 => bytes[place] = [0, 0x7f, 0x80, 0xff][numbers.below(4)],
                2 => {
                    let end = (place + numbers.below(64)).min(bytes.len());
                    drop(bytes.drain(place..end));
                }
                _ => {
                    let end = (place + numbers.below(16)).min(bytes.len());
                    let again = bytes[place..end].to_vec();
                    bytes.splice(place..place, again);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let read = || -> readlens_fault::Result<Vec<R>> { Reader::<R>::open(&path)?.collect() };
        if let Err(fault) = read() {
            assert_eq!(fault.exit_code(), ExitCode::BadInput, "round {round}: {fault}");
        }
    }
    R::TABLE
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn tables_of_every_kind_survive_damage() {
    for_every_table!(survives_damage);
}

/// An allocation that is not granted ends the process: the damaged tables are read in one that is
/// granted little. Nor does a decoder's panic, which is caught, say anything.
#[test]
fn damage_asks_for_little_memory_and_says_nothing() {
    let test = std::env::current_exe().unwrap();
    let arguments = "--ignored --exact --nocapture --test-threads 1";
    let run = format!(
        "ulimit -v 1500000; exec '{}' {arguments} tables_of_every_kind_survive_damage",
        test.display()
    );
    let output = Command::new("sh").args(["-c", &run]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    // A name that no test has would end well, too.
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
    assert_eq!(stderr, "");
}
