use readlens_fault::{Fault, Result};
use readlens_kmer::Tokenization;
use readlens_tables::vocabulary::Name;
use serde::{Deserialize, Serialize};

use crate::split::Fractions;
use crate::taxonomy::{is_lineage_rank, is_same_rank, lineage_ranks};
use crate::windows::{Strands, Windows};

/// Longest record that can be allowed, in nucleotides: positions are 32-bit numbers.
const LONGEST_RECORD: u32 = i32::MAX as u32;

/// What tokenizing does, whatever the files are called: the configuration in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// From bases to token ids.
    pub tokenization: Tokenization,
    /// From records to windows.
    pub windows: Windows,
    /// What the taxonomy table says; none where there is no table.
    pub taxonomy: Option<TaxonomyConfig>,
    /// Which split a record belongs to.
    pub splits: Splits,
    /// Longest record that is read, in nucleotides; a record must fit in memory.
    pub max_record_length: u32,
    /// Whether two records may have one identifier; the further ones then get a number behind it.
    pub allow_duplicate_ids: bool,
    /// What becomes of the gaps of aligned sequences.
    #[serde(default)]
    pub gaps: Gaps,
    /// How windows are put into their reading frame; none leaves them as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orient: Option<Orient>,
    /// Gap from which a frame counts as found, in nats; none for that of the model that is given,
    /// or the usual one of a model that is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_gap: Option<f64>,
}

/// How windows are put into their reading frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orient {
    /// They are read on the strand of their codons.
    Strand,
    /// So they are, and they begin with their first whole codon.
    Frame,
}

/// What becomes of the gaps (`-` and `.`) of aligned sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// They stay: a k-mer with a gap is UNK.
    #[default]
    Keep,
    /// They are taken out; positions are those of the sequence without them.
    Remove,
    /// A sequence with gaps is an error.
    Refuse,
}

/// How the taxonomy table is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxonomyConfig {
    /// Column of the record identifiers.
    pub id_column: String,
    /// Ranks to write, as they are called in the table of tokens.
    pub ranks: Vec<String>,
    /// Where the taxa are.
    pub taxa: TaxaSource,
    /// Ranks of the parts of lineages in their order, where these have no prefixes.
    #[serde(default)]
    pub lineage_ranks: Option<Vec<String>>,
    /// Names that count as unknown beside the missing values; `*` stands for any text at the
    /// beginning or end.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Taxa in fewer rows of the table than this become null.
    pub min_count: u32,
    /// Whether every record must have a row.
    pub required: bool,
}

/// Where a taxonomy table has its taxa.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TaxaSource {
    /// One column per rank, of the rank's name.
    Columns,
    /// Lineage strings such as `k__Bacteria; p__Firmicutes` in the column of this name.
    Lineage(String),
    /// NCBI taxids in the column of this name, to be looked up in a taxdump.
    Taxid(String),
}

/// Which split a record belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Splits {
    /// None.
    Unassigned,
    /// The one that this column of the taxonomy names: `train`, `valid`, `test` or nothing.
    Column(String),
    /// By a hash of the seed and the identifier, or of the group where there is a group column.
    Hash {
        /// Fractions of the three splits.
        fractions: Fractions,
        /// Column of the taxonomy whose equal values stay in one split; a record without a value
        /// there is a group of its own.
        group_column: Option<String>,
    },
}

impl Splits {
    /// The column of split names, if there is one.
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Self::Column(column) => Some(column),
            Self::Unassigned | Self::Hash { .. } => None,
        }
    }

    /// The column of groups, if there is one.
    pub(crate) fn group_column(&self) -> Option<&str> {
        match self {
            Self::Hash { group_column, .. } => group_column.as_deref(),
            Self::Unassigned | Self::Column(_) => None,
        }
    }
}

impl Config {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// [`Fault::Usage`] about values that cannot work, alone or together.
    pub fn validate(&self) -> Result<()> {
        self.windows.validate(&self.tokenization)?;
        if self.orient.is_some() {
            self.validate_orient()?;
        }
        if !(1..=LONGEST_RECORD).contains(&self.max_record_length) {
            return Err(Fault::usage(format!(
                "--max-record-length must be 1 to {LONGEST_RECORD} nt, but is {}",
                self.max_record_length
            )));
        }
        if let Splits::Hash { fractions, .. } = &self.splits {
            fractions.validate()?;
        }
        let Some(taxonomy) = &self.taxonomy else {
            if let Some(column) = self.splits.column().or(self.splits.group_column()) {
                return Err(Fault::usage(format!(
                    "the column {column:?} needs a table: pass it as --taxonomy"
                )));
            }
            return Ok(());
        };
        taxonomy.validate()
    }

    fn validate_orient(&self) -> Result<()> {
        if !self.tokenization.alphabet.has_complement() {
            return Err(Fault::usage(
                "--orient looks for codons, which only nucleotide sequences have; drop it",
            ));
        }
        if self.windows.strands != Strands::Forward {
            return Err(Fault::usage(
                "--orient chooses the strand of each window itself; drop --strand",
            ));
        }
        if self.windows.frame > 0 {
            return Err(Fault::usage(
                "--orient finds the frame of each window itself; drop --frame",
            ));
        }
        Ok(())
    }

    /// Names of the rank columns of the table of tokens.
    pub fn ranks(&self) -> &[String] {
        self.taxonomy.as_ref().map_or(&[], |taxonomy| &taxonomy.ranks)
    }
}

impl TaxonomyConfig {
    fn validate(&self) -> Result<()> {
        for (i, rank) in self.ranks.iter().enumerate() {
            if rank.trim().is_empty() {
                return Err(Fault::usage("--ranks holds an empty name; separate names by commas"));
            }
            if let Err(bad) = Name::new(rank) {
                return Err(Fault::usage(format!("--ranks: {bad}; rename the column")));
            }
            if let Some(other) = self.ranks[..i].iter().find(|other| is_same_rank(other, rank)) {
                return Err(Fault::usage(if other == rank {
                    format!("--ranks names {rank:?} twice")
                } else {
                    format!("--ranks names {other:?} and {rank:?}, which are one rank; drop one")
                }));
            }
            if !matches!(self.taxa, TaxaSource::Lineage(_)) {
                continue;
            }
            let (is_there, there) = match &self.lineage_ranks {
                Some(ranks) => (ranks.iter().any(|r| is_same_rank(r, rank)), ranks.join(", ")),
                None => (is_lineage_rank(rank), lineage_ranks()),
            };
            if !is_there {
                return Err(Fault::usage(format!(
                    "lineage strings have no rank {rank:?}; choose among {there}, or name the ranks \
                     of their parts with --lineage-ranks"
                )));
            }
        }
        for (i, rank) in self.lineage_ranks.iter().flatten().enumerate() {
            let ranks = self.lineage_ranks.as_deref().unwrap_or_default();
            if rank.trim().is_empty() || ranks[..i].iter().any(|other| is_same_rank(other, rank)) {
                return Err(Fault::usage(format!(
                    "--lineage-ranks needs a name of its own for each part, but has {rank:?}"
                )));
            }
        }
        if let Some(word) =
            self.unknown.iter().find(|word| word.trim().trim_matches('*').is_empty())
        {
            return Err(Fault::usage(format!(
                "--unknown needs words, but has {word:?}, which would be every name"
            )));
        }
        Ok(())
    }
}
