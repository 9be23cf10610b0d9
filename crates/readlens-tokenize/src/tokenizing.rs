use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};

use rayon::prelude::*;
use readlens_fault::{Fault, Place, Result};
use readlens_tables::tokens::TokenRow;

use crate::config::{Config, Splits};
use crate::reading::{Batch, Known};
use crate::split::Split;
use crate::summary::{Examples, SplitSummary};
use crate::taxonomy::Taxonomy;
use crate::windows::{Strand, Window};

/// Windows are tokenized together until they hold this many bases or are this many.
const CHUNK_BASES: usize = 4 << 20;
const CHUNK_WINDOWS: usize = 4096;

/// Rows in the order of the table.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub rows: Vec<TokenRow>,
    /// Bytes of the inputs that have been dealt with since the last chunk, as they are on disk.
    pub raw_bytes: u64,
}

/// What became of the records.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub records: u64,
    pub skipped: BTreeMap<&'static str, Examples>,
    pub windows: u64,
    pub tokens: u64,
    pub unknown_tokens: u64,
    pub splits: BTreeMap<&'static str, SplitSummary>,
    /// Different taxa, and records that have one, at each rank.
    pub taxa: Vec<HashSet<u32>>,
    pub records_with_taxon: Vec<u64>,
}

/// Cuts records into windows and encodes them on all worker threads, in order.
pub(crate) struct Tokenizing<'a> {
    config: &'a Config,
    seed: u64,
    files: &'a [PathBuf],
    taxonomy: Option<&'a Taxonomy>,
    kept: Kept,
}

/// A window to encode.
struct Job<'a> {
    known: &'a Known,
    window: Window,
    split: Option<Split>,
}

impl<'a> Tokenizing<'a> {
    pub(crate) fn new(
        config: &'a Config,
        seed: u64,
        files: &'a [PathBuf],
        taxonomy: Option<&'a Taxonomy>,
    ) -> Self {
        let ranks = config.ranks().len();
        let kept = Kept {
            taxa: vec![HashSet::new(); ranks],
            records_with_taxon: vec![0; ranks],
            ..Kept::default()
        };
        Self { config, seed, files, taxonomy, kept }
    }

    /// Turns `batches` into `chunks`; ends quietly if nobody takes them any more.
    pub(crate) fn run(
        mut self,
        batches: Receiver<Batch>,
        chunks: &SyncSender<Chunk>,
    ) -> Result<Kept> {
        for batch in batches {
            self.check(&batch)?;
            let mut raw_bytes = batch.raw_bytes;
            let mut send = |this: &mut Self, jobs: &mut Vec<Job>| {
                let chunk = this.encode(jobs, std::mem::take(&mut raw_bytes));
                jobs.clear();
                chunks.send(chunk).is_ok()
            };
            let mut jobs = Vec::new();
            let mut bases = 0;
            for known in &batch.records {
                let split = self.split_of(known);
                let mut is_kept = false;
                // A record has fewer than 2^31 bases: the reader has seen to it.
                let length = known.record.bases.len() as u32;
                for window in self.config.windows.cut(self.config.tokenization, length) {
                    is_kept = true;
                    bases += (window.end - window.start) as usize;
                    jobs.push(Job { known, window, split });
                    if bases >= CHUNK_BASES || jobs.len() == CHUNK_WINDOWS {
                        bases = 0;
                        if !send(&mut self, &mut jobs) {
                            return Ok(self.kept);
                        }
                    }
                }
                self.count(known, split, is_kept);
            }
            if !send(&mut self, &mut jobs) {
                return Ok(self.kept);
            }
        }
        Ok(self.kept)
    }

    /// Checks that every sequence is one of the alphabet.
    fn check(&self, batch: &Batch) -> Result<()> {
        let alphabet = self.config.tokenization.alphabet;
        let is_symbol: [bool; 256] = std::array::from_fn(|byte| alphabet.is_symbol(byte as u8));
        let wrong = batch.records.par_iter().find_map_first(|known| {
            let bases = &known.record.bases;
            let place = bases.iter().position(|&byte| !is_symbol[usize::from(byte)])?;
            Some((known, place))
        });
        let Some((known, place)) = wrong else { return Ok(()) };
        let byte = known.record.bases[place];
        Err(Fault::input(&self.files[batch.file])
            .at(Place::Record { ordinal: known.record.ordinal, id: known.record.id.clone() })
            .expected("nucleotide codes (A, C, G, T, U, IUPAC ambiguity codes, X, - and .)")
            .found(format!("\"{}\" at base {place} (0-based)", byte.escape_ascii()))
            .remedy("pass nucleotide sequences without blanks or numbers; no proteins")
            .into())
    }

    fn split_of(&self, known: &Known) -> Option<Split> {
        let of_row = known.row.and_then(|row| Some((self.taxonomy?, row)));
        match &self.config.splits {
            Splits::Unassigned => None,
            Splits::Column(_) => of_row.and_then(|(taxonomy, row)| taxonomy.split(row)),
            Splits::Hash { fractions, .. } => {
                let group = of_row.and_then(|(taxonomy, row)| taxonomy.group(row));
                Some(fractions.split_of(self.seed, group.unwrap_or(&known.record.id)))
            }
        }
    }

    fn count(&mut self, known: &Known, split: Option<Split>, is_kept: bool) {
        if !is_kept {
            let reason = if known.record.bases.is_empty() { "empty" } else { "too_short" };
            self.kept.skipped.entry(reason).or_default().add(&known.record.id);
            return;
        }
        self.kept.records += 1;
        self.kept.splits.entry(split_name(split)).or_default().records += 1;
        if let (Some(taxonomy), Some(row)) = (self.taxonomy, known.row) {
            for (rank, taxa) in self.kept.taxa.iter_mut().enumerate() {
                if let Some(taxon) = taxonomy.taxon_number(row, rank) {
                    taxa.insert(taxon);
                    self.kept.records_with_taxon[rank] += 1;
                }
            }
        }
    }

    fn encode(&mut self, jobs: &[Job], raw_bytes: u64) -> Chunk {
        let encoded: Vec<(TokenRow, usize)> =
            jobs.par_iter().map(|job| self.encode_window(job)).collect();
        let mut rows = Vec::with_capacity(encoded.len());
        let specials = usize::from(self.config.tokenization.cls);
        for ((row, unknown), job) in encoded.into_iter().zip(jobs) {
            self.kept.windows += 1;
            self.kept.tokens += (row.tokens.len() - specials) as u64;
            self.kept.unknown_tokens += unknown as u64;
            self.kept.splits.entry(split_name(job.split)).or_default().windows += 1;
            rows.push(row);
        }
        Chunk { rows, raw_bytes }
    }

    /// The row of a window, and how many of its tokens are UNK.
    fn encode_window(&self, job: &Job) -> (TokenRow, usize) {
        let Job { known, window, split } = job;
        let tokenization = &self.config.tokenization;
        let bases = &known.record.bases[window.start as usize..window.end as usize];
        let mut tokens = Vec::new();
        let unknown = match window.strand {
            Strand::Forward => tokenization.encode(bases, &mut tokens),
            Strand::Reverse => {
                tokenization.encode(&tokenization.alphabet.reverse_complement(bases), &mut tokens)
            }
        };
        let taxon = |rank| {
            let (taxonomy, row) = (self.taxonomy?, known.row?);
            let number = taxonomy.taxon_number(row, rank)?;
            taxonomy.taxon_name(number, rank).map(str::to_owned)
        };
        let row = TokenRow {
            id: known.record.id.clone(),
            window: window.ordinal,
            start: window.start,
            end: window.end,
            strand: window.strand.sign().to_owned(),
            tokens,
            split: split.map(|split| split.name().to_owned()),
            taxa: (0..self.config.ranks().len()).map(taxon).collect(),
        };
        (row, unknown)
    }
}

/// Name of a split in the summary.
fn split_name(split: Option<Split>) -> &'static str {
    split.map_or("unassigned", Split::name)
}
