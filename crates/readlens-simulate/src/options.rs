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
    pub output: PathBuf,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Ranks from the root down, each with its number of taxa
    #[arg(
        long,
        value_name = "RANK=TAXA,...",
        value_delimiter = ',',
        default_value = "superkingdom=2,phylum=4,genus=12"
    )]
    pub ranks: Vec<RankSize>,
    /// Records of the split train
    #[arg(long, value_name = "RECORDS", default_value_t = 1200)]
    pub train: u32,
    /// Records of the split valid
    #[arg(long, value_name = "RECORDS", default_value_t = 200)]
    pub valid: u32,
    /// Records of the split test
    #[arg(long, value_name = "RECORDS", default_value_t = 200)]
    pub test: u32,
    /// Chimeras of two taxa, in chimeras.fasta and its tables
    #[arg(long, value_name = "RECORDS", default_value_t = 0)]
    pub chimeras: u32,
    /// Mean length of a record, in nucleotides
    #[arg(long, value_name = "NT", default_value_t = 600)]
    pub length: u32,
    /// Lengths are uniform between length - spread and length + spread, in nucleotides
    #[arg(long, value_name = "NT", default_value_t = 60)]
    pub length_spread: u32,
    /// Length of a motif, in nucleotides
    #[arg(long, value_name = "NT", default_value_t = 36)]
    pub motif_length: u32,
    /// Probability that a planted motif base is replaced by another base
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.02)]
    pub mutation_rate: f64,
    /// Share of G and C in the background, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub gc: f64,
    /// Probability that a background base copies the one before it (a first-order Markov chain)
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.0)]
    pub repeat: f64,
}

impl Stage for Options {
    const NAME: &'static str = "simulate";
    const ABOUT: &'static str = "Simulate sequences whose true evidence is known";

    fn run(self, context: &Context) -> Result<()> {
        let config = Config {
            ranks: self.ranks,
            train: self.train,
            valid: self.valid,
            test: self.test,
            chimeras: self.chimeras,
            length: self.length,
            length_spread: self.length_spread,
            motif_length: self.motif_length,
            mutation_rate: self.mutation_rate,
            gc: self.gc,
            repeat: self.repeat,
        };
        config.validate()?;
        crate::run(&config, self.seed, &self.output, context)
    }
}
