use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_stage::{Context, Stage};

use crate::config::{Config, Splits, TaxaSource, TaxonomyConfig};
use crate::run::{Inputs, Outputs};
use crate::split::Fractions;
use crate::windows::{Strands, Windows};

/// Ranks of the paper, where no others are asked for.
const DEFAULT_RANKS: [&str; 3] = ["superkingdom", "phylum", "genus"];

/// What is typed: the files, how they are read, cut, labelled and split.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// FASTA or FASTQ files, plain or packed with gzip, bgzip or zstd; - is standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Table of tokens to write (Parquet)
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Summary to write (JSON): what was read, kept and skipped, and why
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Longest record that is read, in nucleotides; a record must fit in memory
    #[arg(long, value_name = "NT", default_value_t = 500_000_000)]
    pub max_record_length: u32,
    /// Accept records with equal identifiers; memory then does not grow with their number
    #[arg(long)]
    pub allow_duplicate_ids: bool,
    #[command(flatten)]
    tokens: TokenOptions,
    #[command(flatten)]
    taxonomy: TaxonomyOptions,
    #[command(flatten)]
    splits: SplitOptions,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Tokens and windows")]
struct TokenOptions {
    /// Letters of the sequences
    #[arg(long, value_enum, default_value_t)]
    alphabet: AlphabetOption,
    /// Letters in a token, 1 to 8
    #[arg(long, value_name = "NT", default_value_t = 6)]
    k: u32,
    /// Nucleotides from one k-mer to the next [default: k, side by side]
    #[arg(long, value_name = "NT")]
    stride: Option<u32>,
    /// Do not put a CLS token before the first k-mer
    #[arg(long)]
    no_cls: bool,
    /// Length of a window, in nucleotides; the last one is anchored to the record's end
    /// [default: the whole record]
    #[arg(long, value_name = "NT")]
    window: Option<u32>,
    /// Nucleotides that neighbouring windows share
    #[arg(long, value_name = "NT", default_value_t = 0)]
    overlap: u32,
    /// Strands to read; windows of the reverse strand follow those of the forward strand
    #[arg(long, value_parser = strands(), default_value = "forward")]
    strand: Strands,
    /// Nucleotides dropped at the start of each window in its reading direction
    #[arg(long, value_name = "NT", default_value_t = 0)]
    frame: u32,
    /// Fewest k-mers of a window; records without such a window are skipped and counted
    #[arg(long, value_name = "TOKENS", default_value_t = 1)]
    min_tokens: u32,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Taxonomy")]
struct TaxonomyOptions {
    /// Tab-separated table with a header; empty, unknown, unclassified, unassigned, NA and bare
    /// prefixes such as g__ mean that the taxon is not known
    #[arg(long, value_name = "TSV")]
    taxonomy: Option<PathBuf>,
    /// Column of the record identifiers [default: id]
    #[arg(long, value_name = "COLUMN")]
    id_column: Option<String>,
    /// Ranks to keep [default: superkingdom,phylum,genus]
    #[arg(long, value_name = "RANK,...", value_delimiter = ',')]
    ranks: Option<Vec<String>>,
    /// Column of lineages such as k__Bacteria; p__Bacillota (QIIME, GTDB, Kraken, SILVA)
    #[arg(long, value_name = "COLUMN")]
    lineage_column: Option<String>,
    /// Column of NCBI taxids
    #[arg(long, value_name = "COLUMN")]
    taxid_column: Option<String>,
    /// Directory of the NCBI taxdump: nodes.dmp, names.dmp, merged.dmp and perhaps delnodes.dmp
    #[arg(long, value_name = "DIR")]
    taxdump: Option<PathBuf>,
    /// Taxa in fewer rows of the table than this become unknown, rank by rank [default: 1]
    #[arg(long, value_name = "ROWS")]
    min_count: Option<u32>,
    /// Stop at a record without a row in the table instead of keeping it without taxa
    #[arg(long)]
    require_taxonomy: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Splits")]
struct SplitOptions {
    /// Column of the taxonomy that names the split: train, valid, test or nothing
    #[arg(long, value_name = "COLUMN")]
    split_column: Option<String>,
    /// Shares of train, valid and test, by a hash of seed and identifier
    #[arg(long, value_name = "TRAIN,VALID,TEST", value_delimiter = ',')]
    split_fractions: Option<Vec<f64>>,
    /// Column of the taxonomy whose equal values stay in one split
    #[arg(long, value_name = "COLUMN")]
    group_column: Option<String>,
    /// Seed of the hashed splits
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AlphabetOption {
    /// A, C, G, T, with U read as T
    #[default]
    Dna,
}

impl From<AlphabetOption> for Alphabet {
    fn from(option: AlphabetOption) -> Self {
        match option {
            AlphabetOption::Dna => Self::Dna,
        }
    }
}

fn strands() -> impl TypedValueParser<Value = Strands> {
    PossibleValuesParser::new(["forward", "reverse", "both"]).map(|name| match name.as_str() {
        "reverse" => Strands::Reverse,
        "both" => Strands::Both,
        _ => Strands::Forward,
    })
}

impl TaxonomyOptions {
    fn config(&self) -> Result<Option<TaxonomyConfig>> {
        if self.taxonomy.is_none() {
            let without = [
                ("--id-column", self.id_column.is_some()),
                ("--ranks", self.ranks.is_some()),
                ("--lineage-column", self.lineage_column.is_some()),
                ("--taxid-column", self.taxid_column.is_some()),
                ("--min-count", self.min_count.is_some()),
                ("--require-taxonomy", self.require_taxonomy),
            ];
            if let Some((name, _)) = without.iter().find(|(_, is_given)| *is_given) {
                return Err(Fault::usage(format!("{name} is about a table: pass --taxonomy")));
            }
            return Ok(None);
        }
        let taxa = match (&self.lineage_column, &self.taxid_column) {
            (None, None) => TaxaSource::Columns,
            (Some(column), None) => TaxaSource::Lineage(column.clone()),
            (None, Some(column)) => TaxaSource::Taxid(column.clone()),
            (Some(_), Some(_)) => {
                return Err(Fault::usage("pass --lineage-column or --taxid-column, not both"));
            }
        };
        let default_ranks = || DEFAULT_RANKS.map(str::to_owned).to_vec();
        Ok(Some(TaxonomyConfig {
            id_column: self.id_column.clone().unwrap_or_else(|| "id".to_owned()),
            ranks: self.ranks.clone().unwrap_or_else(default_ranks),
            taxa,
            min_count: self.min_count.unwrap_or(1),
            required: self.require_taxonomy,
        }))
    }
}

impl SplitOptions {
    fn config(&self) -> Result<Splits> {
        match (&self.split_column, &self.split_fractions, &self.group_column) {
            (Some(_), Some(_), _) => {
                Err(Fault::usage("pass --split-column or --split-fractions, not both"))
            }
            (_, None, Some(_)) => Err(Fault::usage(
                "--group-column keeps groups together in hashed splits: pass --split-fractions",
            )),
            (None, None, None) => Ok(Splits::Unassigned),
            (Some(column), None, None) => Ok(Splits::Column(column.clone())),
            (None, Some(shares), group_column) => {
                let shares: [f64; 3] = shares.as_slice().try_into().map_err(|_| {
                    Fault::usage(format!(
                        "--split-fractions needs three shares (train, valid, test), but has {}; \
                         try 0.8,0.1,0.1",
                        shares.len()
                    ))
                })?;
                let group_column = group_column.clone();
                Ok(Splits::Hash { fractions: Fractions(shares), group_column })
            }
        }
    }
}

impl Stage for Options {
    const NAME: &'static str = "tokenize";
    const ABOUT: &'static str = "Turn FASTA or FASTQ into k-mer tokens, with taxa and splits";

    fn run(self, context: &Context) -> Result<()> {
        let tokens = &self.tokens;
        let config = Config {
            tokenization: Tokenization::new(
                tokens.alphabet.into(),
                tokens.k,
                tokens.stride.unwrap_or(tokens.k),
                !tokens.no_cls,
            )?,
            windows: Windows {
                length: tokens.window,
                overlap: tokens.overlap,
                frame: tokens.frame,
                strands: tokens.strand,
                min_tokens: tokens.min_tokens,
            },
            taxonomy: self.taxonomy.config()?,
            splits: self.splits.config()?,
            max_record_length: self.max_record_length,
            allow_duplicate_ids: self.allow_duplicate_ids,
        };
        let inputs = Inputs {
            sequences: self.inputs,
            taxonomy: self.taxonomy.taxonomy,
            taxdump: self.taxonomy.taxdump,
        };
        let outputs = Outputs { tokens: self.output, summary: self.summary };
        crate::run(&inputs, &config, self.splits.seed, &outputs, context).map(drop)
    }
}
