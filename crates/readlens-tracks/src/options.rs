use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage, one_of};
use readlens_tables::vocabulary::{Name, Ranks};

use crate::config::{Choice, Config, Merge, Paths};
use crate::run::run;

/// Command line of `readlens-tracks`.
#[derive(Debug, Args)]
pub struct Options {
    /// Masks per nucleotide of readlens-mask --bases
    #[arg(long, value_name = "PARQUET")]
    bases: PathBuf,
    /// Table of stretches to write, of all masks that are chosen
    #[arg(long, value_name = "PARQUET")]
    stretches: PathBuf,
    /// Predictions for records of readlens-predict --records, which name the taxa of stretches
    ///
    /// A stretch gets the taxon of its record at the rank of its mask; at the last rank, where the
    /// mask is for all ranks.
    #[arg(long, value_name = "PARQUET")]
    predictions: Option<PathBuf>,
    /// FASTA files that were tokenized, in their order, plain or packed; repeat for more
    ///
    /// They give the lengths of the records. Without them a record ends with its last window.
    #[arg(long, value_name = "FASTA")]
    sequences: Vec<PathBuf>,
    /// Bases whose merged mask is above this are of a stretch, 0 or more and below 1
    #[arg(long, value_name = "VALUE", default_value_t = Config::default().threshold)]
    threshold: f32,
    /// How windows that cover the same base are merged, those of both strands alike
    #[arg(
        long,
        value_name = "RULE",
        default_value = Merge::default().name(),
        value_parser = one_of(Merge::ALL, Merge::name, Merge::meaning)
    )]
    merge: Merge,
    /// Take only masks of this method [default: all methods]
    #[arg(long, value_name = "NAME")]
    method: Option<Name>,
    /// Take only this replicate of the methods, from 1 [default: all replicates]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    replicate: Option<u32>,
    /// Take only masks for this rank, or `all` for those of all ranks together [default: any]
    #[arg(long, value_name = "RANK")]
    rank: Option<Ranks>,

    /// Also write the stretches as BED: name is the taxon or rank, score 1000 times the mean
    #[arg(long, value_name = "BED", help_heading = "Tracks of one mask")]
    bed: Option<PathBuf>,
    /// Also write the stretches as GFF3
    #[arg(long, value_name = "GFF3", help_heading = "Tracks of one mask")]
    gff3: Option<PathBuf>,
    /// Also write the merged mask as bedGraph
    #[arg(long, value_name = "BEDGRAPH", help_heading = "Tracks of one mask")]
    bedgraph: Option<PathBuf>,
    /// Also write the merged mask as bigWig
    #[arg(long, value_name = "BIGWIG", help_heading = "Tracks of one mask")]
    bigwig: Option<PathBuf>,
    /// Also write the sequences with the bases of stretches in upper case and all others in lower
    #[arg(long, value_name = "FASTA", help_heading = "Tracks of one mask")]
    masked_fasta: Option<PathBuf>,
}

impl Stage for Options {
    const NAME: &'static str = "tracks";
    const ABOUT: &'static str = "Write the stretches that masks mark, and masks as browser tracks";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            threshold: self.threshold,
            merge: self.merge,
            choice: Choice { method: self.method, replicate: self.replicate, rank: self.rank },
        };
        let paths = Paths {
            bases: self.bases,
            predictions: self.predictions,
            sequences: self.sequences,
            stretches: self.stretches,
            bed: self.bed,
            gff3: self.gff3,
            bedgraph: self.bedgraph,
            bigwig: self.bigwig,
            masked_fasta: self.masked_fasta,
        };
        run(&config, &paths, context)
    }
}
