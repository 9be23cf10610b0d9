use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use readlens_fault::Result;
use readlens_provenance::InputDigest;
use readlens_tables::vocabulary::{Split, Vocabulary};

use super::lineage::Lineage;
use super::names::Names;
use super::rank::{canonical, place_of_rank};
use super::taxdump::Taxdump;
use super::tsv::Tsv;
use super::unknown::taxon;
use crate::config::{Splits, TaxaSource, TaxonomyConfig};

const NAME_THE_COLUMN: &str = "name the right one in the options; the first line must be a header";

/// What is known about the records, row by row, in memory: names are kept once.
#[derive(Debug, Default)]
pub(crate) struct Taxonomy {
    rows: HashMap<Box<str>, u32>,
    /// Names of the taxa, rank by rank.
    taxa: Vec<Names>,
    /// Numbers of the taxa: rows of as many cells as there are ranks.
    cells: Vec<u32>,
    splits: Vec<Option<Split>>,
    groups: Names,
    /// Numbers of the groups, one a row where there is a group column.
    group_of: Vec<u32>,
    min_count: u32,
}

/// How a row becomes taxa.
enum Reader {
    Columns(Vec<usize>),
    Lineage { column: usize, places: Vec<usize> },
    Taxid { column: usize, taxdump: Box<Taxdump>, taxids: Vec<Option<u32>> },
}

impl Reader {
    fn new(tsv: &Tsv, config: &TaxonomyConfig, taxdump: Option<&Path>) -> Result<Self> {
        let column = |name: &str| tsv.column(name, NAME_THE_COLUMN, |_| false);
        match &config.taxa {
            TaxaSource::Columns => {
                let remedy = "choose among them with --ranks, or name the column of lineages \
                              with --lineage-column or of taxids with --taxid-column";
                let column = |rank: &String| {
                    let wanted = canonical(rank);
                    tsv.column(rank, remedy, |name| canonical(name) == wanted)
                };
                Ok(Self::Columns(config.ranks.iter().map(column).collect::<Result<_>>()?))
            }
            TaxaSource::Lineage(name) => Ok(Self::Lineage {
                column: column(name)?,
                places: config.ranks.iter().filter_map(|rank| place_of_rank(rank)).collect(),
            }),
            TaxaSource::Taxid(name) => {
                let column = column(name)?;
                let taxdump = taxdump.ok_or_else(|| {
                    readlens_fault::Fault::usage(
                        "taxids need the NCBI taxonomy: pass its directory as --taxdump",
                    )
                })?;
                let taxdump = Box::new(Taxdump::open(taxdump)?);
                taxdump.check_ranks(&config.ranks)?;
                Ok(Self::Taxid { column, taxdump, taxids: Vec::new() })
            }
        }
    }

    /// Adds the numbers of the row's taxa to `cells`, or keeps its taxid for later.
    fn read(
        &mut self,
        row: &[&str],
        taxa: &mut [Names],
        cells: &mut Vec<u32>,
    ) -> Result<(), (&'static str, String, &'static str)> {
        match self {
            Self::Columns(columns) => {
                let numbers = columns.iter().zip(taxa);
                cells.extend(numbers.map(|(&column, names)| names.number(taxon(row[column]))));
            }
            Self::Lineage { column, places } => {
                let lineage = Lineage::parse(row[*column]).map_err(|found| {
                    let expected = "a lineage such as d__Bacteria; p__Bacillota";
                    (expected, found, "prefix every rank: d, k, p, c, o, f, g, s or t, then __")
                })?;
                let numbers = places.iter().zip(taxa);
                cells.extend(numbers.map(|(&place, names)| names.number(lineage.taxon(place))));
            }
            Self::Taxid { column, taxdump, taxids } => {
                let cell = taxon(row[*column]).filter(|&cell| cell != "0");
                taxids.push(match cell {
                    None => None,
                    Some(cell) => {
                        let taxid: u32 = cell.parse().map_err(|_| {
                            let remedy = "leave the cell empty where the taxid is not known";
                            ("a taxid", format!("{cell:?}"), remedy)
                        })?;
                        taxdump.current(taxid).map_err(|found| {
                            let remedy = "take the taxdump that the taxids were made with, or \
                                          leave the cell empty";
                            ("a taxid of the taxdump, current, merged or deleted", found, remedy)
                        })?
                    }
                });
            }
        }
        Ok(())
    }

    /// Looks up what the rows have left open; returns the digests of the taxdump.
    fn finish(
        self,
        ranks: &[String],
        taxa: &mut [Names],
        cells: &mut Vec<u32>,
    ) -> Result<Vec<InputDigest>> {
        let Self::Taxid { taxdump, taxids, .. } = self else { return Ok(Vec::new()) };
        let mut lineages: HashMap<u32, Vec<Option<u32>>> = HashMap::new();
        for &taxid in taxids.iter().flatten() {
            if let Entry::Vacant(place) = lineages.entry(taxid) {
                place.insert(taxdump.ancestors(taxid, ranks)?);
            }
        }
        let wanted: BTreeSet<u32> = lineages.values().flatten().flatten().copied().collect();
        let (names, digests) = taxdump.names(&wanted)?;
        for taxid in taxids {
            let lineage = taxid.and_then(|taxid| lineages.get(&taxid));
            for (rank, known) in taxa.iter_mut().enumerate() {
                let ancestor = lineage.and_then(|lineage| lineage[rank]);
                let name = ancestor.and_then(|ancestor| names.get(&ancestor));
                cells.push(known.number(name.and_then(|name| taxon(name))));
            }
        }
        Ok(digests)
    }
}

impl Taxonomy {
    /// Reads the table at `path` and, where it has taxids, the taxdump; also returns their
    /// digests.
    ///
    /// # Errors
    /// A file cannot be read, a column is missing, or a row is ragged, has no or another row's
    /// identifier, or a cell that means nothing.
    pub(crate) fn load(
        path: &Path,
        taxdump: Option<&Path>,
        config: &TaxonomyConfig,
        splits: &Splits,
    ) -> Result<(Self, Vec<InputDigest>)> {
        let mut tsv = Tsv::open(path)?;
        let column = |name: &str| tsv.column(name, NAME_THE_COLUMN, |_| false);
        let id_column = column(&config.id_column)?;
        let split_column = splits.column().map(column).transpose()?;
        let group_column = splits.group_column().map(column).transpose()?;
        let mut reader = Reader::new(&tsv, config, taxdump)?;
        let mut table = Self { min_count: config.min_count, ..Self::default() };
        table.taxa.resize_with(config.ranks.len(), Names::default);
        // Line of each row, to name both of two equal identifiers.
        let mut lines: Vec<u64> = Vec::new();
        while let Some(row) = tsv.next_row()? {
            let read = table.add(&row, id_column, split_column, group_column, &mut reader);
            if let Err(wrong) = read {
                let (expected, found, remedy) = match wrong {
                    Wrong::Cell(parts) => parts,
                    Wrong::Duplicate(row) => (
                        "one row for each identifier",
                        format!("that of line {} again", lines[row as usize]),
                        "remove one of the two rows",
                    ),
                };
                return Err(tsv.fault().expected(expected).found(found).remedy(remedy).into());
            }
            lines.push(tsv.line());
        }
        if lines.is_empty() {
            return Err(tsv
                .fault_at(1)
                .expected("rows below the header")
                .found("none")
                .remedy("pass the taxonomy of the records")
                .into());
        }
        let mut digests = vec![tsv.finish()?];
        digests.extend(reader.finish(&config.ranks, &mut table.taxa, &mut table.cells)?);
        Ok((table, digests))
    }

    fn add(
        &mut self,
        row: &[&str],
        id_column: usize,
        split_column: Option<usize>,
        group_column: Option<usize>,
        reader: &mut Reader,
    ) -> Result<(), Wrong> {
        let id = row[id_column];
        if id.is_empty() {
            let remedy = "give the identifier of the sequence record";
            return Err(Wrong::Cell(("an identifier", "an empty cell".to_owned(), remedy)));
        }
        let next = self.rows.len() as u32;
        match self.rows.entry(id.into()) {
            Entry::Occupied(earlier) => return Err(Wrong::Duplicate(*earlier.get())),
            Entry::Vacant(place) => place.insert(next),
        };
        if let Some(column) = split_column {
            let cell = row[column].trim();
            let split = Split::named(cell);
            if split.is_none() && !cell.is_empty() {
                let remedy = "rename the split, or leave the cell empty";
                let expected = "a split: train, valid or test";
                return Err(Wrong::Cell((expected, format!("{cell:?}"), remedy)));
            }
            self.splits.push(split);
        }
        if let Some(column) = group_column {
            self.group_of.push(self.groups.number(taxon(row[column])));
        }
        reader.read(row, &mut self.taxa, &mut self.cells).map_err(Wrong::Cell)
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The row of the record `id`.
    pub(crate) fn row(&self, id: &str) -> Option<u32> {
        self.rows.get(id).copied()
    }

    /// Number of the taxon of `row` at the rank with place `rank`; none where it is unknown or
    /// rare.
    pub(crate) fn taxon_number(&self, row: u32, rank: usize) -> Option<u32> {
        let number = self.cells[row as usize * self.taxa.len() + rank];
        let is_kept = number != 0 && self.taxa[rank].count(number) >= self.min_count;
        is_kept.then_some(number)
    }

    /// Name of the taxon with `number` at the rank with place `rank`.
    pub(crate) fn taxon_name(&self, number: u32, rank: usize) -> Option<&str> {
        self.taxa[rank].name(number)
    }

    /// Taxa at the rank with place `rank` in too few rows to be kept.
    pub(crate) fn rare_taxa(&self, rank: usize) -> usize {
        self.taxa[rank].rarer_than(self.min_count)
    }

    /// The split that the table names for `row`.
    pub(crate) fn split(&self, row: u32) -> Option<Split> {
        self.splits.get(row as usize).copied().flatten()
    }

    /// The group of `row`.
    pub(crate) fn group(&self, row: u32) -> Option<&str> {
        self.groups.name(*self.group_of.get(row as usize)?)
    }
}

/// Why a row cannot be taken.
enum Wrong {
    /// What was expected, what was found, what to do.
    Cell((&'static str, String, &'static str)),
    /// The row, from 0, that has the same identifier.
    Duplicate(u32),
}
