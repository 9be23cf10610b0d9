use std::path::PathBuf;

use clap::Args;
use readlens_batch::{MaskKind, RandomMasks, tokenization_of};
use readlens_fault::Result;
use readlens_stage::{Context, Stage, refuse_misplaced};
use readlens_tables::Reader;

use super::config::{Config, Joint};
use super::run::{Paths, run};
use crate::classifier::mask_unit;

/// Exponents of the probabilities above and below a taxon to choose from, unless others are asked
/// for.
const ABOVE: [f64; 3] = [0.25, 1.0, 4.0];
const BELOW: [f64; 1] = [0.5];

/// Command line of `readlens-combine`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table (Parquet) with windows of the splits train and valid
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Directory of a classifier that was trained on this table; give it once for each. A single
    /// one gets a temperature, and is decoded along the tree
    #[arg(long = "classifier", value_name = "DIR", required = true, num_args = 1)]
    classifiers: Vec<PathBuf>,
    /// Directory to write: model.safetensors, config.json, manifest.json, training.parquet
    #[arg(long, value_name = "DIR")]
    output: PathBuf,

    /// Leave the ranks alone, so that the taxa of a prediction need not be a lineage
    #[arg(long, help_heading = "Decoding")]
    no_joint: bool,
    /// Exponents of the probabilities of the taxa above one, 0 or more; of several the one that
    /// gives the best accuracy on whole windows of valid is taken [default: 0.25,1,4]
    #[arg(
        long,
        value_name = "EXPONENT,…",
        value_delimiter = ',',
        help_heading = "Decoding",
        hide_short_help = true
    )]
    above: Vec<f64>,
    /// Exponents of the probability of the children of a taxon, in the same way [default: 0.5]
    #[arg(
        long,
        value_name = "EXPONENT,…",
        value_delimiter = ',',
        help_heading = "Decoding",
        hide_short_help = true
    )]
    below: Vec<f64>,

    /// Seed of the masks that weights are fitted under
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Fitting")]
    seed: u64,
}

impl Options {
    fn joint(&self) -> Result<Option<Joint>> {
        if self.no_joint {
            let of_joint =
                [("--above", !self.above.is_empty()), ("--below", !self.below.is_empty())];
            refuse_misplaced("joint decoding", "--no-joint", &of_joint)?;
            return Ok(None);
        }
        let or = |typed: &Vec<f64>, default: &[f64]| match typed.is_empty() {
            true => default.to_vec(),
            false => typed.clone(),
        };
        Ok(Some(Joint { above: or(&self.above, &ABOVE), below: or(&self.below, &BELOW) }))
    }
}

impl Stage for Options {
    const NAME: &'static str = "combine";
    const ABOUT: &'static str =
        "Combine classifiers into one, with weights fitted on the split valid";

    fn run(self, context: &Context) -> Result<()> {
        let tokenization = tokenization_of(&Reader::open(&self.tokens)?)?;
        let kind = MaskKind::Uniform { unit: mask_unit(&tokenization) };
        let config = Config {
            joint: self.joint()?,
            masks: RandomMasks { probability: 1.0, kind },
            seed: self.seed,
        };
        let Self { tokens, classifiers, output, .. } = self;
        run(&config, &Paths { tokens, classifiers, output }, context)
    }
}
