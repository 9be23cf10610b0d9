//! Streams that a program may write.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, FixedSizeListBuilder, Float32Array, Float32Builder, RecordBatch,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::StreamWriter;

/// A column of probabilities of `taxa`.
pub fn head(rank: &str, taxa: &[&str]) -> Field {
    let size = taxa.len() as i32;
    let named = [("readlens.taxa".to_owned(), format!("{taxa:?}"))];
    of_type(rank, DataType::Float32, size).with_metadata(HashMap::from(named))
}

fn of_type(rank: &str, number: DataType, size: i32) -> Field {
    let number = Arc::new(Field::new("item", number, true));
    Field::new(rank, DataType::FixedSizeList(number, size), true)
}

/// A schema of answers.
pub fn schema(masking: &str, heads: Vec<Field>) -> Schema {
    about(&[("readlens.protocol", "1"), ("readlens.masking", masking)], heads)
}

fn about(metadata: &[(&str, &str)], heads: Vec<Field>) -> Schema {
    let pairs = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Schema::new_with_metadata(heads, pairs.collect::<HashMap<_, _>>())
}

/// Rows of numbers, dealt out to the columns.
pub fn batch<const N: usize>(schema: &Schema, rows: &[[f32; N]]) -> RecordBatch {
    let mut first = 0;
    let column = |field: &Arc<Field>| -> ArrayRef {
        let DataType::FixedSizeList(number, size) = field.data_type() else { panic!("{field}") };
        let range = first..first + *size as usize;
        first = range.end;
        let numbers = rows.iter().flat_map(|row| row[range.clone()].to_vec());
        let numbers = Arc::new(Float32Array::from_iter_values(numbers));
        Arc::new(FixedSizeListArray::new(Arc::clone(number), *size, numbers, None))
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(Arc::new(schema.clone()), columns).unwrap()
}

/// A whole stream.
pub fn stream(schema: &Schema, batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

/// `count` answers to two windows, without the end of the stream where there is none: the program
/// has more to say.
pub fn answers(masking: &str, count: usize) -> Vec<u8> {
    let schema = schema(masking, vec![head("kind", &["a", "b"])]);
    let answer = batch(&schema, &[[0.5, 0.5], [0.25, 0.75]]);
    let mut whole = stream(&schema, &vec![answer; count]);
    if count == 0 {
        whole.truncate(whole.len() - 8);
    }
    whole
}

/// An answer to two windows that leaves a number out.
pub fn with_missing(schema: &Schema) -> Vec<u8> {
    let mut lists = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    lists.values().append_slice(&[0.5, 0.5, 1.0]);
    lists.values().append_null();
    lists.append(true);
    lists.append(true);
    let column: ArrayRef = Arc::new(lists.finish());
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
    stream(schema, &[batch])
}

/// Schemas that say what cannot be, each with a part of what is said of it.
pub fn wrong_schemas(kind: &dyn Fn() -> Field) -> Vec<(Schema, &'static str)> {
    let of = |heads| schema("factors", heads);
    let named = |taxa: &str, size| {
        let named = HashMap::from([("readlens.taxa".to_owned(), taxa.to_owned())]);
        of(vec![of_type("kind", DataType::Float32, size).with_metadata(named)])
    };
    vec![
        (about(&[], vec![kind()]), "expected readlens.masking = factors or letters"),
        (schema("words", vec![kind()]), "found \"words\""),
        (
            about(&[("readlens.protocol", "2"), ("readlens.masking", "letters")], vec![kind()]),
            "expected readlens.protocol = 1",
        ),
        (
            about(&[("readlens.masking", "letters"), ("readlens.model", "")], vec![kind()]),
            "in readlens.model a name",
        ),
        (of(Vec::new()), "expected 1 to 64 columns, one a rank, found 0"),
        (of(vec![kind(), kind()]), "found a rank twice"),
        (of(vec![head("", &["a"])]), "the name of a rank"),
        (of(vec![Field::new("kind", DataType::Float32, false)]), "found FloatingPoint"),
        (of(vec![of_type("kind", DataType::Float64, 2)]), "found lists of other numbers"),
        (of(vec![of_type("kind", DataType::Float32, 2)]), "expected its taxa in the field's"),
        (named("a, b", 2), "expected a JSON list of names"),
        (named("[\"a\", \"b\"]", 3), "as there are taxa, 2, found lists of 3"),
        (named("[]", 0), "as there are taxa, 0"),
        (named("[\"a\", \"\"]", 2), "expected taxa whose names have"),
        (named("[\"a\", \"a\"]", 2), "found \"a\" twice"),
    ]
}
