use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, TryRecvError, sync_channel};

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use readlens_fault::{Fault, Result};
use readlens_provenance::{Manifest, NewFile};

use crate::parquet_file::carried;
use crate::record::Record;
use crate::row_group::{EncodedRowGroup, RowGroup, RowGroupEncoder, ZSTD_LEVEL};
use crate::vocabulary::Name;
use crate::{KEY_MANIFEST, KEY_TABLE, KEY_VERSION};

/// Most row groups that are encoded at a time: one thread fills no more, and each takes memory.
const MOST_ENCODED_AT_ONCE: usize = 8;

/// What a thread of the pool made of a row group, or its panic.
type Encoded<R> = std::result::Result<Result<EncodedRowGroup<R>>, Box<dyn Any + Send>>;

/// Writes a table of `R` rows, zstd-compressed, whole or not at all.
///
/// Row groups are encoded on the threads of rayon's global pool while the next one fills, and
/// written in order: the file is the same for any number of threads. Memory holds the rows of
/// one group more than there are threads, at most of nine.
pub struct Writer<R> {
    file: SerializedFileWriter<NewFile>,
    schema: SchemaRef,
    /// What the file says beside its rows.
    pairs: BTreeMap<String, String>,
    encoder: RowGroupEncoder<R>,
    group: RowGroup<R>,
    encoding: VecDeque<Receiver<Encoded<R>>>,
    rows: u64,
    target: PathBuf,
}

impl<R> std::fmt::Debug for Writer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("target", &self.target).field("rows", &self.rows).finish()
    }
}

impl<R: Record> Writer<R> {
    /// Begins the table at `target`.
    ///
    /// `ranks` name the rank columns of a table that has them (empty otherwise); `metadata` are
    /// further key-value pairs of the file beside the table's name, version and `manifest`.
    ///
    /// # Errors
    /// `target` cannot be created, or a rank has the name of a fixed column or of another rank.
    pub fn create(
        target: &Path,
        ranks: &[String],
        manifest: &Manifest,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut writer = Self::begin(target, ranks, metadata)?;
        writer.put_manifest(manifest)?;
        Ok(writer)
    }

    /// Begins the table at `target` as [`Writer::create`] does, for a stage that knows its
    /// manifest only at the end, such as one that digests a stream while reading it. Complete
    /// the file with [`Writer::complete_with`].
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn begin(
        target: &Path,
        ranks: &[String],
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let table = R::TABLE;
        for (i, rank) in ranks.iter().enumerate() {
            Name::new(rank)?;
            if table.columns.iter().any(|c| c.name == rank) || ranks[..i].contains(rank) {
                return Err(Fault::usage(format!(
                    "rank {rank:?} cannot be a column of the {} table: the name is taken; rename it",
                    table.name
                )));
            }
        }
        let schema = Arc::new(table.schema(ranks));
        let failed = |e| unwritten(target, e);
        let mut pairs = BTreeMap::from([
            (KEY_TABLE.to_owned(), table.name.to_owned()),
            (KEY_VERSION.to_owned(), table.version.to_string()),
        ]);
        pairs.extend(metadata.iter().map(|(key, value)| (key.clone(), value.clone())));
        let (file, factory) = ArrowWriter::try_new_with_options(
            NewFile::create(target)?,
            Arc::clone(&schema),
            // The Arrow schema holds the pairs too, and the manifest comes last.
            ArrowWriterOptions::new()
                .with_properties(properties().map_err(failed)?)
                .with_skip_arrow_metadata(true),
        )
        .and_then(ArrowWriter::into_serialized_writer)
        .map_err(failed)?;
        let encoder =
            RowGroupEncoder::new(Arc::clone(&schema), &file, factory, target.to_path_buf());
        Ok(Self {
            file,
            schema,
            pairs,
            group: encoder.row_group(),
            encoder,
            encoding: VecDeque::new(),
            rows: 0,
            target: target.to_path_buf(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A full row group cannot be written.
    pub fn push(&mut self, row: &R) -> Result<()> {
        self.group.push(row);
        self.rows += 1;
        if self.group.is_full() { self.end_row_group() } else { Ok(()) }
    }

    /// Rows added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What makes and encodes row groups of this table on other threads, for
    /// [`Writer::append`].
    pub fn encoder(&self) -> RowGroupEncoder<R> {
        self.encoder.clone()
    }

    /// Adds the rows of `group`, which this writer's encoder made, as a row group of their own.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, group: EncodedRowGroup<R>) -> Result<()> {
        self.end_row_group()?;
        self.wait_until_encoded(0)?;
        self.rows += group.rows;
        self.write(group)
    }

    /// Hands the rows so far to the pool and waits while it is behind.
    fn end_row_group(&mut self) -> Result<()> {
        if self.group.rows() == 0 {
            return Ok(());
        }
        let group = std::mem::replace(&mut self.group, self.encoder.row_group());
        let encoder = self.encoder.clone();
        let (done, encoded) = sync_channel(1);
        rayon::spawn(move || {
            // The pool aborts the process on a panic; it belongs to whoever waits. Nobody does
            // if the writer was dropped.
            let _ = done.send(catch_unwind(AssertUnwindSafe(|| encoder.encode(group))));
        });
        self.encoding.push_back(encoded);
        self.wait_until_encoded(rayon::current_num_threads().min(MOST_ENCODED_AT_ONCE))
    }

    /// Writes the oldest groups until at most `most` are still being encoded.
    fn wait_until_encoded(&mut self, most: usize) -> Result<()> {
        while self.encoding.len() > most
            && let Some(encoded) = self.encoding.pop_front()
        {
            let failed = |e| Fault::failed(format!("writing {}", self.target.display()), e);
            let group =
                wait(&encoded).map_err(failed)?.unwrap_or_else(|panic| resume_unwind(panic));
            self.write(group?)?;
        }
        Ok(())
    }

    fn write(&mut self, group: EncodedRowGroup<R>) -> Result<()> {
        let failed = |e| unwritten(&self.target, e);
        let mut row_group = self.file.next_row_group().map_err(failed)?;
        for column in group.columns {
            column.append_to(&mut row_group).map_err(failed)?;
        }
        row_group.close().map(|_| ()).map_err(failed)
    }

    fn put_manifest(&mut self, manifest: &Manifest) -> Result<()> {
        let manifest = serde_json::to_string(manifest)
            .map_err(|e| Fault::failed(format!("writing {}", self.target.display()), e))?;
        self.pairs.insert(KEY_MANIFEST.to_owned(), manifest);
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// The disk is full or the rename is refused.
    pub fn finish(self) -> Result<()> {
        self.complete()?.commit()
    }

    /// Completes the file, which has no name before it is committed: for a stage that writes
    /// several ([`readlens_provenance::commit_together`]).
    ///
    /// # Errors
    /// The disk is full.
    pub fn complete(mut self) -> Result<NewFile> {
        self.end_row_group()?;
        self.wait_until_encoded(0)?;
        for pair in carried(&self.schema, &self.pairs) {
            self.file.append_key_value_metadata(pair);
        }
        self.file.into_inner().map_err(|e| unwritten(&self.target, e))
    }

    /// Completes a file that was begun without a manifest, as [`Writer::complete`] does.
    ///
    /// # Errors
    /// As [`Writer::complete`].
    pub fn complete_with(mut self, manifest: &Manifest) -> Result<NewFile> {
        self.put_manifest(manifest)?;
        self.complete()
    }
}

/// What it means that Parquet's writer failed: mostly that the system refused to write.
fn unwritten(target: &Path, error: ParquetError) -> Fault {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => Fault::io("write", target, *error),
            Err(source) => Fault::failed(format!("writing {}", target.display()), source),
        },
        other => Fault::failed(format!("writing {}", target.display()), other),
    }
}

/// Waits for a thread of the pool, and works for it where the caller is one of them.
fn wait<T>(done: &Receiver<T>) -> std::result::Result<T, RecvError> {
    loop {
        match done.try_recv() {
            Ok(value) => return Ok(value),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Err(TryRecvError::Empty) if rayon::yield_now().is_none() => return done.recv(),
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// How the columns are stored that Parquet's own writer encodes.
fn properties() -> parquet::errors::Result<WriterProperties> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Our lists of numbers have none, and readers want it of all columns or of none.
        .set_offset_index_disabled(true)
        .set_created_by(format!("readlens {}", env!("CARGO_PKG_VERSION")))
        .build())
}
