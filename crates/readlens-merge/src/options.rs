use std::path::PathBuf;

use clap::Args;
use readlens_fault::Result;
use readlens_stage::{Context, Stage};

/// What is typed: the shards and where their table goes.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// All shards of one table, in any order
    #[arg(required = true, value_name = "SHARD")]
    pub shards: Vec<PathBuf>,
    /// Parquet file to write: the table that an unsharded run writes
    #[arg(long, short, value_name = "PARQUET")]
    pub output: PathBuf,
}

impl Stage for Options {
    const NAME: &'static str = "merge";
    const ABOUT: &'static str = "Join the shards of a table into one table";

    fn run(self, context: &Context) -> Result<()> {
        crate::run(&self.shards, &self.output, context)
    }
}
