use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use readlens_fault::{Fault, Result};
use readlens_provenance::InputDigest;
use readlens_tables::vocabulary::{Split, Vocabulary};
use readlens_text::Table;

use super::Wrong;
use super::identity::{Homonyms, Rank, tell_apart};
use super::levels::{Level, levels};
use super::lineage::Lineages;
use super::names::Names;
use super::rank::{canonical, is_lineage_rank, is_same_rank, place_of_rank};
use super::taxdump::{Current, Taxdump};
use super::taxids::look_up;
use super::unknown::{Unknown, known};
use crate::config::{Splits, TaxaSource, TaxonomyConfig};
use crate::input::{Fingerprint, fingerprint};

/// Most rows, and most bytes of different names in all columns: they stay in memory.
const MAX_ROWS: usize = 1 << 24;
const MAX_NAMES_BYTES: usize = 1 << 30;

const NAME_THE_COLUMN: &str = "name the right one in the options; the first line must be a header";

/// What is known about the records, row by row, in memory: names are kept once, and fingerprints
/// of the identifiers.
#[derive(Debug, Default)]
pub(crate) struct Taxonomy {
    rows: HashMap<Fingerprint, u32>,
    /// The ranks that are asked for, in their order.
    ranks: Vec<Taxa>,
    splits: Vec<Option<Split>>,
    groups: Names,
    /// Numbers of the groups, one a row where there is a group column.
    group_of: Vec<u32>,
    min_count: u32,
    notes: Notes,
}

/// What was met on the way, for log and summary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// Rows whose taxid was deleted.
    pub deleted_rows: u64,
    /// Rows whose taxid is not there, without a reason.
    pub absent_rows: u64,
    /// Parts of lineages that were skipped, by their prefixes.
    pub skipped_parts: BTreeMap<String, u64>,
    /// Cells that are one of the words for unknown.
    pub unknown_cells: u64,
}

/// The taxa of one rank.
#[derive(Debug, Default)]
pub(super) struct Taxa {
    pub names: Vec<Arc<str>>,
    /// Rows of each taxon.
    pub counts: Vec<u32>,
    /// Number of the taxon of each row; 0 for none.
    pub cells: Vec<u32>,
    pub homonyms: Homonyms,
}

/// How a row becomes taxa.
enum Reader {
    /// Columns of the levels.
    Columns(Vec<usize>),
    Lineage {
        column: usize,
        lineages: Box<Lineages>,
    },
    Taxid {
        column: usize,
        taxdump: Box<Taxdump>,
        taxids: Vec<Option<u32>>,
    },
}

impl Reader {
    fn new(
        table: &Table,
        config: &TaxonomyConfig,
        splits: &Splits,
        taxdump: Option<&Path>,
    ) -> Result<(Self, Vec<Level>)> {
        let column = |name: &str| table.column(name, NAME_THE_COLUMN, |_| false);
        match &config.taxa {
            TaxaSource::Columns => {
                let remedy = "choose among them with --ranks, or name the column of lineages \
                              with --lineage-column or of taxids with --taxid-column";
                let taken =
                    [Some(config.id_column.as_str()), splits.column(), splits.group_column()];
                // A cohort or a series is more often one of a study than of a taxonomy.
                let free = table
                    .columns()
                    .iter()
                    .filter(|c| !taken.contains(&Some(c.as_str())) && is_lineage_rank(c));
                let levels = levels(config, &free.cloned().collect::<Vec<_>>(), place_of_rank);
                let column = |level: &Level| {
                    table.column(&level.name, remedy, |name| is_same_rank(name, &level.name))
                };
                Ok((Self::Columns(levels.iter().map(column).collect::<Result<_>>()?), levels))
            }
            TaxaSource::Lineage(name) => {
                let column = column(name)?;
                let positions = config.lineage_ranks.as_deref();
                let levels = match positions {
                    Some(ranks) => levels(config, ranks, |name| {
                        ranks.iter().position(|rank| is_same_rank(rank, name))
                    }),
                    None => {
                        let all = super::rank::all().filter(|rank| is_lineage_rank(rank));
                        levels(config, &all.map(str::to_owned).collect::<Vec<_>>(), place_of_rank)
                    }
                };
                let ranks =
                    levels.iter().map(|level| (canonical(&level.name), level.asked.is_some()));
                let lineages = Box::new(Lineages::new(positions, ranks.collect()));
                Ok((Self::Lineage { column, lineages }, levels))
            }
            TaxaSource::Taxid(name) => {
                let column = column(name)?;
                let taxdump = taxdump.ok_or_else(|| {
                    Fault::usage("taxids need the NCBI taxonomy: pass its directory as --taxdump")
                })?;
                let taxdump = Box::new(Taxdump::open(taxdump)?);
                taxdump.check_ranks(&config.ranks)?;
                let levels = levels(config, &[], |_| None);
                Ok((Self::Taxid { column, taxdump, taxids: Vec::new() }, levels))
            }
        }
    }

    /// Adds the numbers of the row's taxa to the `cells` of the levels, or keeps its taxid for
    /// later.
    fn read(
        &mut self,
        table: &Table,
        unknown: &Unknown,
        taxa: &mut [(Names, Vec<u32>)],
        notes: &mut Notes,
    ) -> Result<(), Wrong> {
        match self {
            Self::Columns(columns) => {
                for (&column, (names, cells)) in columns.iter().zip(taxa) {
                    cells.push(names.number(unknown.taxon(table.cell(column)))?);
                }
            }
            Self::Lineage { column, lineages } => {
                let lineage = lineages.read(table.cell(*column), unknown)?;
                for (taxon, (names, cells)) in lineage.into_iter().zip(taxa) {
                    cells.push(names.number(taxon)?);
                }
            }
            Self::Taxid { column, taxdump, taxids } => {
                let cell = known(table.cell(*column));
                // Data frames write whole numbers beside missing ones as fractions.
                let cell = cell.map(|cell| cell.strip_suffix(".0").unwrap_or(cell));
                let taxid = match cell.filter(|&cell| cell != "0") {
                    None => None,
                    Some(cell) => {
                        let taxid: u32 = cell.parse().map_err(|_| Wrong {
                            expected: "a taxid".to_owned(),
                            found: format!("{cell:?}"),
                            remedy: "leave the cell empty where the taxid is not known".to_owned(),
                        })?;
                        match taxdump.current(taxid).map_err(|found| Wrong {
                            expected: "a taxid of the taxdump, current, merged or deleted"
                                .to_owned(),
                            found,
                            remedy: "take the taxdump that the taxids were made with, or leave \
                                     the cell empty"
                                .to_owned(),
                        })? {
                            Current::Taxid(taxid) => Some(taxid),
                            Current::Deleted => {
                                notes.deleted_rows += 1;
                                None
                            }
                            Current::Absent => {
                                notes.absent_rows += 1;
                                None
                            }
                        }
                    }
                };
                taxids.push(taxid);
            }
        }
        Ok(())
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
        let mut table = Table::open(path, "taxonomy table")?;
        let column = |name: &str| table.column(name, NAME_THE_COLUMN, |_| false);
        let id_column = column(&config.id_column)?;
        let split_column = splits.column().map(column).transpose()?;
        let group_column = splits.group_column().map(column).transpose()?;
        let (mut reader, levels) = Reader::new(&table, config, splits, taxdump)?;
        let unknown = Unknown::new(&config.unknown);
        let mut taxonomy = Self { min_count: config.min_count, ..Self::default() };
        let mut taxa: Vec<(Names, Vec<u32>)> = Vec::new();
        taxa.resize_with(levels.len(), Default::default);
        // Line of each row, to name both of two equal identifiers.
        let mut lines: Vec<u64> = Vec::new();
        while table.next_row()? {
            let id = fingerprint(table.identifier(id_column)?);
            let next = lines.len() as u32;
            let earlier = *taxonomy.rows.entry(id).or_insert(next);
            if earlier != next {
                return Err(table
                    .fault()
                    .expected("one row for each identifier")
                    .found(format!("that of line {} again", lines[earlier as usize]))
                    .remedy("remove one of the two rows")
                    .into());
            }
            lines.push(table.line());
            taxonomy
                .add(&table, split_column, group_column)
                .and_then(|()| reader.read(&table, &unknown, &mut taxa, &mut taxonomy.notes))
                .map_err(|wrong| fault_of(wrong, table.fault()))?;
            let names = taxa.iter().map(|(names, _)| names).chain([&taxonomy.groups]);
            check_memory(lines.len(), names.map(Names::bytes).sum())
                .map_err(|wrong| fault_of(wrong, table.fault()))?;
        }
        if lines.is_empty() {
            return Err(table
                .fault_at(1)
                .expected("rows below the header")
                .found("none")
                .remedy("pass the taxonomy of the records")
                .into());
        }
        let mut digests = vec![table.finish("taxonomy")?];
        taxonomy.ranks = match reader {
            Reader::Taxid { taxdump, taxids, .. } => {
                if taxonomy.notes.absent_rows > 0 && taxids.iter().all(Option::is_none) {
                    return Err(Fault::input(path)
                        .expected("taxids of the taxdump")
                        .found(format!("none of {} there", taxonomy.notes.absent_rows))
                        .remedy("take the taxdump that the taxids were made with")
                        .into());
                }
                let (ranks, of_dump) = look_up(*taxdump, &taxids, config, &unknown)?;
                digests.extend(of_dump);
                ranks
            }
            Reader::Columns(_) => taxa_apart(path, &levels, taxa)?,
            Reader::Lineage { lineages, .. } => {
                let skipped =
                    lineages.finish().map_err(|wrong| fault_of(wrong, Fault::input(path)))?;
                taxonomy.notes.skipped_parts = skipped;
                taxa_apart(path, &levels, taxa)?
            }
        };
        for rank in &mut taxonomy.ranks {
            rank.counts = vec![0; rank.names.len()];
            for &number in rank.cells.iter().filter(|&&number| number != 0) {
                rank.counts[number as usize - 1] += 1;
            }
        }
        taxonomy.notes.unknown_cells = unknown.met();
        Ok((taxonomy, digests))
    }

    /// Adds split and group of a row.
    fn add(
        &mut self,
        table: &Table,
        split_column: Option<usize>,
        group_column: Option<usize>,
    ) -> Result<(), Wrong> {
        if let Some(column) = split_column {
            let cell = known(table.cell(column));
            let split = cell.and_then(Split::named);
            if let (Some(cell), None) = (cell, split) {
                return Err(Wrong {
                    expected: "a split: train, valid or test".to_owned(),
                    found: format!("{cell:?}"),
                    remedy: "rename the split, or leave the cell empty".to_owned(),
                });
            }
            self.splits.push(split);
        }
        if let Some(column) = group_column {
            self.group_of.push(self.groups.number(known(table.cell(column)))?);
        }
        Ok(())
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The row of the record `id`.
    pub(crate) fn row(&self, id: &str) -> Option<u32> {
        self.rows.get(&fingerprint(id)).copied()
    }

    /// Number of the taxon of `row` at the rank with place `rank`; none where it is unknown or
    /// rare.
    pub(crate) fn taxon_number(&self, row: u32, rank: usize) -> Option<u32> {
        let taxa = &self.ranks[rank];
        let number = taxa.cells[row as usize];
        let count = taxa.counts.get((number as usize).checked_sub(1)?)?;
        (*count >= self.min_count).then_some(number)
    }

    /// Name of the taxon with `number` at the rank with place `rank`.
    pub(crate) fn taxon_name(&self, number: u32, rank: usize) -> Option<&str> {
        Some(self.ranks[rank].names.get((number as usize).checked_sub(1)?)?)
    }

    /// Taxa at the rank with place `rank` in too few rows to be kept.
    pub(crate) fn rare_taxa(&self, rank: usize) -> usize {
        self.ranks[rank].counts.iter().filter(|&&count| count < self.min_count).count()
    }

    /// The names that several taxa share at the rank with place `rank`.
    pub(crate) fn homonyms(&self, rank: usize) -> &Homonyms {
        &self.ranks[rank].homonyms
    }

    /// What was met on the way.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
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

fn check_memory(rows: usize, bytes: usize) -> Result<(), Wrong> {
    if rows > MAX_ROWS {
        return Err(Wrong {
            expected: format!("at most {MAX_ROWS} rows"),
            found: "more".to_owned(),
            remedy: "leave out the rows of other records, or tokenize the records in parts, each \
                     with its own table"
                .to_owned(),
        });
    }
    if bytes > MAX_NAMES_BYTES {
        return Err(Wrong {
            expected: format!(
                "different names of taxa and groups of at most {MAX_NAMES_BYTES} bytes"
            ),
            found: "more".to_owned(),
            remedy: "name columns of taxa or groups; one of these has a text for each row"
                .to_owned(),
        });
    }
    Ok(())
}

fn fault_of(wrong: Wrong, fault: readlens_fault::InputFault) -> Fault {
    fault.expected(wrong.expected).found(wrong.found).remedy(wrong.remedy).into()
}

/// The taxa of the ranks that are asked for, told apart by those above them.
fn taxa_apart(path: &Path, levels: &[Level], taxa: Vec<(Names, Vec<u32>)>) -> Result<Vec<Taxa>> {
    // A column of numbers that nobody asked for is none of names: an `order` of a study, perhaps.
    let is_rank = |(level, (names, _)): &(&Level, (Names, Vec<u32>))| {
        level.asked.is_some() || !names.are_numbers()
    };
    let (levels, taxa): (Vec<&Level>, Vec<(Names, Vec<u32>)>) =
        levels.iter().zip(taxa).filter(is_rank).unzip();
    let ranks = levels.iter().zip(taxa);
    let mut ranks: Vec<Rank<'_>> = ranks
        .map(|(level, (names, cells))| Rank { name: &level.name, names: names.into_names(), cells })
        .collect();
    let nested = levels.iter().take_while(|level| level.depth.is_some()).count();
    let mut homonyms = tell_apart(&mut ranks[..nested]).map_err(|name| {
        Fault::input(path)
            .expected("parents with names by which taxa of one name can be told apart")
            .found(format!("several taxa {name:?} without"))
            .remedy("shorten the names of the parents, or rename one of the taxa")
    })?;
    homonyms.resize_with(levels.len(), Homonyms::default);
    let mut asked: Vec<(usize, Taxa)> = levels
        .iter()
        .zip(ranks)
        .zip(homonyms)
        .filter_map(|((level, rank), homonyms)| {
            let Rank { names, cells, .. } = rank;
            Some((level.asked?, Taxa { names, counts: vec![], cells, homonyms }))
        })
        .collect();
    asked.sort_by_key(|(place, _)| *place);
    Ok(asked.into_iter().map(|(_, taxa)| taxa).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_names_have_a_most() {
        assert!(check_memory(MAX_ROWS, MAX_NAMES_BYTES).is_ok());
        let wrong = |rows, bytes| check_memory(rows, bytes).err().map(|wrong| wrong.expected);
        assert_eq!(wrong(MAX_ROWS + 1, 0).as_deref(), Some("at most 16777216 rows"));
        let names = wrong(1, MAX_NAMES_BYTES + 1);
        assert!(names.is_some_and(|expected| expected.starts_with("different names of taxa")));
    }
}
