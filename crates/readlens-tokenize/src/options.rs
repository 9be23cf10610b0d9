use std::path::PathBuf;

use clap::{Args, ValueEnum};
use readlens_fault::{Fault, Result};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_stage::{Context, Stage, refuse_without};

use crate::config::{Config, Gaps, Orient, Splits, TaxaSource, TaxonomyConfig};
use crate::like::Like;
use crate::run::{Inputs, Outputs};
use crate::split::Fractions;
use crate::taxonomy::DEFAULT_WORDS;
use crate::windows::{Strands, Windows};

/// Ranks of the paper, unless others are asked for.
const DEFAULT_RANKS: [&str; 3] = ["superkingdom", "phylum", "genus"];

/// What is typed: the files, how they are read, cut, labelled and split.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// FASTA or FASTQ files, plain or compressed with gzip, bgzip or zstd; - is standard input
    #[arg(required = true, value_name = "FASTA|FASTQ")]
    inputs: Vec<PathBuf>,
    /// Token table to write
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Also write a summary: what was read, kept and skipped, and why
    #[arg(long, value_name = "JSON")]
    summary: Option<PathBuf>,
    /// Maximum length of a record, in nucleotides; a longer one is an error
    #[arg(long, value_name = "NT", default_value_t = 500_000_000, hide_short_help = true)]
    max_record_length: u32,
    /// Accept records with equal identifiers: the second a becomes a#2, and so on
    ///
    /// Mates of sequencing, whose headers say which of the two they are, need no option. They
    /// become a/1 and a/2.
    #[arg(long, hide_short_help = true)]
    allow_duplicate_ids: bool,
    /// What becomes of gaps, - and ., of aligned sequences
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, hide_short_help = true)]
    gaps: GapsOption,
    #[command(flatten)]
    tokens: TokenOptions,
    #[command(flatten)]
    frames: FrameOptions,
    #[command(flatten)]
    taxonomy: TaxonomyOptions,
    #[command(flatten)]
    splits: SplitOptions,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Tokens and windows")]
struct TokenOptions {
    /// Read the sequences as this classifier reads them
    ///
    /// Its folder gives k-mers, stride, CLS, reading frame, the longest window, and the ranks where
    /// a taxonomy is given. Longer records are cut into windows.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "k", "stride", "no_cls", "orient", "orient_least_gap", "orient_model", "save_orient_model"
        ]
    )]
    like: Option<PathBuf>,
    /// Length of a k-mer, which is one token, in nucleotides, 1 to 8
    #[arg(long, value_name = "NT", default_value_t = 6)]
    k: u32,
    /// Nucleotides from one k-mer to the next [default: k, so that k-mers do not overlap]
    #[arg(long, value_name = "NT")]
    stride: Option<u32>,
    /// Put no CLS token before the first k-mer; a classifier with --pooling cls needs that token
    #[arg(long, hide_short_help = true)]
    no_cls: bool,
    /// Length of a window, in nucleotides [default: the whole record, or that of --like]
    ///
    /// The last window ends with the record, so it may overlap the one before it by more than
    /// --overlap. A record that is shorter than a window is one window.
    #[arg(long, value_name = "NT")]
    window: Option<u32>,
    /// Nucleotides that neighbouring windows have in common, below --window
    #[arg(long, value_name = "NT", default_value_t = 0)]
    overlap: u32,
    /// Strands to read
    #[arg(long, value_enum, value_name = "STRAND", default_value_t)]
    strand: StrandOption,
    /// Nucleotides to drop at the start of each window, in reading direction
    #[arg(long, value_name = "NT", default_value_t = 0, hide_short_help = true)]
    frame: u32,
    /// Minimum number of k-mers of a window; shorter windows are skipped and counted
    #[arg(long, value_name = "TOKENS", default_value_t = 1, hide_short_help = true)]
    min_tokens: u32,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reading frame")]
struct FrameOptions {
    /// Read each window on the strand of its codons, from its first whole codon on
    ///
    /// For genes, transcripts, and genomes that are mostly genes. The frame is learned from the
    /// windows of the split train without labels. A window without a clear frame stays as it is.
    /// With --stride 3 each token begins at a codon; with --k 3 each token is one. A value needs an
    /// equals sign: --orient=strand. --min-tokens counts before bases are trimmed off.
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true,
          default_missing_value = "frame")]
    orient: Option<OrientOption>,
    /// Gap from which a frame counts as found, in nats: log posterior of the best frame less that
    /// of the next, corrected for what was learned from [default: 3]
    ///
    /// -1000 puts windows into their likeliest frame, clear or not: those of related sequences are
    /// then still read alike. Too short windows, and those of a GC share without codons, stay.
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    orient_least_gap: Option<f64>,
    /// Find frames by this model, so that new sequences are read as those of the classifier were
    #[arg(long, value_name = "JSON")]
    orient_model: Option<PathBuf>,
    /// Also write the model that was learned; the table and the classifier keep it too
    #[arg(long, value_name = "JSON", hide_short_help = true)]
    save_orient_model: Option<PathBuf>,
}

/// As typed; see [`Orient`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OrientOption {
    /// On the strand of its codons
    Strand,
    /// On that strand, from the first whole codon on
    Frame,
}

impl From<OrientOption> for Orient {
    fn from(option: OrientOption) -> Self {
        match option {
            OrientOption::Strand => Self::Strand,
            OrientOption::Frame => Self::Frame,
        }
    }
}

impl FrameOptions {
    fn config(&self) -> Result<Option<Orient>> {
        let of_orient = [
            ("--orient-model", self.orient_model.is_some()),
            ("--save-orient-model", self.save_orient_model.is_some()),
            ("--orient-least-gap", self.orient_least_gap.is_some()),
        ];
        refuse_without("--orient", self.orient.is_some(), &of_orient)?;
        if self.orient_model.is_some() && self.save_orient_model.is_some() {
            return Err(Fault::usage(
                "--save-orient-model writes a model that was learned, but --orient-model gives one; \
                 drop one of the two",
            ));
        }
        if self.orient_model.is_some() && self.orient_least_gap.is_some() {
            return Err(Fault::usage(
                "--orient-least-gap is part of a model that is learned, but --orient-model gives \
                 one; drop one of the two",
            ));
        }
        Ok(self.orient.map(Orient::from))
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Taxonomy")]
struct TaxonomyOptions {
    /// Taxa of the records: a table with a header, separated by tabs, commas or semicolons
    ///
    /// These mean that a taxon is unknown: an empty field, unknown, unclassified, unassigned, what
    /// pandas, R and Excel write for a missing value (NA, nan, None, null, #N/A, -), a bare prefix
    /// such as g__, and the words of --unknown.
    #[arg(long, value_name = "TSV")]
    taxonomy: Option<PathBuf>,
    /// Column of the record identifiers [default: id]
    #[arg(long, value_name = "COLUMN")]
    id_column: Option<String>,
    /// Ranks to keep, each from the column of its name [default: superkingdom,phylum,genus]
    #[arg(long, value_name = "RANK,...", value_delimiter = ',')]
    ranks: Option<Vec<String>>,
    /// Take the ranks from this column of lineages, such as k__Bacteria; p__Bacillota
    ///
    /// The lineages of QIIME, Greengenes, UNITE, GTDB, Kraken, MetaPhlAn and RDP are understood,
    /// and those of SILVA by RESCRIPt. Others have no prefixes: name their ranks with
    /// --lineage-ranks.
    #[arg(long, value_name = "COLUMN")]
    lineage_column: Option<String>,
    /// Ranks of the parts of lineages without prefixes, such as Bacteria;Bacillota;, in their order
    ///
    /// For SILVA, DADA2 and mothur: superkingdom,phylum,class,order,family,genus. For PR2:
    /// superkingdom,supergroup,division,subdivision,class,order,family,genus,species. Confidences
    /// such as (100) are dropped.
    #[arg(long, value_name = "RANK,...", value_delimiter = ',')]
    lineage_ranks: Option<Vec<String>>,
    /// Names that count as unknown taxa, in any case; * at the beginning or end is any text
    /// [default: uncultured and the like, which the summary lists]
    #[arg(long, value_name = "WORD,...", value_delimiter = ',', hide_short_help = true)]
    unknown: Option<Vec<String>>,
    /// Take the ranks from this column of NCBI taxids, with --taxdump
    #[arg(long, value_name = "COLUMN")]
    taxid_column: Option<String>,
    /// Directory of the NCBI taxdump: nodes.dmp, names.dmp, and merged.dmp and delnodes.dmp if
    /// present
    #[arg(long, value_name = "DIR")]
    taxdump: Option<PathBuf>,
    /// Minimum number of rows of a taxon; a rarer taxon counts as unknown at its rank [default: 1]
    #[arg(long, value_name = "ROWS")]
    min_count: Option<u32>,
    /// Stop at a record without a row in the table [default: keep it without taxa]
    #[arg(long, hide_short_help = true)]
    require_taxonomy: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Splits")]
struct SplitOptions {
    /// Take the split from this column of the taxonomy: train, valid, test or empty
    #[arg(long, value_name = "COLUMN")]
    split_column: Option<String>,
    /// Split at random: fractions of train, valid and test that add up to 1, such as 0.8,0.1,0.1
    ///
    /// The split of a record depends on its identifier and the seed only, so it stays the same when
    /// records are added.
    #[arg(long, value_name = "TRAIN,VALID,TEST", value_delimiter = ',')]
    split_fractions: Option<Vec<f64>>,
    /// Keep records with equal values in this column of the taxonomy in one random split
    #[arg(long, value_name = "COLUMN")]
    group_column: Option<String>,
    /// Seed of the random splits [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// As typed; see [`Gaps`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum GapsOption {
    /// They stay, and a k-mer with a gap is unknown
    #[default]
    Keep,
    /// They are taken out before the sequence is cut
    Remove,
    /// A sequence with gaps is an error
    Refuse,
}

impl From<GapsOption> for Gaps {
    fn from(option: GapsOption) -> Self {
        match option {
            GapsOption::Keep => Self::Keep,
            GapsOption::Remove => Self::Remove,
            GapsOption::Refuse => Self::Refuse,
        }
    }
}

/// As typed; see [`Strands`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum StrandOption {
    /// The sequence as it stands
    #[default]
    Forward,
    /// Its reverse complement
    Reverse,
    /// Windows of the forward strand, then those of the reverse strand
    Both,
}

impl From<StrandOption> for Strands {
    fn from(option: StrandOption) -> Self {
        match option {
            StrandOption::Forward => Self::Forward,
            StrandOption::Reverse => Self::Reverse,
            StrandOption::Both => Self::Both,
        }
    }
}

impl TaxonomyOptions {
    /// What the table says; its ranks are `ranks` unless others were typed.
    fn config(&self, ranks: impl FnOnce() -> Vec<String>) -> Result<Option<TaxonomyConfig>> {
        let of_taxonomy = [
            ("--id-column", self.id_column.is_some()),
            ("--ranks", self.ranks.is_some()),
            ("--lineage-column", self.lineage_column.is_some()),
            ("--taxid-column", self.taxid_column.is_some()),
            ("--unknown", self.unknown.is_some()),
            ("--min-count", self.min_count.is_some()),
            ("--require-taxonomy", self.require_taxonomy),
        ];
        refuse_without("--taxonomy", self.taxonomy.is_some(), &of_taxonomy)?;
        let of_lineages = [("--lineage-ranks", self.lineage_ranks.is_some())];
        refuse_without("--lineage-column", self.lineage_column.is_some(), &of_lineages)?;
        if self.taxonomy.is_none() {
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
        Ok(Some(TaxonomyConfig {
            id_column: self.id_column.clone().unwrap_or_else(|| "id".to_owned()),
            ranks: self.ranks.clone().unwrap_or_else(ranks),
            taxa,
            lineage_ranks: self.lineage_ranks.clone(),
            unknown: match &self.unknown {
                Some(words) => words.iter().filter(|word| !word.is_empty()).cloned().collect(),
                None => DEFAULT_WORDS.map(str::to_owned).to_vec(),
            },
            min_count: self.min_count.unwrap_or(1),
            required: self.require_taxonomy,
        }))
    }
}

impl SplitOptions {
    fn config(&self) -> Result<Splits> {
        let of_fractions =
            [("--group-column", self.group_column.is_some()), ("--seed", self.seed.is_some())];
        refuse_without("--split-fractions", self.split_fractions.is_some(), &of_fractions)?;
        match (&self.split_column, &self.split_fractions) {
            (Some(_), Some(_)) => {
                Err(Fault::usage("pass --split-column or --split-fractions, not both"))
            }
            (None, None) => Ok(Splits::Unassigned),
            (Some(column), None) => Ok(Splits::Column(column.clone())),
            (None, Some(fractions)) => {
                let fractions: [f64; 3] = fractions.as_slice().try_into().map_err(|_| {
                    Fault::usage(format!(
                        "--split-fractions needs three fractions (train, valid, test), but has {}; \
                         try 0.8,0.1,0.1",
                        fractions.len()
                    ))
                })?;
                let group_column = self.group_column.clone();
                Ok(Splits::Hash { fractions: Fractions(fractions), group_column })
            }
        }
    }
}

impl Stage for Options {
    const NAME: &'static str = "tokenize";
    const ABOUT: &'static str = "Turn FASTA or FASTQ into k-mer tokens, with taxa and splits";

    fn run(self, context: &Context) -> Result<()> {
        let like = self.like()?;
        let config = self.config_like(like.as_ref())?;
        let of_model = like.and_then(|like| like.frame).map(|(_, path)| path);
        let inputs = Inputs {
            sequences: self.inputs,
            taxonomy: self.taxonomy.taxonomy,
            taxdump: self.taxonomy.taxdump,
            frame_model: self.frames.orient_model.or(of_model),
        };
        let outputs = Outputs {
            tokens: self.output,
            summary: self.summary,
            frame_model: self.frames.save_orient_model,
        };
        crate::run(&inputs, &config, self.splits.seed.unwrap_or(1), &outputs, context).map(drop)
    }
}

impl Options {
    /// How the inputs are read.
    ///
    /// # Errors
    /// [`Fault::Usage`] about options that do not go together; the classifier that they are to be
    /// read for cannot be used.
    #[doc(hidden)]
    pub fn config(&self) -> Result<Config> {
        self.config_like(self.like()?.as_ref())
    }

    /// What the classifier says that the sequences are to be read for.
    fn like(&self) -> Result<Option<Like>> {
        self.tokens.like.as_deref().map(Like::read).transpose()
    }

    fn config_like(&self, like: Option<&Like>) -> Result<Config> {
        let tokens = &self.tokens;
        let longest = like.and_then(|like| like.longest_window);
        // Tokens of a list may have more letters than one, and then a longer window has few enough.
        let is_of_kmers = like.is_some_and(|like| like.tokenization.kmers().is_some());
        if let (Some(typed), Some(longest)) = (tokens.window, longest)
            && typed > longest
            && is_of_kmers
        {
            return Err(Fault::usage(format!(
                "--window is {typed} nt, but the classifier of --like reads windows of at most \
                 {longest} nt; give no more, or leave it out"
            )));
        }
        let stride = tokens.stride.unwrap_or(tokens.k);
        let default_ranks = || match like {
            Some(like) => like.ranks.clone(),
            None => DEFAULT_RANKS.map(str::to_owned).to_vec(),
        };
        Ok(Config {
            tokenization: match like {
                Some(like) => like.tokenization.clone(),
                None => Tokenization::new(Alphabet::Dna, tokens.k, stride, !tokens.no_cls)?,
            },
            windows: Windows {
                length: tokens.window.or(longest),
                overlap: tokens.overlap,
                frame: tokens.frame,
                strands: tokens.strand.into(),
                min_tokens: tokens.min_tokens,
            },
            taxonomy: self.taxonomy.config(default_ranks)?,
            splits: self.splits.config()?,
            max_record_length: self.max_record_length,
            allow_duplicate_ids: self.allow_duplicate_ids,
            gaps: self.gaps.into(),
            orient: match like {
                Some(like) => like.frame.as_ref().map(|(orient, _)| *orient),
                None => self.frames.config()?,
            },
            least_gap: self.frames.orient_least_gap,
        })
    }
}
