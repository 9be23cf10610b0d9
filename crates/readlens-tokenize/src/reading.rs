use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use readlens_fault::{Fault, Place, Result};
use readlens_kmer::Alphabet;
use readlens_provenance::InputDigest;
use readlens_text::{MAX_IDENTIFIER_BYTES, is_stdin};
use tracing::subscriber::{NoSubscriber, with_default};

use crate::config::{Config, Gaps};
use crate::input::{Identifiers, Mate, SequenceFile, SequenceRecord};
use crate::summary::Examples;
use crate::taxonomy::Taxonomy;

/// A batch is sent on when its bases and identifiers have this many bytes, or at this many records.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_RECORDS: usize = 4096;

/// Characters of a long identifier in a message.
const SHOWN_CHARS: usize = 100;

/// Records in the order of the input, of one file.
#[derive(Debug)]
pub(crate) struct Batch {
    pub records: Vec<Known>,
    /// Bytes taken from the file for it, as they are on disk.
    pub raw_bytes: u64,
}

/// A record, whose identifier no other has, and its row in the taxonomy.
#[derive(Debug)]
pub(crate) struct Known {
    pub record: SequenceRecord,
    /// The identifier in the file, where it got something behind it.
    pub name: Option<String>,
    pub row: Option<u32>,
}

impl Known {
    /// The identifier in the file: mates, and records of one name, share it.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.record.id)
    }
}

/// What the inputs held.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub records: u64,
    pub bases: u64,
    /// Gaps among them, or taken out of them.
    pub gaps: u64,
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
        let files_of_mates = self.files_of_mates();
        for (path, of_mates) in self.files.iter().zip(files_of_mates) {
            let mut sequences = SequenceFile::open(path, self.config.max_record_length)?;
            let has_mates = of_mates || are_mates(&sequences.look_ahead(2));
            tracing::debug!("reading {} as {}", path.display(), sequences.format_name());
            self.before_file.push(self.read.records);
            let mut records = Vec::new();
            let mut bytes = 0;
            while let Some(record) = sequences.next_record()? {
                bytes += record.bases.len() + record.id.len();
                records.push(self.know(record, path, has_mates)?);
                if bytes >= BATCH_BYTES || records.len() == BATCH_RECORDS {
                    let records = std::mem::take(&mut records);
                    let raw_bytes = sequences.take_raw_bytes();
                    if batches.send(Batch { records, raw_bytes }).is_err() {
                        return Ok(self.read);
                    }
                    bytes = 0;
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
        let fault = Fault::input(path)
            .at(Place::Record { ordinal: record.ordinal, id: record.id.clone() })
            .found(format!("\"{}\" at base {place} (0-based)", byte.escape_ascii()));
        let fault = match self.config.tokenization.alphabet {
            Alphabet::Protein => fault
                .expected("amino acids (20 letters, B, J, O, U, X, Z, *, - and .)")
                .remedy("pass protein sequences without blanks or numbers"),
            _ => fault
                .expected("nucleotide codes (A, C, G, T, U, IUPAC ambiguity codes, X, - and .)")
                .remedy(
                    "pass nucleotide sequences without blanks or numbers; a model of proteins \
                     reads proteins, with --like",
                ),
        };
        Err(fault.into())
    }

    /// Which files hold one read each of the same pairs, by their first records. Standard input and
    /// pipes cannot be opened twice, so nothing is known of them.
    fn files_of_mates(&self) -> Vec<bool> {
        if self.files.len() < 2 {
            return vec![false; self.files.len()];
        }
        let first_of = |path: &PathBuf| {
            if is_stdin(path) || !path.is_file() {
                return None;
            }
            // What is wrong with a file is said when its turn comes.
            let mut sequences = SequenceFile::open(path, self.config.max_record_length).ok()?;
            let (id, mate) = *sequences.look_ahead(1).first()?;
            Some((id.to_owned(), mate?))
        };
        // So are warnings about it.
        let firsts: Vec<Option<(String, Mate)>> =
            with_default(NoSubscriber::default(), || self.files.iter().map(first_of).collect());
        let has_other = |first: &Option<(String, Mate)>| {
            let Some((id, mate)) = first else { return false };
            firsts.iter().flatten().any(|(other, of)| other == id && of != mate)
        };
        firsts.iter().map(has_other).collect()
    }

    /// Counts the gaps of a record and does with them what the configuration says.
    fn treat_gaps(&mut self, record: &mut SequenceRecord, path: &Path) -> Result<()> {
        let is_gap = |base: &u8| matches!(base, b'-' | b'.');
        let gaps = record.bases.iter().filter(|base| is_gap(base)).count();
        self.read.gaps += gaps as u64;
        match self.config.gaps {
            Gaps::Remove if gaps > 0 => record.bases.retain(|base| !is_gap(base)),
            Gaps::Refuse if gaps > 0 => {
                let place = record.bases.iter().position(is_gap).unwrap_or_default();
                return Err(Fault::input(path)
                    .at(Place::Record { ordinal: record.ordinal, id: record.id.clone() })
                    .expected("a sequence without gaps (- and .)")
                    .found(format!("one at base {place} (0-based)"))
                    .remedy("pass sequences that are not aligned, or --gaps remove")
                    .into());
            }
            Gaps::Keep | Gaps::Remove | Gaps::Refuse => {}
        }
        Ok(())
    }

    fn know(&mut self, mut record: SequenceRecord, path: &Path, has_mates: bool) -> Result<Known> {
        self.check(&record, path)?;
        self.treat_gaps(&mut record, path)?;
        self.read.records += 1;
        self.read.bases += record.bases.len() as u64;
        let mut name = None;
        if let (true, Some(mate)) = (has_mates, record.mate) {
            let id = format!("{}{}", record.id, mate.suffix());
            name = Some(std::mem::replace(&mut record.id, id));
        }
        // Before it gets a number: `a#2` may be the name of another record, with a row of its own.
        let row = self.taxonomy.and_then(|taxonomy| {
            let of_name = || name.as_deref().and_then(|name| taxonomy.row(name));
            taxonomy.row(&record.id).or_else(of_name)
        });
        if self.config.allow_duplicate_ids {
            let id = self.identifiers.numbered(&record.id);
            if id != record.id {
                name = name.or(Some(std::mem::take(&mut record.id)));
                record.id = id;
            }
        }
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
                .remedy(
                    "rename one of the two records, or number them with --allow-duplicate-ids, as \
                     where they are the reads of a pair",
                )
                .into());
        }
        // What stands behind it counts too: other stages refuse a longer one.
        if record.id.len() > MAX_IDENTIFIER_BYTES {
            return Err(Fault::input(path)
                .at(Place::Record {
                    ordinal: record.ordinal,
                    id: record.id.chars().take(SHOWN_CHARS).collect(),
                })
                .expected(format!("an identifier of at most {MAX_IDENTIFIER_BYTES} bytes"))
                .found(format!("{} bytes with what tells it apart", record.id.len()))
                .remedy("shorten the identifiers")
                .into());
        }
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
        Ok(Known { record, name, row })
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

/// Whether the first two records of a file are the reads of one pair.
fn are_mates(records: &[(&str, Option<Mate>)]) -> bool {
    matches!(records, [(one, Some(first)), (other, Some(second))] if one == other && first != second)
}
