use readlens_fault::Result;
use readlens_tables::tokens::TokenRow;
use readlens_tables::{EncodedRowGroup, RowGroupEncoder};

use crate::config::Config;
use crate::cutting::{Group, Job};
use crate::reading::Known;
use crate::taxonomy::Taxonomy;
use crate::windows::Strand;

/// Turns windows into row groups of the table, on any thread.
pub(crate) struct Tokenizing<'a> {
    config: &'a Config,
    taxonomy: Option<&'a Taxonomy>,
    encoder: RowGroupEncoder<TokenRow>,
}

/// A group of windows, ready to be written.
pub(crate) struct Tokenized {
    pub rows: EncodedRowGroup<TokenRow>,
    /// Tokens that are UNK.
    pub unknown_tokens: u64,
    /// All of them, CLS not counted.
    pub tokens: u64,
    /// As in [`Group`].
    pub raw_bytes: u64,
}

impl<'a> Tokenizing<'a> {
    pub(crate) fn new(
        config: &'a Config,
        taxonomy: Option<&'a Taxonomy>,
        encoder: RowGroupEncoder<TokenRow>,
    ) -> Self {
        Self { config, taxonomy, encoder }
    }

    /// The row group of `group`.
    ///
    /// # Errors
    /// Parquet refuses a column.
    pub(crate) fn tokenize(&self, group: Group) -> Result<Tokenized> {
        let mut rows = self.encoder.row_group();
        let (mut tokens, mut unknown_tokens) = (0, 0);
        // One row serves for all, as its texts and tokens keep their memory.
        let mut row = TokenRow {
            id: String::new(),
            window: 0,
            start: 0,
            end: 0,
            strand: String::new(),
            phase: None,
            frame_gap: None,
            tokens: Vec::new(),
            split: None,
            taxa: vec![None; self.config.ranks().len()],
        };
        let raw_bytes = group.raw_bytes;
        for part in group.parts {
            for job in &part.jobs {
                unknown_tokens += self.fill(&mut row, &part.batch.records[job.record], job) as u64;
                tokens += self.config.tokenization.real(&row.tokens).len() as u64;
                rows.push(&row);
            }
        }
        Ok(Tokenized { rows: self.encoder.encode(rows)?, unknown_tokens, tokens, raw_bytes })
    }

    /// Makes `row` that of a window of `known`; returns how many of its tokens are UNK.
    fn fill(&self, row: &mut TokenRow, known: &Known, job: &Job) -> usize {
        let Job { window, split, .. } = job;
        known.record.id.clone_into(&mut row.id);
        row.window = window.ordinal;
        row.start = window.start;
        row.end = window.end;
        window.strand.sign().clone_into(&mut row.strand);
        row.phase = window.phase.map(u32::from);
        row.frame_gap = window.gap;
        row.split = *split;
        for (rank, taxon) in row.taxa.iter_mut().enumerate() {
            set(taxon, self.taxon(known, rank));
        }
        let tokenization = &self.config.tokenization;
        let bases = &known.record.bases[window.start as usize..window.end as usize];
        match window.strand {
            Strand::Forward => tokenization.encode(bases, &mut row.tokens),
            Strand::Reverse => {
                let bases = tokenization.alphabet.reverse_complement(bases);
                tokenization.encode(&bases, &mut row.tokens)
            }
        }
    }

    fn taxon(&self, known: &Known, rank: usize) -> Option<&str> {
        let (taxonomy, row) = (self.taxonomy?, known.row?);
        taxonomy.taxon_name(taxonomy.taxon_number(row, rank)?, rank)
    }
}

/// Makes `cell` hold `text`, in the memory it has.
fn set(cell: &mut Option<String>, text: Option<&str>) {
    match (cell.as_mut(), text) {
        (Some(cell), Some(text)) => text.clone_into(cell),
        (_, text) => *cell = text.map(str::to_owned),
    }
}
