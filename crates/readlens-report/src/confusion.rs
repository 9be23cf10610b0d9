//! What the windows of each taxon are taken for.
//!
//! A matrix has a cell for every pair of taxa that occurs, so the table is read twice, and what
//! stays in memory is what the page shows: the most confused pairs, the worst taxa, and the cells
//! between the taxa of these pairs.

use std::collections::HashMap;
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_tables::Reader;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::vocabulary::{Name, Over};

/// Maximum number of ranks that the page can show.
const MAX_RANKS: usize = 64;
/// Maximum number of taxa of a heat map.
pub(crate) const MAX_TAXA: usize = 20;
/// Maximum number of pairs in the list beside it.
pub(crate) const MAX_PAIRS: usize = 20;
/// Maximum number of taxa in the table of precision and recall.
pub(crate) const MAX_WORST: usize = 100;
/// Pairs that are kept to choose the taxa of the heat map: enough to name [`MAX_TAXA`] of them.
const KEPT: usize = MAX_TAXA * MAX_TAXA;

/// The confusions of all ranks.
#[derive(Debug, Default)]
pub(crate) struct Confusion {
    /// What they were counted over; none without rows.
    pub(crate) over: Option<Over>,
    /// By rank, in file order.
    pub(crate) ranks: Vec<Confused>,
}

/// The confusions of one rank.
#[derive(Debug)]
pub(crate) struct Confused {
    pub(crate) rank: Name,
    /// Windows that were counted, and how many of them got the right name.
    pub(crate) windows: u64,
    pub(crate) right: u64,
    /// Windows whose label the classifier does not know.
    pub(crate) unknown: u64,
    /// Taxa of the classifier.
    pub(crate) known_taxa: u64,
    /// Taxa that are a label or predicted.
    pub(crate) seen_taxa: u64,
    /// Pairs of different taxa that occur.
    pub(crate) wrong_pairs: u64,
    /// The most confused pairs, most windows first.
    pub(crate) pairs: Vec<ConfusionRow>,
    /// The taxa with the lowest F1 score among those that occur, lowest first.
    pub(crate) worst: Vec<ConfusionRow>,
    /// Taxa of the heat map in the order of the table.
    pub(crate) chosen: Vec<ConfusionRow>,
    /// By label and prediction, the cells between the chosen taxa.
    pub(crate) cells: HashMap<(String, String), ConfusionRow>,
}

impl Confusion {
    /// Reads the table.
    ///
    /// # Errors
    /// The table cannot be read, or has far too many ranks.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut found = Self::default();
        let mut reader = Reader::<ConfusionRow>::open(path)?;
        while let Some(row) = reader.next() {
            let row = row?;
            found.over.get_or_insert(row.split);
            let place = match found.ranks.iter().position(|confused| confused.rank == row.rank) {
                Some(place) => place,
                None if found.ranks.len() == MAX_RANKS => {
                    return Err(Fault::from(
                        reader
                            .fault()
                            .expected(format!("at most {MAX_RANKS} ranks"))
                            .found(format!("the further rank {:?}", row.rank.as_str()))
                            .remedy("pass the table of readlens-assess --confusion"),
                    ));
                }
                None => {
                    found.ranks.push(Confused::new(row.rank.clone()));
                    found.ranks.len() - 1
                }
            };
            found.ranks[place].add(row);
        }
        for confused in &mut found.ranks {
            confused.shorten(0);
        }
        let chosen: Vec<Vec<String>> = found.ranks.iter().map(Confused::taxa_to_show).collect();
        for row in Reader::<ConfusionRow>::open(path)? {
            let row = row?;
            let place = found.ranks.iter().position(|confused| confused.rank == row.rank);
            let Some(place) = place else { continue };
            if !(chosen[place].contains(&row.label) && chosen[place].contains(&row.predicted)) {
                continue;
            }
            let confused = &mut found.ranks[place];
            if row.is_of_one_taxon() {
                confused.chosen.push(row.clone());
            }
            confused.cells.insert((row.label.clone(), row.predicted.clone()), row);
        }
        Ok(found)
    }
}

impl Confused {
    fn new(rank: Name) -> Self {
        Self {
            rank,
            windows: 0,
            right: 0,
            unknown: 0,
            known_taxa: 0,
            seen_taxa: 0,
            wrong_pairs: 0,
            pairs: Vec::new(),
            worst: Vec::new(),
            chosen: Vec::new(),
            cells: HashMap::new(),
        }
    }

    fn add(&mut self, row: ConfusionRow) {
        self.windows += u64::from(row.windows);
        self.unknown += if row.known { 0 } else { u64::from(row.windows) };
        if row.is_of_one_taxon() {
            self.right += u64::from(row.windows);
            self.known_taxa += u64::from(row.known);
            if row.f1.is_some() {
                self.seen_taxa += 1;
                self.worst.push(row);
            }
        } else if row.windows > 0 {
            self.wrong_pairs += 1;
            self.pairs.push(row);
        }
        self.shorten(KEPT);
    }

    /// Keeps the first of each list, where a list is longer than it may be by `slack`.
    fn shorten(&mut self, slack: usize) {
        if self.pairs.len() > KEPT + slack || slack == 0 {
            // Of as many windows those of the rarer taxon come first, and then the first in the
            // table, as sorting is stable.
            self.pairs.sort_by_key(|row| (std::cmp::Reverse(row.windows), row.label_windows));
            self.pairs.truncate(KEPT);
        }
        if self.worst.len() > MAX_WORST + slack || slack == 0 {
            let f1 = |row: &ConfusionRow| row.f1.unwrap_or(0.0);
            self.worst.sort_by(|a, b| {
                f1(a).total_cmp(&f1(b)).then(b.label_windows.cmp(&a.label_windows))
            });
            self.worst.truncate(MAX_WORST);
        }
    }

    /// The taxa of the most confused pairs, as many as a heat map may have.
    fn taxa_to_show(&self) -> Vec<String> {
        let mut taxa: Vec<String> = Vec::new();
        for row in &self.pairs {
            let new: Vec<&String> = [&row.label, &row.predicted]
                .into_iter()
                .filter(|taxon| !taxa.contains(taxon))
                .collect();
            if taxa.len() + new.len() > MAX_TAXA {
                break;
            }
            let new: Vec<String> = new.into_iter().cloned().collect();
            taxa.extend(new);
        }
        taxa
    }

    /// Whether the classifier has a choice at this rank.
    pub(crate) fn is_of_one_taxon(&self) -> bool {
        self.known_taxa <= 1
    }
}
