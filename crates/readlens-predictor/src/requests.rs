//! Batches of windows and masks.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Builder, ListBuilder, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use readlens_fault::{Fault, Result};
use readlens_kmer::{Kmers, Tokenization};

use crate::heads::{KEY_PROTOCOL, PROTOCOL};

/// A window as a program reads it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) letters: String,
    /// What is kept of each real token, 0 to 1.
    pub(crate) factors: Vec<f32>,
}

/// Writes the stream that a program reads, message by message.
pub(crate) struct Requests {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl Requests {
    /// The stream for windows of `tokenization`, which are of `kmers`; its schema is the first
    /// message.
    pub(crate) fn new(tokenization: &Tokenization, kmers: Kmers) -> Result<Self> {
        let metadata = [
            (KEY_PROTOCOL, PROTOCOL.to_owned()),
            ("readlens.k", kmers.k.to_string()),
            ("readlens.stride", kmers.stride.to_string()),
            ("readlens.cls", tokenization.cls.to_string()),
            ("readlens.unknown", char::from(tokenization.alphabet.unknown_letter()).to_string()),
        ];
        let metadata: HashMap<String, String> =
            metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let fields = vec![
            Field::new("letters", DataType::Utf8, false),
            Field::new("factors", DataType::List(Arc::new(factor())), false),
        ];
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?;
        Ok(Self { schema, writer })
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    /// The message of a batch.
    pub(crate) fn batch(&mut self, rows: &[Row]) -> Result<Vec<u8>> {
        let letters = StringArray::from_iter_values(rows.iter().map(|row| &row.letters));
        let mut factors = ListBuilder::new(Float32Builder::new()).with_field(factor());
        for row in rows {
            factors.values().append_slice(&row.factors);
            factors.append(true);
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(letters), Arc::new(factors.finish())];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(failed)?;
        self.writer.write(&batch).map_err(failed)?;
        Ok(self.take())
    }

    /// The end of the stream.
    pub(crate) fn end(&mut self) -> Result<Vec<u8>> {
        self.writer.finish().map_err(failed)?;
        Ok(self.take())
    }
}

fn factor() -> Field {
    Field::new("item", DataType::Float32, false)
}

fn failed(e: ArrowError) -> Fault {
    Fault::failed("writing windows for the predictor", e)
}
