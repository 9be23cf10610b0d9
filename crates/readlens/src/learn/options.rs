use std::path::PathBuf;

use clap::Args;

/// Options of `readlens learn`.
#[derive(Debug, Args)]
pub(crate) struct Learn {
    /// FASTA or FASTQ files, plain or compressed with gzip, bgzip or zstd
    #[arg(required = true, value_name = "FASTA|FASTQ")]
    pub(crate) sequences: Vec<PathBuf>,
    /// Taxa of the records: a table with a header, separated by tabs, commas or semicolons
    #[arg(long, value_name = "TSV", required_unless_present = "classifier")]
    pub(crate) taxonomy: Option<PathBuf>,
    /// Explain this classifier instead of learning one: a directory that readlens import or a
    /// training wrote
    ///
    /// Sequences then need no taxa: what it says of them is explained. With a taxonomy it is also
    /// judged.
    #[arg(long, value_name = "DIR")]
    pub(crate) classifier: Option<PathBuf>,
    /// Model directory to write; the same command goes on where it stopped
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Heading of the model's README.md and report
    #[arg(long, value_name = "TEXT", default_value = "A model of these sequences")]
    pub(crate) title: String,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print what is chosen and the command lines of the stages, and write nothing
    ///
    /// The sequences are read once for it.
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) taxa: Taxa,
    #[command(flatten)]
    pub(crate) splits: Splits,
}

/// Where taxa come from. The stage tokenize has these options too, and checks them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taxonomy")]
pub(crate) struct Taxa {
    /// Column of the record identifiers [default: id]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id_column: Option<String>,
    /// Ranks to learn, highest first, each from the column of its name [default: superkingdom,
    /// phylum and genus, or the ranks that the table has if one of these is missing]
    #[arg(long, value_name = "RANK,...", value_delimiter = ',')]
    pub(crate) ranks: Option<Vec<String>>,
    /// Take the ranks from this column of lineages, such as k__Bacteria; p__Bacillota
    #[arg(long, value_name = "COLUMN")]
    pub(crate) lineage_column: Option<String>,
    /// Ranks of the parts of lineages without prefixes, in their order
    #[arg(long, value_name = "RANK,...", value_delimiter = ',')]
    pub(crate) lineage_ranks: Option<Vec<String>>,
    /// Take the ranks from this column of NCBI taxids, with --taxdump
    #[arg(long, value_name = "COLUMN")]
    pub(crate) taxid_column: Option<String>,
    /// Directory of the NCBI taxdump
    #[arg(long, value_name = "DIR")]
    pub(crate) taxdump: Option<PathBuf>,
    /// Minimum number of rows of a taxon; a rarer taxon counts as unknown at its rank
    #[arg(long, value_name = "ROWS", default_value_t = 10)]
    pub(crate) min_count: u32,
}

/// What is learned from, and what is held out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Splits")]
pub(crate) struct Splits {
    /// Take the split from this column of the taxonomy: train, valid, test or empty [default: the
    /// column split, if there is one]
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["split_fractions", "group_column"])]
    pub(crate) split_column: Option<String>,
    /// Split at random: fractions of train, valid and test [default: 0.8,0.1,0.1 without a column
    /// split]
    #[arg(long, value_name = "TRAIN,VALID,TEST")]
    pub(crate) split_fractions: Option<String>,
    /// Split at random, and keep records with equal values in this column of the taxonomy together,
    /// so that close relatives are not on both sides
    #[arg(long, value_name = "COLUMN")]
    pub(crate) group_column: Option<String>,
}
