use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::config::{Config, RankSize};

/// What is typed: how many records of which shape, and where to.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Directory to write: sequences.fasta, taxonomy.tsv, truth.tsv, motifs.tsv, manifest.json
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Ranks from the root down, each with its number of taxa
    #[arg(
        long,
        value_name = "RANK=TAXA,...",
        value_delimiter = ',',
        default_value = "superkingdom=2,phylum=4,genus=12"
    )]
    ranks: Vec<RankSize>,
    #[command(flatten)]
    records: RecordOptions,
    #[command(flatten)]
    sequences: SequenceOptions,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Number of records")]
struct RecordOptions {
    /// Records of the split train
    #[arg(long, value_name = "N", default_value_t = Config::default().train)]
    train: u32,
    /// Records of the split valid
    #[arg(long, value_name = "N", default_value_t = Config::default().valid)]
    valid: u32,
    /// Records of the split test
    #[arg(long, value_name = "N", default_value_t = Config::default().test)]
    test: u32,
    /// Chimeras: records whose halves come from two taxa, in files of their own
    #[arg(
        long,
        value_name = "N",
        default_value_t = Config::default().chimeras,
        hide_short_help = true
    )]
    chimeras: u32,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sequences")]
struct SequenceOptions {
    /// Mean length of a record, in nucleotides
    #[arg(long, value_name = "NT", default_value_t = Config::default().length)]
    length: u32,
    /// Maximum difference of a record's length from the mean, in nucleotides
    #[arg(
        long,
        value_name = "NT",
        default_value_t = Config::default().length_spread,
        hide_short_help = true
    )]
    length_spread: u32,
    /// Length of a planted motif, in nucleotides; every record has one motif per rank
    #[arg(long, value_name = "NT", default_value_t = Config::default().motif_length)]
    motif_length: u32,
    /// Probability that a base of a planted motif is replaced by another base, 0 to 1
    #[arg(long, value_name = "PROBABILITY", default_value_t = Config::default().mutation_rate)]
    mutation_rate: f64,
    /// Fraction of G and C in the background, 0 to 1
    #[arg(
        long,
        value_name = "FRACTION",
        default_value_t = Config::default().gc,
        hide_short_help = true
    )]
    gc: f64,
    /// Probability that a background base repeats the base before it, 0 to 1
    #[arg(
        long,
        value_name = "PROBABILITY",
        default_value_t = Config::default().repeat,
        hide_short_help = true
    )]
    repeat: f64,
}

impl Stage for Options {
    const NAME: &'static str = "simulate";
    const ABOUT: &'static str = "Simulate sequences whose true evidence is known";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            ranks: self.ranks,
            train: self.records.train,
            valid: self.records.valid,
            test: self.records.test,
            chimeras: self.records.chimeras,
            length: self.sequences.length,
            length_spread: self.sequences.length_spread,
            motif_length: self.sequences.motif_length,
            mutation_rate: self.sequences.mutation_rate,
            gc: self.sequences.gc,
            repeat: self.sequences.repeat,
        };
        config.validate()?;
        crate::run(&config, self.seed, &self.output, context)
    }
}
