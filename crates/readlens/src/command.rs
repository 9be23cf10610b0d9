//! What the umbrella does with its command line.

use std::process::ExitCode;

use clap::{ArgMatches, Error, FromArgMatches};
use readlens_fault::{Fault, Result};
use readlens_stage::{Common, Context, finish, start};

use crate::options::{Own, command};
use crate::{completions, demo, flow, link, manual, stages};

/// The whole of `main` for a program that was called as `readlens`.
pub(crate) fn main() -> ExitCode {
    let matches = command().get_matches();
    let common = match Common::from_arg_matches(&matches) {
        Ok(common) => common,
        Err(e) => e.exit(),
    };
    finish(start(&common).and_then(|context| run(&matches, &context)))
}

/// The whole of `main` for a program that was called by the name of no stage.
pub(crate) fn unknown(name: &str) -> ExitCode {
    let known: Vec<&str> = stages::all().map(|stage| stage.name()).collect();
    let message = format!(
        "this program was called as {name:?}, and there is no such stage; call it readlens, or \
         readlens-STAGE with one of the stages {}",
        known.join(", ")
    );
    finish(start(&Common::default()).and_then(|_| Err(Fault::usage(message))))
}

fn run(matches: &ArgMatches, context: &Context) -> Result<()> {
    if let Some((name, matches)) = matches.subcommand()
        && let Some(stage) = stages::find(name)
    {
        return stage.run(matches, context);
    }
    match Own::from_arg_matches(matches).map_err(|e: Error| Fault::usage(e.to_string()))? {
        Own::Demo(options) => demo::run(options, context),
        Own::Run(options) => flow::run_file(&options.config, &options.out, context),
        Own::Link(options) => link::run(&options.directory),
        Own::Completions(options) => completions::run(options.shell),
        Own::Man(options) => manual::run(&options.directory),
    }
}
