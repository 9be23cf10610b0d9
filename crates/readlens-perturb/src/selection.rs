//! Which windows are perturbed: a first walk over tokens and masks, which also checks both before
//! anything is predicted.

use std::collections::{BTreeSet, HashSet};

use rand::RngExt;
use readlens_batch::{WindowStream, too_long};
use readlens_fault::Result;
use readlens_random::stream;
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;

use crate::config::Config;
use crate::donors::DONORS;
use crate::join::MaskTables;

/// A window, its row in the tokens table and its masks.
#[derive(Debug)]
pub(crate) struct Masked {
    pub(crate) row: u64,
    pub(crate) window: TokenRow,
    pub(crate) masks: Vec<MaskRow>,
}

/// What the first walk chose.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Rows of the tokens table; none for all that have a mask and are in the split.
    sample: Option<HashSet<u64>>,
    /// How many windows are perturbed.
    pub(crate) windows: u64,
    /// Most masks of one window.
    pub(crate) masks: usize,
    /// Windows of the split, drawn by seed, whose masks are tried on others; in table order.
    pub(crate) donors: Vec<Masked>,
}

impl Selection {
    /// Walks over all windows; `most` is the longest that every network reads, in tokens.
    pub(crate) fn of(
        config: &Config,
        windows: WindowStream,
        mut masks: MaskTables,
        most: usize,
        context: &Context,
    ) -> Result<Self> {
        let path = windows.reader().path().to_path_buf();
        let cls = usize::from(windows.tokenization().cls);
        let progress = context.progress("checking masks", windows.reader().rows());
        // The smallest lots win, and the row decides between records that share an id.
        let mut sample: BTreeSet<(u64, u64)> = BTreeSet::new();
        let limit = config.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut donors: Vec<((u64, u64), Masked)> = Vec::new();
        let (mut count, mut most_masks) = (0, 0);
        for chunk in windows {
            context.check_interrupt("nothing was written; run the same command again")?;
            let chunk = chunk?;
            let rows = chunk.rows.len() as u64;
            for (row, window) in (chunk.first..).zip(chunk.rows) {
                let masks = masks.take(&window, window.tokens.len() - cls)?;
                if !is_chosen(config, &window, &masks) {
                    continue;
                }
                if window.tokens.len() > most {
                    return Err(too_long(&path, row, most, window.tokens.len()));
                }
                count += 1;
                most_masks = most_masks.max(masks.len());
                let lot = |purpose| (lot(config.seed, purpose, &window), row);
                if let Some(limit) = limit {
                    sample.insert(lot("limit"));
                    if sample.len() > limit {
                        sample.pop_last();
                    }
                }
                let lot = lot("donor");
                let place = donors.partition_point(|(other, _)| *other < lot);
                if place < DONORS {
                    donors.insert(place, (lot, Masked { row, window, masks }));
                    donors.truncate(DONORS);
                }
            }
            progress.advance(rows);
        }
        masks.finish()?;
        let sample = limit.map(|_| sample.into_iter().map(|(_, row)| row).collect::<HashSet<_>>());
        let windows = sample.as_ref().map_or(count, |rows| rows.len() as u64);
        let mut donors: Vec<Masked> = donors.into_iter().map(|(_, donor)| donor).collect();
        donors.sort_by_key(|donor| donor.row);
        Ok(Self { sample, windows, masks: most_masks, donors })
    }

    /// Whether a window with these masks is perturbed.
    pub(crate) fn has(&self, config: &Config, masked: &Masked) -> bool {
        is_chosen(config, &masked.window, &masked.masks)
            && self.sample.as_ref().is_none_or(|rows| rows.contains(&masked.row))
    }
}

fn is_chosen(config: &Config, window: &TokenRow, masks: &[MaskRow]) -> bool {
    !masks.is_empty() && (config.split.is_none() || window.split == config.split)
}

/// The window's lot in a draw: it depends on seed, purpose and window, and not on what else is
/// there.
fn lot(seed: u64, purpose: &str, window: &TokenRow) -> u64 {
    stream(seed, &format!("{purpose}/{}/{}", window.window, window.id)).random()
}
