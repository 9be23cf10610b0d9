//! The chunks that a shard predicts: its own, and those that its last record ends in.

use std::path::{Path, PathBuf};

use readlens_batch::{Chunk, Shard, WindowStream};
use readlens_fault::Result;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;

/// A chunk, and whether its windows are the shard's or only its first record is.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) rows: Vec<TokenRow>,
    pub(crate) is_own: bool,
}

/// Gives the chunks of a shard, in order.
///
/// A record belongs to the shard that its first window is in. Where records are wanted, chunks of
/// later shards follow up to the end of the shard's last record.
#[derive(Debug)]
pub(crate) struct Chunks {
    tokens: PathBuf,
    shard: Shard,
    stream: WindowStream,
    wants_records: bool,
    /// The record that began before the shard.
    earlier: Option<String>,
    /// The record of the last window.
    last: Option<String>,
    is_own: bool,
    has_ended: bool,
}

impl Chunks {
    /// `stream` holds the shard's rows.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(crate) fn new(
        tokens: &Path,
        shard: Shard,
        stream: WindowStream,
        wants_records: bool,
    ) -> Result<Self> {
        let earlier = if wants_records { record_that_goes_on(tokens, shard)? } else { None };
        Ok(Self {
            tokens: tokens.to_path_buf(),
            shard,
            stream,
            wants_records,
            earlier,
            last: None,
            is_own: true,
            has_ended: false,
        })
    }

    /// The record that began before the shard, whose windows are another shard's record.
    pub(crate) fn earlier(&self) -> Option<&str> {
        self.earlier.as_deref()
    }

    fn next_chunk(&mut self) -> Result<Option<Taken>> {
        while !self.has_ended {
            if let Some(chunk) = self.stream.next() {
                let Chunk { rows, .. } = chunk?;
                let last = rows.last().map(|row| row.id.clone());
                if !self.is_own {
                    let is_whole =
                        last == self.last && rows.first().map(|row| &row.id) == last.as_ref();
                    self.has_ended = !is_whole;
                    if rows.first().map(|row| &row.id) != self.last.as_ref() {
                        break;
                    }
                } else if last.is_some() {
                    self.last = last;
                }
                return Ok(Some(Taken { rows, is_own: self.is_own }));
            }
            self.is_own = false;
            let is_open = self.last.is_some() && self.last != self.earlier;
            if !self.wants_records || !is_open || self.shard.index == self.shard.count {
                break;
            }
            self.shard.index += 1;
            self.stream = WindowStream::open(&self.tokens, self.shard)?;
        }
        self.has_ended = true;
        Ok(None)
    }
}

impl Iterator for Chunks {
    type Item = Result<Taken>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_chunk().transpose()
    }
}

/// The record that the shard's first row goes on with, if it does.
fn record_that_goes_on(tokens: &Path, shard: Shard) -> Result<Option<String>> {
    let start = shard.rows(Reader::<TokenRow>::open(tokens)?.rows()).start;
    let Some(before) = start.checked_sub(1) else { return Ok(None) };
    let mut rows = Reader::<TokenRow>::open_rows(tokens, before..start + 1)?;
    let (Some(before), Some(first)) = (rows.next(), rows.next()) else { return Ok(None) };
    let (before, first) = (before?, first?);
    Ok((before.id == first.id).then_some(before.id))
}
