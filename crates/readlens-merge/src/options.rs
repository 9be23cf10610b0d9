use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

/// What is typed: the shards and where their table goes.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// All shards of one table, in any order
    #[arg(required = true, value_name = "PARQUET")]
    shards: Vec<PathBuf>,
    /// Table to write: the same file that a run without --shard writes
    #[arg(long, short, value_name = "PARQUET")]
    output: PathBuf,
}

impl Stage for Options {
    const NAME: &'static str = "merge";
    const ABOUT: &'static str = "Join the shards of a table into one table";

    fn run(self, context: &Context) -> Result<()> {
        crate::run(&self.shards, &self.output, context)
    }
}
