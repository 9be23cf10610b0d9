use clap::{Args, ValueEnum};
use std::num::NonZeroUsize;

/// How logs are written to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// Options that every stage has; none of them changes what is written.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Running")]
pub struct Common {
    /// Worker threads; the results are the same for any number [default: all cores]
    #[arg(long, value_name = "N", global = true)]
    pub threads: Option<NonZeroUsize>,
    /// Log warnings and errors only, and show no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Form of the log on standard error
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        default_value_t,
        global = true,
        hide_short_help = true
    )]
    pub log_format: LogFormat,
}

/// Options of every stage that gives its metrics intervals.
#[derive(Clone, Copy, Debug, Args)]
pub struct BootstrapOptions {
    /// Bootstrap replicates behind each 95 % interval, maximum 100000; 0 writes no intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub replicates: u32,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}
