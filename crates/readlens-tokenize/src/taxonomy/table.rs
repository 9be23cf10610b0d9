use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use readlens_fault::{Fault, Result};
use readlens_provenance::InputDigest;
use readlens_tables::vocabulary::{Split, Vocabulary};
use readlens_text::Table;

use super::Wrong;
use super::identity::{Homonyms, Rank, tell_apart};
use super::lineage::Lineages;
use super::names::Names;
use super::rank::{canonical, is_lineage_rank, is_same_rank, place_of_rank};
use super::taxdump::{Current, Name, Taxdump};
use super::unknown::{Unknown, known};
use crate::config::{Splits, TaxaSource, TaxonomyConfig};
use crate::input::{Fingerprint, fingerprint};

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
struct Taxa {
    names: Vec<Arc<str>>,
    /// Rows of each taxon.
    counts: Vec<u32>,
    /// Number of the taxon of each row; 0 for none.
    cells: Vec<u32>,
    homonyms: Homonyms,
}

/// A rank that is read: to be written, or to tell apart the taxa below it.
#[derive(Clone, Debug)]
struct Level {
    /// Its name in the table or in lineages.
    name: String,
    /// Place among the ranks that are asked for.
    asked: Option<usize>,
    /// Place from the root down; none where it is no rank of a taxonomy.
    depth: Option<usize>,
}

/// The ranks to read, from the root down, and behind them those that are none of a taxonomy.
///
/// Taxa of one name are told apart by the ranks above them that are asked for. Above the highest
/// of these, the `available` ranks do it.
fn levels(
    config: &TaxonomyConfig,
    available: &[String],
    depth: impl Fn(&str) -> Option<usize>,
) -> Vec<Level> {
    let asked = config.ranks.iter().enumerate().map(|(place, rank)| Level {
        name: rank.clone(),
        asked: Some(place),
        depth: depth(rank),
    });
    let mut levels: Vec<Level> = asked.collect();
    let highest = levels.iter().filter_map(|level| level.depth).min();
    for name in available {
        let depth = depth(name);
        let is_known = levels.iter().any(|level| is_same_rank(&level.name, name));
        if !is_known && depth.zip(highest).is_some_and(|(depth, highest)| depth < highest) {
            levels.push(Level { name: name.clone(), asked: None, depth });
        }
    }
    levels.sort_by_key(|level| level.depth.unwrap_or(usize::MAX));
    levels
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
                let free = table.columns().iter().filter(|c| !taken.contains(&Some(c.as_str())));
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

/// Looks up what the rows of taxids have left open; returns the digests of the taxdump.
fn look_up(
    taxdump: Taxdump,
    taxids: &[Option<u32>],
    config: &TaxonomyConfig,
    unknown: &Unknown,
) -> Result<(Vec<Taxa>, Vec<InputDigest>)> {
    let ranks = &config.ranks;
    let mut lineages: HashMap<u32, Vec<Option<u32>>> = HashMap::new();
    for &taxid in taxids.iter().flatten() {
        if let Entry::Vacant(place) = lineages.entry(taxid) {
            place.insert(taxdump.ancestors(taxid, ranks)?);
        }
    }
    let wanted: BTreeSet<u32> = lineages.values().flatten().flatten().copied().collect();
    let (names, digests) = taxdump.names(&wanted)?;
    let of_rank = |rank: usize| {
        let taxa: BTreeSet<u32> = lineages.values().filter_map(|lineage| lineage[rank]).collect();
        let named = taxa.into_iter().filter(|taxid| {
            names.get(taxid).is_some_and(|name| unknown.taxon(&name.scientific).is_some())
        });
        let taxa: Vec<u32> = named.collect();
        let (unique, homonyms) = unique_names(&taxa, &names);
        let numbers: HashMap<u32, u32> = taxa.iter().copied().zip(1..).collect();
        let cell = |taxid: &Option<u32>| {
            let ancestor = taxid.and_then(|taxid| lineages[&taxid][rank]);
            ancestor.and_then(|ancestor| numbers.get(&ancestor).copied()).unwrap_or(0)
        };
        Taxa { cells: taxids.iter().map(cell).collect(), names: unique, counts: vec![], homonyms }
    };
    Ok(((0..ranks.len()).map(of_rank).collect(), digests))
}

/// A name for each of `taxa`: its scientific name, or where several have that, its unique name or
/// else the scientific name with the taxid.
fn unique_names(taxa: &[u32], names: &HashMap<u32, Name>) -> (Vec<Arc<str>>, Homonyms) {
    let mut of_name: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
    for taxid in taxa {
        of_name.entry(&names[taxid].scientific).or_default().push(&names[taxid]);
    }
    let unique = |taxid: &u32| -> Arc<str> {
        let name = &names[taxid];
        let homonyms = &of_name[name.scientific.as_str()];
        let sharing = homonyms.iter().filter(|other| other.unique == name.unique).count();
        if homonyms.len() == 1 {
            name.scientific.as_str().into()
        } else if !name.unique.is_empty() && sharing == 1 {
            name.unique.as_str().into()
        } else {
            format!("{} (taxid {taxid})", name.scientific).into()
        }
    };
    let unique: Vec<Arc<str>> = taxa.iter().map(unique).collect();
    let shared = taxa
        .iter()
        .zip(&unique)
        .filter(|(taxid, _)| of_name[names[taxid].scientific.as_str()].len() > 1);
    let shared: BTreeSet<&str> = shared.map(|(_, unique)| &**unique).collect();
    let homonyms = Homonyms {
        names: of_name.values().filter(|taxa| taxa.len() > 1).count() as u64,
        examples: shared.into_iter().take(10).map(str::to_owned).collect(),
        ambiguous_rows: 0,
    };
    (unique, homonyms)
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

fn fault_of(wrong: Wrong, fault: readlens_fault::InputFault) -> Fault {
    fault.expected(wrong.expected).found(wrong.found).remedy(wrong.remedy).into()
}

/// The taxa of the ranks that are asked for, told apart by those above them.
fn taxa_apart(path: &Path, levels: &[Level], taxa: Vec<(Names, Vec<u32>)>) -> Result<Vec<Taxa>> {
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
