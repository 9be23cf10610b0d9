use std::path::PathBuf;

use clap::Args;
use readlens_batch::{AveragingOptions, InferenceOptions};
use readlens_fault::Result;
use readlens_nn::Selection;
use readlens_nn::objective::LEVELS;
use readlens_stage::{Context, Stage, one_of, refuse_without};
use readlens_tables::vocabulary::{Name, Split};

use crate::asked::Target;
use crate::config::{AddedGradient, Config};
use crate::run::{Paths, run};

/// Command line of `readlens-mask`.
#[derive(Debug, Args)]
pub struct Options {
    /// Token table of readlens-tokenize
    #[arg(long, value_name = "PARQUET")]
    tokens: PathBuf,
    /// Directory of the classifier; needed for Explainers that query it (the default) or read its
    /// gradient, and for masks per rank
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
    /// Directory of a trained Explainer; repeat to average the scores of several
    #[arg(long, value_name = "DIR", required = true)]
    explainer: Vec<PathBuf>,
    /// Mask table to write: one value per token, 0 to 1, and whether the token is in the hard mask
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
    /// Also write masks with one value per nucleotide, 0 to 1
    #[arg(long, value_name = "PARQUET")]
    bases: Option<PathBuf>,
    /// Reading frames to average for --bases, 1 to the stride of the tokens [default: 1]
    ///
    /// A window is read again from its second nucleotide on, from its third and so on. More frames
    /// place a mask more exactly and cost as many times the computation.
    #[arg(long, value_name = "N")]
    frames: Option<u32>,
    /// Mask only windows of this split [default: all windows]
    #[arg(long, value_name = "SPLIT", value_parser = one_of(Split::ALL, Split::name, Split::meaning))]
    split: Option<Split>,
    /// Name of the masks in the column method, to tell Explainers apart
    #[arg(long, value_name = "NAME", default_value_t = Config::default().method)]
    method: Name,
    /// Number of the masks in the column replicate, from 1: which of several trainings of a method
    /// they are from
    #[arg(long, value_name = "N", default_value_t = Config::default().replicate)]
    replicate: u32,
    /// Fraction of the tokens that the hard mask keeps, above 0 and at most 1 [default: as the
    /// Explainer was trained]
    #[arg(long, value_name = "FRACTION", help_heading = "From scores to masks")]
    area: Option<f64>,
    /// Weight of the classifier's gradient, which is added to the scores [default: not added]
    ///
    /// 0.5 suits Explainers of the preset distilled. It costs one or more further passes per
    /// window.
    #[arg(long, value_name = "WEIGHT", help_heading = "From scores to masks")]
    gradient_weight: Option<f64>,
    /// Values of the uniform masks at which that gradient is taken, above 0 and at most 1
    /// [default: 0.15]
    #[arg(
        long,
        value_name = "LEVEL,...",
        value_delimiter = ',',
        help_heading = "From scores to masks"
    )]
    gradient_levels: Vec<f64>,
    /// Explain another window's predicted taxa instead of the window's own, drawn with this seed
    ///
    /// A control: readlens-perturb counts how often the classifier then says those taxa.
    #[arg(long, value_name = "SEED")]
    wrong_class: Option<u64>,
    /// Explain what speaks for this taxon in every window, instead of the window's own prediction:
    /// genus=Treponema
    ///
    /// The taxa above it are asked for too, where the classifier decodes along the tree.
    #[arg(long, value_name = "RANK=TAXON", conflicts_with = "wrong_class")]
    target: Option<Target>,
    #[command(flatten)]
    averaging: AveragingOptions,
    #[command(flatten)]
    inference: InferenceOptions,
}

impl Stage for Options {
    const NAME: &'static str = "mask";
    const ABOUT: &'static str = "Mark what the classifier reads in every window of a table";

    fn run(self, context: &Context) -> Result<()> {
        refuse_without("--bases", self.bases.is_some(), &[("--frames", self.frames.is_some())])?;
        let has_levels = !self.gradient_levels.is_empty();
        let has_weight = self.gradient_weight.is_some();
        refuse_without("--gradient-weight", has_weight, &[("--gradient-levels", has_levels)])?;
        let levels = if has_levels { self.gradient_levels } else { LEVELS.to_vec() };
        let config = Config {
            method: self.method,
            replicate: self.replicate,
            split: self.split,
            selection: self.area.map(|share| Selection::Share { share }),
            gradient: self.gradient_weight.map(|weight| AddedGradient { levels, weight }),
            averaging: self.averaging.into(),
            frames: self.frames.unwrap_or(Config::default().frames),
            wrong_class: self.wrong_class,
            target: self.target,
            precision: self.inference.compute().precision(),
        };
        let paths = Paths {
            tokens: self.tokens,
            classifier: self.classifier,
            explainers: self.explainer,
            output: self.output,
            bases: self.bases,
        };
        run(&config, &paths, self.inference.shard(), self.inference.compute().device(), context)
    }
}
