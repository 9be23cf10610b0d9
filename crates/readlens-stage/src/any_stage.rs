use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use readlens_fault::{Fault, Result};

use crate::context::Context;
use crate::entry::{Stage, command, main, run_with};

/// A [`Stage`] without its type, so that a program can hold several in one list.
#[derive(Clone, Copy)]
pub struct AnyStage {
    name: &'static str,
    command: fn() -> Command,
    subcommand: fn() -> Command,
    main: fn() -> ExitCode,
    run: fn(&ArgMatches, &Context) -> Result<()>,
    run_line: fn(Vec<OsString>, &Context) -> Result<()>,
}

impl AnyStage {
    /// The stage whose options are `S`.
    pub const fn of<S: Stage>() -> Self {
        Self {
            name: S::NAME,
            command: command::<S>,
            subcommand: || S::augment_args(Command::new(S::NAME)).about(S::ABOUT),
            main: main::<S>,
            run: |matches, context| {
                let options = S::from_arg_matches(matches);
                options.map_err(|e| Fault::usage(e.to_string()))?.run(context)
            },
            run_line: |line, context| run_with::<S>(line, context),
        }
    }

    /// Name of the stage, such as `tokenize`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The command line of its own binary, `readlens-NAME`.
    pub fn command(&self) -> Command {
        (self.command)()
    }

    /// Its command line inside another program: NAME, without the options that all stages share.
    pub fn subcommand(&self) -> Command {
        (self.subcommand)()
    }

    /// The whole of `main` for a program that was called as `readlens-NAME`.
    pub fn main(&self) -> ExitCode {
        (self.main)()
    }

    /// Runs the stage on what [`Self::subcommand`] matched.
    ///
    /// # Errors
    /// The matches are another command's, or the stage fails.
    pub fn run(&self, matches: &ArgMatches, context: &Context) -> Result<()> {
        (self.run)(matches, context)
    }

    /// Runs the stage on a command line, without its name, inside another program.
    ///
    /// # Errors
    /// The arguments are not the stage's, or the stage fails.
    pub fn run_line(&self, line: Vec<OsString>, context: &Context) -> Result<()> {
        (self.run_line)(line, context)
    }
}

impl fmt::Debug for AnyStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyStage").field(&self.name).finish()
    }
}
