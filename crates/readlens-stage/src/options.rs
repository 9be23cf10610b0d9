use clap::{Args, ValueEnum};
use std::num::NonZeroUsize;

/// How logs are written to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Options that every stage has; none of them changes what is written.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Running")]
pub struct Common {
    /// Worker threads; the result is the same for any number [default: all cores]
    #[arg(long, value_name = "N", global = true)]
    pub threads: Option<NonZeroUsize>,
    /// Only warnings and errors, no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Form of the logs on standard error
    #[arg(long, value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
}
