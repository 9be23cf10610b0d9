use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

use crate::run::{Config, Paths, run};

/// Command line of `readlens-import`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Directory of the model, as save_pretrained of transformers writes it: config.json,
    /// model.safetensors or pytorch_model.bin, and the files of its tokenizer
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Directory of the classifier to write: model.safetensors, config.json, manifest.json
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// What the model's labels mean: a table with the columns label, rank and taxon
    ///
    /// Each of its labels has one row. Labels of one rank are the classes of one head, so a model
    /// whose outputs are several heads side by side has several ranks; ranks stand in the order of
    /// their first rows. Labels are those of id2label in config.json, or LABEL_0, LABEL_1 and so
    /// on.
    #[arg(long, value_name = "TSV")]
    labels: Option<PathBuf>,
    /// Name of the only rank, whose taxa are the model's labels
    #[arg(long, value_name = "NAME", default_value = "label", conflicts_with = "labels")]
    rank: String,
}

impl Stage for Options {
    const NAME: &'static str = "import";
    const ABOUT: &'static str =
        "Make a classifier of a Hugging Face checkpoint that classifies sequences";

    fn run(self, _: &Context) -> Result<()> {
        let paths = Paths { model: self.model, labels: self.labels, output: self.output };
        run(&Config { rank: self.rank }, &paths)
    }
}
