//! The first pass over the tokens table: what there is.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_provenance::Manifest;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, Split};
use readlens_text::Intervals;

use crate::sequence::tokenization_of;
use crate::windows::{Entry, NO_CLASS, WindowIndex, fingerprint};

/// What a tokens table holds, in counts.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Rank columns, in file order: from coarse to fine.
    pub(crate) ranks: Vec<Name>,
    pub(crate) tokenization: Tokenization,
    /// Windows per split, and those that belong to none.
    pub(crate) windows: HashMap<Option<Split>, u64>,
    /// Different taxa at each rank.
    pub(crate) taxa: Vec<usize>,
    pub(crate) index: WindowIndex,
    pub(crate) manifest: Option<Manifest>,
}

impl Survey {
    /// Reads the tokens table once and checks that the `intervals` are of its records.
    ///
    /// # Errors
    /// The table cannot be read or lacks its tokenization, or the intervals do not belong to it.
    pub(crate) fn of(path: &Path, mut intervals: Option<&mut Intervals>) -> Result<Self> {
        let reader = Reader::<TokenRow>::open(path)?;
        let tokenization = tokenization_of(&reader)?;
        let manifest = reader.manifest()?;
        let ranks: Vec<Name> = reader
            .ranks()
            .iter()
            .map(|rank| Name::new(rank))
            .collect::<std::result::Result<_, _>>()?;
        let mut windows = HashMap::new();
        let mut taxa = vec![BTreeSet::new(); ranks.len()];
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
            for (set, taxon) in taxa.iter_mut().zip(row.taxa) {
                if let Some(taxon) = taxon
                    && !set.contains(&taxon)
                {
                    set.insert(taxon);
                }
            }
            let fingerprint = fingerprint(&row.id, row.window);
            entries.push(Entry { fingerprint, class, split: row.split });
        }
        if let Some(intervals) = intervals {
            intervals.check()?;
        }
        let taxa = taxa.iter().map(BTreeSet::len).collect();
        let index = WindowIndex::new(entries);
        Ok(Self { ranks, tokenization, windows, taxa, index, manifest })
    }
}
