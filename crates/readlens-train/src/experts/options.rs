use std::path::PathBuf;

use clap::Args;
use readlens_batch::{MaskKind, RandomMasks, tokenization_of};
use readlens_channels::Channel;
use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_stage::{Context, Stage};
use readlens_tables::Reader;

use super::config::Config;
use super::run::{Paths, run};
use crate::classifier::mask_unit;

/// Experts of windows in their reading frame: composition, and three lengths of homology.
const FRAMED_EXPERTS: [&str; 5] = ["kmer:6", "codons:2", "amino:4", "grouped:5", "kmer:12"];
/// Experts of windows on either strand and in any frame.
const UNFRAMED_EXPERTS: [&str; 4] = ["kmer:6", "kmer:8", "kmer:10", "kmer:12"];

/// Command line of `readlens-train-experts`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet) with windows of the splits train and valid
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory to write: model.safetensors, config.json, manifest.json, training.parquet
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Ranks to predict, highest first [default: all rank columns of the table]
    #[arg(long, value_name = "RANK,…", value_delimiter = ',')]
    ranks: Vec<String>,

    /// Features that are counted, one expert each, such as kmer:8, seed:1101011 and, of windows in
    /// their reading frame, phased:6, codons:3, amino:4 and grouped:5; @N behind one is the number
    /// of its table's rows [default: kmer:6, codons:2, amino:4, grouped:5 and kmer:12 in the frame,
    /// else kmer:6, 8, 10 and 12]
    #[arg(long, value_name = "CHANNEL,…", value_delimiter = ',', help_heading = "Experts")]
    channels: Vec<String>,
    /// Weight of the prior that a taxon is like all windows, in occurrences for each row of a table
    #[arg(long, value_name = "N", default_value_t = 0.5, help_heading = "Experts")]
    prior: f64,
    /// Memory that the experts may take, in MiB; counting takes up to 2 GiB beside it
    #[arg(long, value_name = "MIB", default_value_t = 4096, help_heading = "Experts")]
    memory: u64,
    /// Seed of the masks that weights are fitted under
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Experts")]
    seed: u64,
}

impl Options {
    fn config(&self, tokenization: &Tokenization) -> Result<Config> {
        let preset: &[&str] = match tokenization.orientation {
            Some(_) => &FRAMED_EXPERTS,
            None => &UNFRAMED_EXPERTS,
        };
        let channels: Vec<Channel> = if self.channels.is_empty() {
            preset.iter().map(|channel| channel.parse()).collect::<Result<_>>()?
        } else {
            self.channels.iter().map(|channel| channel.parse()).collect::<Result<_>>()?
        };
        let kind = MaskKind::Uniform { unit: mask_unit(tokenization) };
        Ok(Config {
            ranks: self.ranks.clone(),
            channels,
            prior: self.prior,
            memory: self.memory,
            masks: RandomMasks { probability: 1.0, kind },
            seed: self.seed,
        })
    }
}

impl Stage for Options {
    const NAME: &'static str = "train-experts";
    const ABOUT: &'static str =
        "Count how often features occur in each taxon: a classifier without training";

    fn run(self, context: &Context) -> Result<()> {
        let config = self.config(&tokenization_of(&Reader::open(&self.tokens)?)?)?;
        run(&config, &Paths { tokens: self.tokens, output: self.output }, context)
    }
}
