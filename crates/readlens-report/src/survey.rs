//! The first pass over the tokens table: what there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_provenance::Manifest;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;

use crate::sequence::tokenization_of;
use crate::windows::{Entry, NO_CLASS, Split, WindowIndex, fingerprint};

/// What a tokens table holds, in counts.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Rank columns, in file order: from coarse to fine.
    pub(crate) ranks: Vec<String>,
    pub(crate) tokenization: Tokenization,
    /// Windows per split.
    pub(crate) windows: BTreeMap<Split, u64>,
    /// Different taxa at each rank.
    pub(crate) taxa: Vec<usize>,
    pub(crate) index: WindowIndex,
    pub(crate) manifest: Option<Manifest>,
}

impl Survey {
    /// Reads the tokens table once.
    ///
    /// # Errors
    /// The table cannot be read, lacks its tokenization, or names an unknown split.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let mut reader = Reader::<TokenRow>::open(path)?;
        let tokenization = tokenization_of(&reader)?;
        let manifest = reader.manifest()?;
        let ranks = reader.ranks().to_vec();
        let mut windows = BTreeMap::new();
        let mut taxa = vec![BTreeSet::new(); ranks.len()];
        let mut classes: HashMap<String, u32> = HashMap::new();
        let mut entries = Vec::new();
        while let Some(row) = reader.next() {
            let row = row?;
            let Some(split) = Split::named(row.split.as_deref()) else {
                return Err(reader
                    .fault()
                    .expected("split train, valid, test or null")
                    .found(format!("{:?}", row.split.unwrap_or_default()))
                    .remedy("tokenize again with a split column of these values")
                    .into());
            };
            *windows.entry(split).or_default() += 1;
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
            entries.push(Entry { fingerprint, class, split });
        }
        let taxa = taxa.iter().map(BTreeSet::len).collect();
        let index = WindowIndex::new(entries);
        Ok(Self { ranks, tokenization, windows, taxa, index, manifest })
    }
}
