//! Taxa that a window is not: what the control asks whose masks are made for another window's taxa.

use std::path::Path;

use rand::RngExt;
use rand::seq::IndexedRandom;
use readlens_fault::{Fault, Result};
use readlens_nn::WindowTokens;
use readlens_random::stream;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;

use crate::dataset::as_read;
use crate::inference::most_likely_classes;
use crate::model::Model;

/// Windows whose predictions others are asked for.
const WINDOWS: usize = 64;

/// The taxa that the classifier predicts for some windows of a table, from which every window draws
/// those that it is asked for.
///
/// They depend on the table, the split and the seed alone, so that every method asks a window for
/// the same taxa, in whatever shard.
#[derive(Debug)]
pub struct WrongClasses {
    /// Of each window one class per rank.
    pool: Vec<Vec<u32>>,
    seed: u64,
}

impl WrongClasses {
    /// Of 64 windows of `split`, or of all, drawn by `seed`.
    ///
    /// # Errors
    /// The table cannot be read, the computation fails, or the classifier predicts the same taxon
    /// for all of them at its last rank: there is no other one to ask for.
    pub fn of(model: &dyn Model, tokens: &Path, split: Option<Split>, seed: u64) -> Result<Self> {
        let mut drawn: Vec<((u64, usize), TokenRow)> = Vec::new();
        for (place, row) in Reader::<TokenRow>::open(tokens)?.enumerate() {
            let row = row?;
            let fits = row.tokens.len() <= model.max_tokens();
            if !fits || (split.is_some() && row.split != split) {
                continue;
            }
            // The smallest lots win, and the place decides between records that share an id.
            let lot = (lots(seed, "asked", &row).random(), place);
            let at = drawn.partition_point(|(other, _)| *other < lot);
            if at < WINDOWS {
                drawn.insert(at, (lot, row));
                drawn.truncate(WINDOWS);
            }
        }
        let windows: Vec<WindowTokens> = drawn.iter().map(|(_, row)| as_read(row)).collect();
        let predictions = model.predict(&windows, None)?;
        let pool: Vec<Vec<u32>> =
            predictions.iter().map(|ranks| most_likely_classes(ranks)).collect();
        let last = pool.first().and_then(|classes| classes.last().copied());
        if last.is_some() && pool.iter().all(|classes| classes.last().copied() == last) {
            return Err(Fault::input(tokens)
                .expected("windows that the classifier takes for two taxa or more at its last rank")
                .found(format!("one taxon for all of {} windows", pool.len()))
                .remedy("leave out --wrong-class, or pass windows of several taxa")
                .into());
        }
        Ok(Self { pool, seed })
    }

    /// The taxa to ask `window` for, one per rank, which is taken for `predicted`: those of a
    /// window that is taken for another taxon at the last rank.
    pub fn of_window(&self, window: &TokenRow, predicted: &[u32]) -> Vec<u32> {
        let others: Vec<&Vec<u32>> =
            self.pool.iter().filter(|classes| classes.last() != predicted.last()).collect();
        let chosen = others.choose(&mut lots(self.seed, "wrong-class", window));
        chosen.map_or_else(|| predicted.to_vec(), |classes| (*classes).clone())
    }
}

/// Draws that depend on the window and not on what else is there.
fn lots(seed: u64, purpose: &str, window: &TokenRow) -> impl rand::Rng + use<> {
    stream(seed, &format!("{purpose}/{}/{}", window.window, window.id))
}
