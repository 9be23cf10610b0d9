use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use readlens_fault::Result;
use readlens_stage::{Common, Context, Stage, VERSION};

use crate::{demo, flow};

/// What you read is what you classify: which stretches of a sequence a taxon classifier reads,
/// with the controls that prove it
#[derive(Debug, Parser)]
#[command(name = "readlens", version = VERSION)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train, explain, evaluate and report on the embedded 16S genes
    Demo(Demo),
    /// Walk all stages as a TOML file says
    Run(Run),
    #[command(about = readlens_tokenize::Options::ABOUT)]
    Tokenize(readlens_tokenize::Options),
    #[command(about = readlens_vary::Options::ABOUT)]
    Vary(readlens_vary::Options),
    #[command(about = readlens_simulate::Options::ABOUT)]
    Simulate(readlens_simulate::Options),
    #[command(about = readlens_baseline::Options::ABOUT)]
    Baseline(readlens_baseline::Options),
    #[command(about = readlens_train::classifier::Options::ABOUT)]
    TrainClassifier(readlens_train::classifier::Options),
    #[command(about = readlens_randomize::Options::ABOUT)]
    Randomize(readlens_randomize::Options),
    #[command(about = readlens_train::explainer::Options::ABOUT)]
    TrainExplainer(readlens_train::explainer::Options),
    #[command(about = readlens_mask::Options::ABOUT)]
    Mask(readlens_mask::Options),
    #[command(about = readlens_attribute::Options::ABOUT)]
    Attribute(readlens_attribute::Options),
    #[command(about = readlens_merge::Options::ABOUT)]
    Merge(readlens_merge::Options),
    #[command(about = readlens_perturb::Options::ABOUT)]
    Perturb(readlens_perturb::Options),
    #[command(about = readlens_probe::Options::ABOUT)]
    Probe(readlens_probe::Options),
    #[command(about = readlens_evaluate::Options::ABOUT)]
    Evaluate(readlens_evaluate::Options),
    #[command(about = readlens_compare::Options::ABOUT)]
    Compare(readlens_compare::Options),
    #[command(about = readlens_report::Options::ABOUT)]
    Report(readlens_report::Options),
}

/// Options of `readlens demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Directory to write [default: results/demo, or results/planted with --planted]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Planted motifs instead of 16S genes: the answer is known, so localisation is measured too
    #[arg(long)]
    pub(crate) planted: bool,
}

/// Options of `readlens run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The flow: a TOML table of options per stage, see pipelines/flows
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
    /// Directory to write
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

pub(crate) fn parse() -> Options {
    Options::parse()
}

pub(crate) fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Demo(options) => demo::run(options, context),
        Command::Run(options) => flow::run_file(&options.config, &options.out, context),
        Command::Tokenize(stage) => stage.run(context),
        Command::Vary(stage) => stage.run(context),
        Command::Simulate(stage) => stage.run(context),
        Command::Baseline(stage) => stage.run(context),
        Command::TrainClassifier(stage) => stage.run(context),
        Command::Randomize(stage) => stage.run(context),
        Command::TrainExplainer(stage) => stage.run(context),
        Command::Mask(stage) => stage.run(context),
        Command::Attribute(stage) => stage.run(context),
        Command::Merge(stage) => stage.run(context),
        Command::Perturb(stage) => stage.run(context),
        Command::Probe(stage) => stage.run(context),
        Command::Evaluate(stage) => stage.run(context),
        Command::Compare(stage) => stage.run(context),
        Command::Report(stage) => stage.run(context),
    }
}
