use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_provenance::InputDigest;
use readlens_text::Lines;

use super::rank::canonical;

/// Files of a taxdump that are read. Those of Kraken and of one's own lack `merged.dmp` and
/// `delnodes.dmp`: no taxid was then merged or deleted.
pub(crate) const TAXDUMP_FILES: [&str; 4] = ["nodes.dmp", "names.dmp", MERGED, DELETED];
const MERGED: &str = "merged.dmp";
const DELETED: &str = "delnodes.dmp";

/// More steps than any lineage has; a longer way to the root is a cycle.
const MAX_DEPTH: usize = 1000;

/// The NCBI taxonomy: `nodes.dmp` in memory (about 50 bytes a node), names only of the taxa that
/// are asked for.
pub(super) struct Taxdump {
    directory: PathBuf,
    nodes: HashMap<u32, Node>,
    ranks: Vec<String>,
    /// None where there is no such file.
    merged: Option<HashMap<u32, u32>>,
    deleted: BTreeSet<u32>,
    digests: Vec<InputDigest>,
}

/// What a taxid is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Current {
    /// It, or the one that it was merged into.
    Taxid(u32),
    /// It was deleted.
    Deleted,
    /// The taxdump does not have it, and has no `merged.dmp` that says why.
    Absent,
}

/// The names of a taxon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Its scientific name.
    pub scientific: String,
    /// The name by which NCBI tells it apart from others with that name; empty where it has none.
    pub unique: String,
}

struct Node {
    parent: u32,
    /// Place in `ranks`.
    rank: u16,
}

/// A row of a `.dmp` file: `a\t|\tb\t|\tc\t|`.
struct DumpFile {
    lines: Lines,
}

impl DumpFile {
    fn open(directory: &Path, name: &str) -> Result<Self> {
        Ok(Self { lines: Lines::open(&directory.join(name))? })
    }

    /// The next row that is not blank, which has at least `N` fields.
    fn next_row<const N: usize>(&mut self) -> Result<Option<[&str; N]>> {
        loop {
            match self.lines.next_line()? {
                None => return Ok(None),
                Some(line) if line.trim().is_empty() => {}
                Some(_) => break,
            }
        }
        let line = self.lines.line().trim_end();
        let line = line.strip_suffix('|').unwrap_or(line);
        // A name may hold the bar. Some tools write files without the tabs.
        let separator = if line.contains("\t|\t") || line.ends_with('\t') { "\t|\t" } else { "|" };
        let mut fields = line.split(separator).map(str::trim);
        let mut row = [""; N];
        for (i, field) in row.iter_mut().enumerate() {
            *field = fields.next().ok_or_else(|| {
                self.lines
                    .fault()
                    .expected(format!("{N} fields or more, separated by tab, bar, tab"))
                    .found(format!("{i} fields"))
                    .remedy("unpack the taxdump again")
            })?;
        }
        Ok(Some(row))
    }

    fn number(&self, field: &str) -> Result<u32> {
        field.parse().map_err(|_| {
            self.lines
                .fault()
                .expected("a taxid")
                .found(format!("{field:?}"))
                .remedy("unpack the taxdump again")
                .into()
        })
    }

    fn finish(self, name: &str) -> Result<InputDigest> {
        self.lines.finish(&format!("taxdump {name}"))
    }
}

impl Taxdump {
    /// Reads all but the names.
    ///
    /// # Errors
    /// A file is missing (`merged.dmp` and `delnodes.dmp` may be), cannot be read, or is not a
    /// taxdump file.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let mut dump = Self {
            directory: directory.to_path_buf(),
            nodes: HashMap::new(),
            ranks: Vec::new(),
            merged: None,
            deleted: BTreeSet::new(),
            digests: Vec::new(),
        };
        dump.read_nodes()?;
        if directory.join(MERGED).exists() {
            let mut file = DumpFile::open(directory, MERGED)?;
            let mut merged = HashMap::new();
            while let Some([old, new]) = file.next_row()?.map(|row| row.map(str::to_owned)) {
                merged.insert(file.number(&old)?, file.number(&new)?);
            }
            dump.merged = Some(merged);
            dump.digests.push(file.finish(MERGED)?);
        }
        if directory.join(DELETED).exists() {
            let mut file = DumpFile::open(directory, DELETED)?;
            while let Some([taxid]) = file.next_row()?.map(|row| row.map(str::to_owned)) {
                dump.deleted.insert(file.number(&taxid)?);
            }
            dump.digests.push(file.finish(DELETED)?);
        }
        Ok(dump)
    }

    fn read_nodes(&mut self) -> Result<()> {
        let mut file = DumpFile::open(&self.directory, "nodes.dmp")?;
        let mut places: HashMap<String, u16> = HashMap::new();
        while let Some([taxid, parent, rank]) = file.next_row()?.map(|row| row.map(str::to_owned)) {
            let (taxid, parent) = (file.number(&taxid)?, file.number(&parent)?);
            let rank = match places.get(&rank) {
                Some(&place) => place,
                None => {
                    let place = u16::try_from(self.ranks.len()).map_err(|_| {
                        file.lines
                            .fault()
                            .expected("at most 65,536 different ranks")
                            .found("more")
                            .remedy("unpack the taxdump again")
                    })?;
                    self.ranks.push(canonical(&rank));
                    places.insert(rank, place);
                    place
                }
            };
            if self.nodes.insert(taxid, Node { parent, rank }).is_some() {
                return Err(file
                    .lines
                    .fault()
                    .expected("one row for each taxid")
                    .found(format!("taxid {taxid} again"))
                    .remedy("unpack the taxdump again")
                    .into());
            }
        }
        self.digests.push(file.finish("nodes.dmp")?);
        Ok(())
    }

    /// Where the names stand, for messages.
    pub(super) fn names_path(&self) -> PathBuf {
        self.directory.join("names.dmp")
    }

    fn nodes_fault(&self, taxid: u32) -> readlens_fault::InputFault {
        Fault::input(self.directory.join("nodes.dmp")).at(Place::Part(format!("taxid {taxid}")))
    }

    /// Checks that the taxonomy has every rank of `ranks`.
    ///
    /// # Errors
    /// It lacks one; the message lists those it has.
    pub(super) fn check_ranks(&self, ranks: &[String]) -> Result<()> {
        for rank in ranks {
            if !self.ranks.contains(&canonical(rank)) {
                let known: BTreeSet<&str> = self.ranks.iter().map(String::as_str).collect();
                let known: Vec<&str> = known.into_iter().take(60).collect();
                return Err(Fault::input(self.directory.join("nodes.dmp"))
                    .expected(format!("taxa of rank {rank:?}"))
                    .found("none")
                    .remedy(format!("choose among the ranks {}", known.join(", ")))
                    .into());
            }
        }
        Ok(())
    }

    /// What `taxid` is now; merges are followed to the end.
    ///
    /// # Errors
    /// The taxonomy does not know it, or its merges end nowhere; what was found, to follow
    /// "found".
    pub(super) fn current(&self, taxid: u32) -> Result<Current, String> {
        let mut current = taxid;
        for _ in 0..MAX_DEPTH {
            if self.nodes.contains_key(&current) {
                return Ok(Current::Taxid(current));
            }
            match self.merged.as_ref().and_then(|merged| merged.get(&current)) {
                Some(&next) => current = next,
                None if self.deleted.contains(&current) => return Ok(Current::Deleted),
                None if self.merged.is_none() => return Ok(Current::Absent),
                None if current == taxid => return Err(format!("taxid {taxid}")),
                None => {
                    return Err(format!(
                        "taxid {taxid}, merged into {current}, which is not there"
                    ));
                }
            }
        }
        Err(format!("taxid {taxid}, whose merges go in a circle"))
    }

    /// Taxids of the ancestors of `taxid` (itself included) at `ranks`.
    ///
    /// # Errors
    /// The way to the root meets a taxid that is not there or does not end.
    pub(super) fn ancestors(&self, taxid: u32, ranks: &[String]) -> Result<Vec<Option<u32>>> {
        let wanted: Vec<String> = ranks.iter().map(|rank| canonical(rank)).collect();
        let mut ancestors = vec![None; ranks.len()];
        let (mut here, mut below) = (taxid, taxid);
        for _ in 0..MAX_DEPTH {
            let Some(node) = self.nodes.get(&here) else {
                return Err(self
                    .nodes_fault(below)
                    .expected("a parent that has a row of its own")
                    .found(format!("the parent {here}, which has none"))
                    .remedy("unpack the taxdump again")
                    .into());
            };
            for (wanted, ancestor) in wanted.iter().zip(&mut ancestors) {
                // The lowest of several ancestors with one rank is the most specific.
                if self.ranks[usize::from(node.rank)] == *wanted && ancestor.is_none() {
                    *ancestor = Some(here);
                }
            }
            if node.parent == here {
                return Ok(ancestors);
            }
            (below, here) = (here, node.parent);
        }
        Err(self
            .nodes_fault(taxid)
            .expected(format!("a way to the root in at most {MAX_DEPTH} steps"))
            .found(format!("a cycle through taxid {here}"))
            .remedy("unpack the taxdump again")
            .into())
    }

    /// Names of `wanted`, and the digests of the files.
    ///
    /// # Errors
    /// `names.dmp` cannot be read or lacks one of them.
    pub(super) fn names(
        mut self,
        wanted: &BTreeSet<u32>,
    ) -> Result<(HashMap<u32, Name>, Vec<InputDigest>)> {
        let mut names = HashMap::with_capacity(wanted.len());
        let mut file = DumpFile::open(&self.directory, "names.dmp")?;
        while let Some([taxid, scientific, unique, class]) = file.next_row()? {
            if class != "scientific name" {
                continue;
            }
            let name = Name { scientific: scientific.to_owned(), unique: unique.to_owned() };
            let taxid = taxid.to_owned();
            let taxid = file.number(&taxid)?;
            if wanted.contains(&taxid) {
                names.insert(taxid, name);
            }
        }
        if let Some(missing) = wanted.iter().find(|taxid| !names.contains_key(taxid)) {
            return Err(Fault::input(self.directory.join("names.dmp"))
                .expected(format!("a scientific name of taxid {missing}"))
                .found("none")
                .remedy("take nodes.dmp and names.dmp from one release")
                .into());
        }
        self.digests.push(file.finish("names.dmp")?);
        Ok((names, self.digests))
    }
}
