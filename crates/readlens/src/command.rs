//! What the umbrella does with its command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Error, FromArgMatches};
use readlens_fault::{Fault, Result};
use readlens_stage::{Common, Context, finish, start};

use crate::options::{Own, command, command_of_stages};
use crate::{answers, completions, demo, learn, link, manual, run as configured, stages};

/// The whole of `main` for a program that was called as `readlens`.
pub(crate) fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    let command = if is_of_stage(&line) { command_of_stages() } else { command() };
    let matches = command.get_matches_from(&line);
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

/// Whether a command line is that of the stage whose name a verb has.
fn is_of_stage(line: &[OsString]) -> bool {
    let verb = line.iter().position(|word| word == stages::BEHIND_A_VERB);
    let is_tokens =
        |word: &OsString| word.to_str().is_some_and(|w| w.split('=').next() == Some(TOKENS));
    verb.is_some_and(|verb| line[verb..].iter().any(is_tokens))
}

/// Whether a parsed command line is that of the stage.
fn is_given_tokens(matches: &ArgMatches) -> bool {
    matches.ids().any(|id| TOKENS.strip_prefix("--") == Some(id.as_str()))
}

/// The option that every line of a stage has, and no line of a verb.
const TOKENS: &str = "--tokens";

fn run(matches: &ArgMatches, context: &Context) -> Result<()> {
    if let Some((name, matches)) = matches.subcommand()
        && let Some(stage) = stages::find(name)
        && (name != stages::BEHIND_A_VERB || is_given_tokens(matches))
    {
        return stage.run(matches, context);
    }
    match Own::from_arg_matches(matches).map_err(|e: Error| Fault::usage(e.to_string()))? {
        Own::Demo(options) => demo::run(options, context),
        Own::Learn(options) => learn::run(&options, context),
        Own::Predict(options) => answers::predict(&options, context),
        Own::Explain(options) => answers::explain(&options, context),
        Own::Run(options) => {
            configured::run_file(&options.config, &options.out, options.explain, context)
        }
        Own::Link(options) => link::run(&options.directory),
        Own::Completions(options) => completions::run(options.shell),
        Own::Man(options) => manual::run(&options.directory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    #[test]
    fn tokens_are_for_the_stage_and_sequences_for_the_verb() {
        let is = |line: &str| is_of_stage(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(is("readlens predict --tokens t.parquet --output p.parquet"));
        assert!(is("readlens --quiet predict --classifier c --tokens=t.parquet"));
        assert!(!is("readlens predict new.fasta --model model --out out"));
        assert!(!is("readlens mask --tokens t.parquet"));
        let given = |command: Command, line: &str| {
            let matches = command.try_get_matches_from(line.split(' '));
            matches.map(|m| m.subcommand().is_some_and(|(_, of)| is_given_tokens(of))).ok()
        };
        let stage = "readlens predict --tokens t --classifier c -o p";
        assert_eq!(given(command_of_stages(), stage), Some(true));
        let verb = "readlens predict new.fasta --model model --out out";
        assert_eq!(given(command(), verb), Some(false));
        let verb = command().find_subcommand("predict").cloned().map(|mut c| c.render_help());
        let stage = command_of_stages();
        let stage = stage.find_subcommand("predict").cloned().map(|mut c| c.render_help());
        assert!(verb.is_some_and(|help| help.to_string().contains("--model")));
        assert!(stage.is_some_and(|help| help.to_string().contains("--classifier")));
    }
}
