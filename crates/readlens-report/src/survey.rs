//! The first pass over the tokens table: what there is.

use std::collections::HashMap;
use std::path::Path;

use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, Split};
use readlens_text::Intervals;

use crate::sequence::tokenization_of;
use crate::windows::{Entry, NO_CLASS, WindowIndex, fingerprint};

/// What a tokens table holds, in counts.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Rank columns, in file order: from coarse to fine; behind them, ranks without a column that
    /// the classifier predicts.
    pub(crate) ranks: Vec<Name>,
    pub(crate) tokenization: Tokenization,
    /// Windows per split, and those that belong to none.
    pub(crate) windows: HashMap<Option<Split>, u64>,
    /// How many of the ranks are columns.
    columns: usize,
    /// Whether any window has a label.
    pub(crate) has_labels: bool,
    /// Whether any window has one at the last rank of the table.
    pub(crate) has_finest_labels: bool,
    pub(crate) index: WindowIndex,
}

impl Survey {
    /// Reads the tokens table once and checks that the `intervals` are of its records.
    ///
    /// # Errors
    /// The table cannot be read or lacks its tokenization, or the intervals do not belong to it.
    pub(crate) fn of(path: &Path, mut intervals: Option<&mut Intervals>) -> Result<Self> {
        let reader = Reader::<TokenRow>::open(path)?;
        let tokenization = tokenization_of(&reader)?;
        let ranks: Vec<Name> = reader
            .ranks()
            .iter()
            .map(|rank| Name::new(rank))
            .collect::<std::result::Result<_, _>>()?;
        let mut windows = HashMap::new();
        let (columns, mut has_labels) = (ranks.len(), false);
        let mut classes: HashMap<String, u32> = HashMap::new();
        let mut entries = Vec::new();
        for row in reader {
            let row = row?;
            *windows.entry(row.split).or_default() += 1;
            if let Some(intervals) = intervals.as_deref_mut() {
                intervals.see_window(&row.id, row.end);
            }
            let class = match row.taxa.last() {
                Some(Some(taxon)) => match classes.get(taxon) {
                    Some(class) => *class,
                    None => {
                        let class = classes.len() as u32;
                        classes.insert(taxon.clone(), class);
                        class
                    }
                },
                _ => NO_CLASS,
            };
            has_labels |= row.taxa.iter().any(Option::is_some);
            let fingerprint = fingerprint(&row.id, row.window);
            entries.push(Entry { fingerprint, class, split: row.split });
        }
        if let Some(intervals) = intervals {
            intervals.check()?;
        }
        let has_finest_labels = !classes.is_empty();
        let index = WindowIndex::new(entries);
        Ok(Self { ranks, tokenization, windows, columns, has_labels, has_finest_labels, index })
    }

    /// The ranks that are columns of the table.
    pub(crate) fn columns(&self) -> &[Name] {
        &self.ranks[..self.columns]
    }

    /// Adds ranks that no column has, behind the others.
    pub(crate) fn add_ranks<'a>(&mut self, ranks: impl IntoIterator<Item = &'a Name>) {
        for rank in ranks {
            if !self.ranks.contains(rank) {
                self.ranks.push(rank.clone());
            }
        }
    }

    /// Windows that a training on this table learns from: those of the split train, or all of a
    /// table without splits.
    pub(crate) fn training_windows(&self) -> u64 {
        if self.has_splits() {
            self.windows.get(&Some(Split::Train)).copied().unwrap_or(0)
        } else {
            self.windows.values().sum()
        }
    }

    /// Whether any window belongs to a split.
    pub(crate) fn has_splits(&self) -> bool {
        self.windows.keys().any(Option::is_some)
    }
}
