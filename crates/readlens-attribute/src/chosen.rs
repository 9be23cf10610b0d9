use std::path::Path;

use readlens_batch::{Chunk, Shard, WindowStream, check_lengths};
use readlens_fault::{Fault, Place, Result};
use readlens_random::stream;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;

/// Windows worked on together. They are groups of what was chosen, not of the table, so that a
/// small sample of a large table still fills batches; shards are whole groups.
const GROUP: usize = 128;

/// The rows of the table that are explained, in its order.
#[derive(Debug)]
pub(crate) struct Chosen {
    rows: Vec<u64>,
}

impl Chosen {
    /// All rows of `split`, or `limit` of them drawn without replacement; then the shard's part.
    ///
    /// # Errors
    /// The table cannot be read, or has rows but none of the split.
    pub(crate) fn of(
        path: &Path,
        split: Option<Split>,
        limit: Option<usize>,
        seed: u64,
        shard: Shard,
    ) -> Result<Self> {
        let reader = Reader::<TokenRow>::open(path)?;
        let all = reader.rows();
        let mut rows: Vec<u64> = match split {
            None => (0..all).collect(),
            Some(split) => {
                let mut rows = Vec::new();
                for (index, row) in (0..).zip(reader) {
                    if row?.split == Some(split) {
                        rows.push(index);
                    }
                }
                if rows.is_empty() && all > 0 {
                    return Err(Fault::input(path)
                        .at(Place::Column("split".to_owned()))
                        .expected(format!("windows of the split {split}"))
                        .found("none")
                        .remedy("choose another --split, or tokenize again with splits")
                        .into());
                }
                rows
            }
        };
        if let Some(limit) = limit.filter(|&limit| limit < rows.len()) {
            let drawn = rand::seq::index::sample(&mut stream(seed, "limit"), rows.len(), limit);
            let mut drawn = drawn.into_vec();
            drawn.sort_unstable();
            rows = drawn.into_iter().map(|i| rows[i]).collect();
        }
        let groups = rows.len().div_ceil(GROUP) as u64;
        let bound = |i: u64| ((groups * i / shard.count) as usize * GROUP).min(rows.len());
        Ok(Self { rows: rows[bound(shard.index - 1)..bound(shard.index)].to_vec() })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Refuses chosen rows of more than `most` tokens in the table at `path`, before any of them
    /// is explained.
    pub(crate) fn check_lengths(&self, path: &Path, most: usize) -> Result<()> {
        let is_chosen = |row: u64, _: &TokenRow| self.rows.binary_search(&row).is_ok();
        check_lengths(path, Shard::WHOLE, most, is_chosen)
    }

    /// The chosen rows of `table` in groups.
    ///
    /// An item is an error where the table has a fault.
    pub(crate) fn groups(
        &self,
        mut table: WindowStream,
    ) -> impl Iterator<Item = Result<Vec<TokenRow>>> {
        let mut rest = self.rows.as_slice();
        let mut left: Vec<TokenRow> = Vec::new();
        let mut fault = None;
        std::iter::from_fn(move || {
            while left.len() < GROUP && !rest.is_empty() && fault.is_none() {
                let Some(chunk) = table.next() else { break };
                match chunk {
                    Err(found) => fault = Some(found),
                    Ok(chunk) => left.extend(take(&mut rest, chunk)),
                }
            }
            if let Some(fault) = fault.take() {
                // What comes behind a fault is not wanted.
                (rest, left) = (&[], Vec::new());
                return Some(Err(fault));
            }
            let others = left.split_off(left.len().min(GROUP));
            let group = std::mem::replace(&mut left, others);
            (!group.is_empty()).then_some(Ok(group))
        })
    }
}

/// The rows of a chunk that are chosen; `rest` are those from the chunk on, and afterwards those
/// behind it.
fn take(rest: &mut &[u64], chunk: Chunk) -> Vec<TokenRow> {
    let mut taken = Vec::new();
    for (index, row) in (chunk.first..).zip(chunk.rows) {
        if rest.first() != Some(&index) {
            continue;
        }
        *rest = &rest[1..];
        taken.push(row);
    }
    taken
}
