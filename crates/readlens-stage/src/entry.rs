use std::process::ExitCode as ProcessExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, FromArgMatches, Parser};
use readlens_fault::{ExitCode, Fault, Result};

use crate::common::Common;
use crate::context::{Context, threads_of};
use crate::{logs, process};

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

/// Version with the git revision it was built from, where that is known.
pub const VERSION: &str = env!("READLENS_VERSION");

#[derive(Debug, Parser)]
struct CommandLine<S: Stage> {
    #[command(flatten)]
    stage: S,
    #[command(flatten)]
    common: Common,
}

/// The whole of a stage binary's `main`.
pub fn main<S: Stage>() -> ProcessExitCode {
    let command =
        CommandLine::<S>::augment_args(clap::Command::new(format!("readlens-{}", S::NAME)))
            .about(S::ABOUT)
            .version(VERSION);
    let line = match CommandLine::<S>::from_arg_matches(&command.get_matches()) {
        Ok(line) => line,
        Err(e) => e.exit(),
    };
    finish(start(&line.common).and_then(|context| line.stage.run(&context)))
}

/// Starts logs, threads and the interrupt handler; the first call of every binary.
///
/// # Errors
/// The thread pool or the signal handler cannot be set up.
pub fn start(common: &Common) -> Result<Context> {
    process::prepare(threads_of(common))?;
    logs::init(common);
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || {
        // The second time the user means it: long computations look at the flag between steps.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(ExitCode::Interrupted as i32);
        }
    })
    .map_err(|e| Fault::failed("setting the interrupt handler", e))?;
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
