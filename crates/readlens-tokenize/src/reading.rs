use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::InputDigest;

use crate::config::Config;
use crate::input::{Identifiers, SequenceFile, SequenceRecord};
use crate::summary::Examples;
use crate::taxonomy::Taxonomy;

/// A batch is sent on when it holds this many bases or records.
const BATCH_BASES: usize = 1 << 20;
const BATCH_RECORDS: usize = 4096;

/// Records in the order of the input, of one file.
#[derive(Debug)]
pub(crate) struct Batch {
    pub records: Vec<Known>,
    /// Bytes taken from the file for it, as they are on disk.
    pub raw_bytes: u64,
}

/// A record and its row in the taxonomy.
#[derive(Debug)]
pub(crate) struct Known {
    pub record: SequenceRecord,
    pub row: Option<u32>,
}

/// What the inputs held.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub records: u64,
    pub bases: u64,
    pub records_without_row: Examples,
    pub rows_without_record: u64,
    pub digests: Vec<InputDigest>,
}

/// Reads the inputs one after the other and checks sequences against the alphabet, and
/// identifiers against each other and against the taxonomy.
pub(crate) struct Reading<'a> {
    config: &'a Config,
    files: &'a [PathBuf],
    taxonomy: Option<&'a Taxonomy>,
    /// Path of the taxonomy, for messages.
    taxonomy_path: Option<&'a Path>,
    /// Whether a byte may stand in a sequence.
    is_symbol: [bool; 256],
    identifiers: Identifiers,
    /// Ordinal over all files of the last record before each file.
    before_file: Vec<u64>,
    /// Rows of the taxonomy that a record was read for.
    met: Vec<bool>,
    read: Read,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        config: &'a Config,
        files: &'a [PathBuf],
        taxonomy: Option<&'a Taxonomy>,
        taxonomy_path: Option<&'a Path>,
    ) -> Self {
        let alphabet = config.tokenization.alphabet;
        Self {
            config,
            files,
            taxonomy,
            taxonomy_path,
            is_symbol: std::array::from_fn(|byte| alphabet.is_symbol(byte as u8)),
            identifiers: Identifiers::default(),
            before_file: Vec::new(),
            met: vec![false; taxonomy.map_or(0, Taxonomy::rows)],
            read: Read::default(),
        }
    }

    /// Sends every record to `batches`; ends quietly if nobody takes them any more.
    pub(crate) fn run(mut self, batches: &SyncSender<Batch>) -> Result<Read> {
        for path in self.files {
            let mut sequences = SequenceFile::open(path, self.config.max_record_length)?;
            tracing::debug!("reading {} as {}", path.display(), sequences.format_name());
            self.before_file.push(self.read.records);
            let mut records = Vec::new();
            let mut bases = 0;
            while let Some(record) = sequences.next_record()? {
                bases += record.bases.len();
                records.push(self.know(record, path)?);
                if bases >= BATCH_BASES || records.len() == BATCH_RECORDS {
                    let records = std::mem::take(&mut records);
                    let raw_bytes = sequences.take_raw_bytes();
                    if batches.send(Batch { records, raw_bytes }).is_err() {
                        return Ok(self.read);
                    }
                    bases = 0;
                }
            }
            let raw_bytes = sequences.take_raw_bytes();
            if batches.send(Batch { records, raw_bytes }).is_err() {
                return Ok(self.read);
            }
            self.read.digests.push(sequences.finish()?);
        }
        self.finish()
    }

    /// Checks that the sequence is one of the alphabet.
    fn check(&self, record: &SequenceRecord, path: &Path) -> Result<()> {
        let is_symbol = |byte: &u8| self.is_symbol[usize::from(*byte)];
        // All bytes first: a record is rarely wrong, and a loop without a way out is faster.
        if record.bases.iter().fold(true, |is_right, byte| is_right & is_symbol(byte)) {
            return Ok(());
        }
        let wrong = record.bases.iter().enumerate().find(|(_, byte)| !is_symbol(byte));
        let Some((place, byte)) = wrong else { return Ok(()) };
        Err(Fault::input(path)
            .at(Place::Record { ordinal: record.ordinal, id: record.id.clone() })
            .expected("nucleotide codes (A, C, G, T, U, IUPAC ambiguity codes, X, - and .)")
            .found(format!("\"{}\" at base {place} (0-based)", byte.escape_ascii()))
            .remedy("pass nucleotide sequences without blanks or numbers; no proteins")
            .into())
    }

    fn know(&mut self, record: SequenceRecord, path: &Path) -> Result<Known> {
        self.check(&record, path)?;
        self.read.records += 1;
        self.read.bases += record.bases.len() as u64;
        let place = || Place::Record { ordinal: record.ordinal, id: record.id.clone() };
        if !self.config.allow_duplicate_ids
            && let Some(earlier) = self.identifiers.insert(&record.id, self.read.records)
        {
            let file = self.before_file.partition_point(|&before| before < earlier) - 1;
            let mut found = format!("that of record {}", earlier - self.before_file[file]);
            if file + 1 < self.before_file.len() {
                found = format!("{found} of {}", self.files[file].display());
            }
            return Err(Fault::input(path)
                .at(place())
                .expected("an identifier of its own")
                .found(format!("{found} again"))
                .remedy("rename one of the two records, or pass --allow-duplicate-ids")
                .into());
        }
        let row = self.taxonomy.and_then(|taxonomy| taxonomy.row(&record.id));
        if let Some(row) = row {
            self.met[row as usize] = true;
        } else if let Some(path_of_taxonomy) = self.taxonomy_path {
            let is_required = self.config.taxonomy.as_ref().is_some_and(|t| t.required);
            if is_required {
                return Err(Fault::input(path)
                    .at(place())
                    .expected(format!("a row in {}", path_of_taxonomy.display()))
                    .found("none")
                    .remedy("add the row, or drop --require-taxonomy to keep it without taxa")
                    .into());
            }
            self.read.records_without_row.add(&record.id);
        }
        Ok(Known { record, row })
    }

    fn finish(mut self) -> Result<Read> {
        self.read.rows_without_record = self.met.iter().filter(|met| !**met).count() as u64;
        if let Some(path) = self.taxonomy_path
            && self.read.records > 0
            && self.read.records == self.read.records_without_row.records
        {
            let ids = self.read.records_without_row.first_ids.join(", ");
            return Err(Fault::input(path)
                .expected("rows of the records read")
                .found(format!("none of the identifiers {ids}"))
                .remedy("pass the taxonomy of these sequences, or name its --id-column")
                .into());
        }
        Ok(self.read)
    }
}
