use std::fmt;
use std::path::Path;
use std::str::FromStr;

use readlens_fault::{Fault, Place, Result};
use readlens_kmer::{FIRST_KMER, Tokenization};
use readlens_tables::Reader;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};

/// Rows handled together. Batches are formed inside a chunk and shards are whole chunks, so
/// the batch a row is in, and with it every bit of its result, does not depend on sharding.
pub const CHUNK_ROWS: u64 = 512;

/// Chunks in work at a time: while the last batches of one occupy some threads, the others begin
/// the next.
pub const CHUNKS_AT_ONCE: usize = 2;

/// One of several equal parts of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

impl Shard {
    /// The only part.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// The rows of a table of `rows` that belong to the shard: whole chunks, in order.
    pub fn rows(self, rows: u64) -> std::ops::Range<u64> {
        let chunks = rows.div_ceil(CHUNK_ROWS);
        let bound = |i: u64| (chunks * i / self.count * CHUNK_ROWS).min(rows);
        bound(self.index - 1)..bound(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parsed =
            text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((index, count)) if 1 <= index && index <= count && count <= 1 << 20 => {
                Ok(Self { index, count })
            }
            _ => Err(format!("expected i/n with 1 <= i <= n, such as 2/8, found {text:?}")),
        }
    }
}

/// Most tokens of a chunk's rows: as many as rows of the longest windows that a network may read.
const CHUNK_TOKENS: usize = 1 << 25;

/// Refuses a table with a window that `is_chosen`, by row and content, and has more than `most`
/// tokens. It reads the shard's part of the table once, so that nothing is computed before.
///
/// # Errors
/// There is such a window, or the table cannot be read.
pub fn check_lengths(
    path: &Path,
    shard: Shard,
    most: usize,
    is_chosen: impl Fn(u64, &TokenRow) -> bool,
) -> Result<()> {
    let range = shard.rows(Reader::<TokenRow>::open(path)?.rows());
    let mut reader = Reader::<TokenRow>::open_rows(path, range)?;
    while let Some(row) = reader.next() {
        let row = row?;
        if row.tokens.len() > most && is_chosen(reader.row_index(), &row) {
            return Err(too_long(path, reader.row_index(), most, row.tokens.len()));
        }
    }
    Ok(())
}

/// The fault of a window with more tokens than the classifier reads.
pub fn too_long(path: &Path, row: u64, most: usize, found: usize) -> Fault {
    Fault::input(path)
        .at(Place::Row(row))
        .expected(format!("at most {most} tokens, as the classifier allows"))
        .found(found)
        .remedy("tokenize with a smaller --window, or train with a larger --max-tokens")
        .into()
}

/// Some rows of a token table, in table order.
#[derive(Debug)]
pub struct Chunk {
    /// Index of the first row in the table.
    pub first: u64,
    /// The rows.
    pub rows: Vec<TokenRow>,
}

/// Gives a token table in chunks of [`CHUNK_ROWS`] rows.
///
/// The rows before one that has a fault come as a shorter chunk: they may have a fault of another
/// kind, which goes first.
#[derive(Debug)]
pub struct WindowStream {
    reader: Reader<TokenRow>,
    tokenization: Tokenization,
    next: u64,
    /// What is wrong with the row behind the last chunk.
    fault: Option<Fault>,
}

impl WindowStream {
    /// Opens the shard's rows of the table.
    ///
    /// # Errors
    /// The table cannot be read or has no tokenization.
    pub fn open(path: &Path, shard: Shard) -> Result<Self> {
        let rows = Reader::<TokenRow>::open(path)?.rows();
        let range = shard.rows(rows);
        let next = range.start;
        let reader = Reader::open_rows(path, range)?;
        let tokenization = tokenization_of(&reader)?;
        Ok(Self { reader, tokenization, next, fault: None })
    }

    /// How the rows were tokenized.
    pub fn tokenization(&self) -> &Tokenization {
        &self.tokenization
    }

    /// The reader, for ranks, metadata and manifest.
    pub fn reader(&self) -> &Reader<TokenRow> {
        &self.reader
    }
}

impl Iterator for WindowStream {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.next;
        let mut rows: Vec<TokenRow> = Vec::new();
        let mut tokens = 0;
        while self.fault.is_none() && (rows.len() as u64) < CHUNK_ROWS {
            let checked = self.reader.next().map(|row| {
                let row = row?;
                check_tokens(&self.reader, &row, &self.tokenization)?;
                tokens += row.tokens.len();
                if tokens > CHUNK_TOKENS {
                    return Err(too_many(&self.reader, tokens));
                }
                Ok(row)
            });
            match checked {
                None => break,
                Some(Ok(row)) => rows.push(row),
                Some(Err(fault)) => self.fault = Some(fault),
            }
        }
        if rows.is_empty() {
            return self.fault.take().map(Err);
        }
        self.next += rows.len() as u64;
        Some(Ok(Chunk { first, rows }))
    }
}

fn too_many(reader: &Reader<TokenRow>, found: usize) -> Fault {
    reader
        .fault()
        .expected(format!("at most {CHUNK_TOKENS} tokens in {CHUNK_ROWS} windows"))
        .found(format!("{found} up to this one"))
        .remedy("tokenize with a smaller --window")
        .into()
}

/// The tokenization that a token table was written with.
///
/// # Errors
/// The table's metadata does not hold one.
pub fn tokenization_of(reader: &Reader<TokenRow>) -> Result<Tokenization> {
    reader.metadata_json(KEY_TOKENIZATION, "the tokenization")
}

/// Refuses rows that the tokenization cannot have written.
pub(crate) fn check_tokens(
    reader: &Reader<TokenRow>,
    row: &TokenRow,
    tokenization: &Tokenization,
) -> Result<()> {
    let vocabulary = tokenization.vocabulary_size() as u32;
    let body = if tokenization.cls {
        match row.tokens.split_first() {
            Some((&readlens_kmer::CLS, body)) => body,
            _ => {
                return Err(reader
                    .fault()
                    .expected("tokens that open with CLS (2)")
                    .found(format!("{:?}", row.tokens.first()))
                    .remedy("tokenize again")
                    .into());
            }
        }
    } else {
        &row.tokens
    };
    let is_real = |id: u32| id == readlens_kmer::UNK || (FIRST_KMER..vocabulary).contains(&id);
    if let Some(id) = body.iter().find(|&&id| !is_real(id)) {
        return Err(reader
            .fault()
            .expected(format!("UNK (1) or token ids from {FIRST_KMER} to {}", vocabulary - 1))
            .found(format!("token id {id}"))
            .remedy("tokenize again")
            .into());
    }
    tokenization.window_bases(row.start, row.end, &row.tokens, || reader.fault())?;
    // Overlapping k-mers say every base more than once, and must say the same.
    if tokenization.kmers().is_some_and(|kmers| kmers.stride < kmers.k) {
        tokenization.decode(&row.tokens).map_err(|e| {
            reader
                .fault()
                .expected("k-mers that agree where they overlap")
                .found(e)
                .remedy("tokenize again")
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_disjoint_whole_chunks_that_cover_the_table() {
        for rows in [0, 1, 511, 512, 513, 10_000] {
            for count in [1, 2, 3, 7, 50] {
                let ranges: Vec<_> =
                    (1..=count).map(|index| Shard { index, count }.rows(rows)).collect();
                assert_eq!(ranges[0].start, 0);
                assert_eq!(ranges[ranges.len() - 1].end, rows);
                assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
                assert!(ranges.iter().all(|r| r.start % CHUNK_ROWS == 0 || r.start == rows));
            }
        }
    }

    #[test]
    fn only_i_of_n_is_a_shard() {
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["0/8", "9/8", "2", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
