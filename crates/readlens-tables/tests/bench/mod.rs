//! Tables as other tools, and older versions, may write them.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, LargeListArray, LargeStringArray, ListArray,
    RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use readlens_fault::ExitCode;
use readlens_tables::{Reader, Record, Writer};

use crate::rows::{Example, manifest, metadata};

pub struct Bench(tempfile::TempDir);

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("table.parquet")
    }

    pub fn write<R: Example>(&self) -> PathBuf {
        self.write_rows(&R::rows())
    }

    pub fn write_rows<R: Example>(&self, rows: &[R]) -> PathBuf {
        let path = self.path();
        let mut writer = Writer::<R>::create(&path, &R::ranks(), &manifest(), &metadata()).unwrap();
        rows.iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap();
        path
    }

    /// The columns of a table of `rows`, as they lie in its file.
    pub fn columns<R: Example>(&self, rows: &[R]) -> Vec<(String, ArrayRef)> {
        let file = std::fs::File::open(self.write_rows(rows)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let mut batches = builder.with_batch_size(rows.len()).build().unwrap();
        let batch = batches.next().unwrap().unwrap();
        assert_eq!(batch.num_rows(), rows.len());
        let schema = batch.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.zip(batch.columns().iter().cloned()).collect()
    }

    /// Writes columns as another tool might.
    pub fn foreign(
        &self,
        columns: Vec<(impl AsRef<str>, ArrayRef)>,
        pairs: &[(&str, &str)],
    ) -> PathBuf {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(name.as_ref(), array.data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
        let pairs = pairs.iter().map(|(k, v)| KeyValue::new((*k).to_owned(), (*v).to_owned()));
        let properties =
            WriterProperties::builder().set_key_value_metadata(Some(pairs.collect())).build();
        let path = self.path();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }
}

/// The message of the fault, which must be an input fault that names the file.
#[track_caller]
pub fn refusal<R: Record + std::fmt::Debug>(path: &Path) -> String {
    let read = || -> readlens_fault::Result<Vec<R>> { Reader::<R>::open(path)?.collect() };
    let fault = read().unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    let message = fault.to_string();
    assert!(message.contains("table.parquet"), "{message}");
    message
}

#[track_caller]
pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

/// The columns of a small masks table in the types of a data-frame library.
pub fn mask_columns() -> Vec<(&'static str, ArrayRef)> {
    let text = |values: [&str; 2]| Arc::new(LargeStringArray::from(values.to_vec())) as ArrayRef;
    let floats = LargeListArray::from_iter_primitive::<arrow::datatypes::Float64Type, _, _>([
        Some(vec![Some(0.5), Some(1.0)]),
        Some(vec![]),
    ]);
    let item = Arc::new(Field::new("item", DataType::Boolean, true));
    let flags = ListArray::new(
        item,
        arrow::buffer::OffsetBuffer::new(vec![0, 2, 2].into()),
        Arc::new(arrow::array::BooleanArray::from(vec![false, true])),
        None,
    );
    vec![
        ("area", Arc::new(Float64Array::from(vec![0.75, 0.0]))),
        ("id", text(["a", "b"])),
        ("window", Arc::new(Int64Array::from(vec![0, 1]))),
        ("method", text(["random", "random"])),
        ("rank", text(["all", "all"])),
        ("target", Arc::new(LargeStringArray::from(vec![None::<&str>, None]))),
        ("target_kind", text(["predicted", "predicted"])),
        ("mask", Arc::new(floats)),
        ("hard", Arc::new(flags)),
        ("notes", text(["x", "y"])),
    ]
}

/// The texts of a column of words.
pub fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let plain = cast(array, &DataType::Utf8).unwrap();
    let plain = plain.as_any().downcast_ref::<StringArray>().unwrap();
    plain.iter().map(|text| text.map(str::to_owned)).collect()
}
