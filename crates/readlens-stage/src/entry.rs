use std::process::ExitCode as ProcessExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, FromArgMatches, Parser};
use readlens_fault::{ExitCode, Fault, Result};

use crate::context::{Context, threads_of};
use crate::options::Common;
use crate::version::version;
use crate::{interrupt, logs, process};

/// The options of a stage and what they do.
pub trait Stage: Args {
    /// Name of the stage; its binary is `readlens-NAME`.
    const NAME: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;

    /// Validates the options and does the work.
    ///
    /// # Errors
    /// Any [`Fault`]; no output is then left behind.
    fn run(self, context: &Context) -> Result<()>;
}

#[derive(Debug, Parser)]
struct CommandLine<S: Stage> {
    #[command(flatten)]
    stage: S,
    #[command(flatten)]
    common: Common,
}

/// The command line of a stage's own binary, `readlens-NAME`.
pub(crate) fn command<S: Stage>() -> clap::Command {
    CommandLine::<S>::augment_args(clap::Command::new(format!("readlens-{}", S::NAME)))
        .about(S::ABOUT)
        .version(version())
}

/// The whole of a stage binary's `main`.
pub fn main<S: Stage>() -> ProcessExitCode {
    let line = match CommandLine::<S>::from_arg_matches(&command::<S>().get_matches()) {
        Ok(line) => line,
        Err(e) => e.exit(),
    };
    finish(start(&line.common).and_then(|context| line.stage.run(&context)))
}

/// Runs a stage on `arguments` (without the binary's name) inside another program.
///
/// # Errors
/// The arguments are not the stage's, or the stage fails.
pub fn run_with<S: Stage>(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    context: &Context,
) -> Result<()> {
    let command = S::augment_args(clap::Command::new(S::NAME)).no_binary_name(true);
    let usage = |e: clap::Error| {
        // clap's first paragraph says what is wrong; the rest is the usage of a command line.
        let text = e.to_string();
        let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
        let problem = lines.collect::<Vec<_>>().join(" ");
        Fault::usage(format!("[{}] {}", S::NAME, problem.trim_start_matches("error: ")))
    };
    let arguments = arguments.into_iter().filter_map(|argument| plain_flag(&command, argument));
    let arguments: Vec<_> = arguments.collect();
    let matches = command.try_get_matches_from(arguments).map_err(usage)?;
    S::from_arg_matches(&matches).map_err(usage)?.run(context)
}

/// `--option=true` of a configuration file as the bare `--option`, and `--option=false` as nothing,
/// where the command line has the option without a value. An option that may have a value keeps
/// those that are its own.
fn plain_flag(command: &clap::Command, argument: std::ffi::OsString) -> Option<std::ffi::OsString> {
    let Some((name, value)) = argument.to_str().and_then(|a| a.strip_prefix("--")?.split_once('='))
    else {
        return Some(argument);
    };
    let stands_alone = |a: &clap::Arg| match a.get_action() {
        clap::ArgAction::SetTrue => true,
        _ => {
            a.get_num_args().is_some_and(|values| values.min_values() == 0)
                && !a.get_possible_values().iter().any(|known| known.matches(value, false))
        }
    };
    let is_flag = command.get_arguments().any(|a| a.get_long() == Some(name) && stands_alone(a));
    match (is_flag, value) {
        (true, "true") => Some(format!("--{name}").into()),
        (true, "false") => None,
        _ => Some(argument),
    }
}

/// Starts logs, threads and the interrupt handler; the first call of every binary.
///
/// # Errors
/// The thread pool or the signal handler cannot be set up.
pub fn start(common: &Common) -> Result<Context> {
    process::prepare(threads_of(common))?;
    logs::init(common);
    let interrupted = Arc::new(AtomicBool::new(false));
    interrupt::listen(Arc::clone(&interrupted))?;
    Ok(Context::new(common, interrupted))
}

/// Renders the outcome once, on standard error, and maps it to the exit code.
pub fn finish(outcome: Result<()>) -> ProcessExitCode {
    match outcome {
        Ok(()) => ExitCode::Done.into(),
        Err(fault) => {
            tracing::error!("{fault}");
            fault.exit_code().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    #[test]
    fn a_flag_of_a_configuration_file_is_bare_or_absent() {
        let command = clap::Command::new("stage")
            .arg(Arg::new("graded").long("graded").action(ArgAction::SetTrue))
            .arg(Arg::new("check").long("check").num_args(0..=1).value_parser(["report", "strict"]))
            .arg(
                Arg::new("reverse").long("reverse").num_args(0..=1).value_parser(["true", "false"]),
            )
            .arg(Arg::new("split").long("split"));
        let typed = |argument: &str| {
            plain_flag(&command, argument.into()).map(|kept| kept.to_string_lossy().into_owned())
        };
        let kept = |argument: &str| Some(argument.to_owned());
        for option in ["graded", "check"] {
            assert_eq!(typed(&format!("--{option}=true")), Some(format!("--{option}")));
            assert_eq!(typed(&format!("--{option}=false")), None);
        }
        for argument in ["--check=strict", "--reverse=true", "--reverse=false", "--split=true"] {
            assert_eq!(typed(argument), kept(argument));
        }
        assert_eq!(typed("genes.fasta"), kept("genes.fasta"));
    }
}
