use std::ops::Range;

use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_tables::Reader;
use readlens_tables::bases::BaseRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::Over;

use crate::bases::{BaseMasks, Place};
use crate::config::{Inputs, Other};

/// Windows that are worked on together.
const CHUNK_WINDOWS: usize = 64;

/// The masks of one window.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) id: String,
    pub(crate) over: Over,
    /// Bases of the source sequence that a token of the reference covers.
    pub(crate) covered: Range<u32>,
    pub(crate) reference: Vec<BaseRow>,
    /// In the order of the other tables.
    pub(crate) others: Vec<Vec<BaseRow>>,
}

/// Walks all tables beside the tokens table, in chunks of windows that any of them has.
#[derive(Debug)]
pub(crate) struct Join {
    tokens: Reader<TokenRow>,
    tokenization: Tokenization,
    reference: BaseMasks,
    others: Vec<BaseMasks>,
    has_ended: bool,
}

impl Join {
    pub(crate) fn open(inputs: &Inputs) -> Result<Self> {
        let tokens = Reader::<TokenRow>::open(&inputs.tokens)?;
        let tokenization = tokens.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
        let open = |other: &Other| {
            BaseMasks::open(&other.path, other.tokens.as_ref().unwrap_or(&inputs.tokens))
        };
        let others = inputs.others.iter().map(open);
        Ok(Self {
            tokens,
            tokenization,
            reference: BaseMasks::open(&inputs.reference, &inputs.tokens)?,
            others: others.collect::<Result<_>>()?,
            has_ended: false,
        })
    }

    /// Rows of the tokens table.
    pub(crate) fn rows(&self) -> u64 {
        self.tokens.rows()
    }

    /// Rank columns of the tokens table.
    pub(crate) fn ranks(&self) -> &[String] {
        self.tokens.ranks()
    }

    /// The next rows of the tokens table, and their windows that any table has.
    fn chunk(&mut self) -> Result<Option<(u64, Vec<Window>)>> {
        let (mut rows, mut windows) = (0, Vec::new());
        while windows.len() < CHUNK_WINDOWS {
            let Some(row) = self.tokens.next().transpose()? else {
                self.has_ended = true;
                let path = self.tokens.path().to_path_buf();
                let mut tables = std::iter::once(&self.reference).chain(&self.others);
                tables.try_for_each(|masks| masks.check_end(&path))?;
                break;
            };
            rows += 1;
            windows.extend(self.window(&row)?);
        }
        Ok((rows > 0).then_some((rows, windows)))
    }

    /// The masks of a window, if any table has one.
    fn window(&mut self, row: &TokenRow) -> Result<Option<Window>> {
        let fault = || self.tokens.fault();
        let (start, end) = (row.start, row.end);
        let length = self.tokenization.laid_bases(start, end, &row.tokens, fault)?;
        let window = start..end;
        let reference = self.reference.take(&row.id, row.window, &Place::At(window.clone()))?;
        let within = Place::Within(window);
        let others = self.others.iter_mut().map(|masks| masks.take(&row.id, row.window, &within));
        let others = others.collect::<Result<Vec<_>>>()?;
        if reference.is_empty() && others.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let covered = covered(row, &self.tokenization, length);
        let over = Over::of(row.split);
        Ok(Some(Window { id: row.id.clone(), over, covered, reference, others }))
    }
}

impl Iterator for Join {
    type Item = Result<(u64, Vec<Window>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let chunk = self.chunk().transpose();
        self.has_ended |= matches!(chunk, None | Some(Err(_)));
        chunk
    }
}

/// The bases of a window that its tokens cover: those behind the last whole k-mer are in none.
fn covered(row: &TokenRow, tokenization: &Tokenization, length: usize) -> Range<u32> {
    let read = tokenization.coverage(&row.tokens).end().min(length) as u32;
    match row.strand.as_str() {
        "-" => row.end - read..row.end,
        _ => row.start..row.start + read,
    }
}
