use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use readlens_fault::{Fault, Result};

use crate::options::{Common, LogFormat};
use crate::progress::Progress;

/// What a running stage may use of its surroundings.
#[derive(Clone, Debug)]
pub struct Context {
    threads: NonZeroUsize,
    shows_progress: bool,
    interrupted: Arc<AtomicBool>,
}

impl Context {
    pub(crate) fn new(common: &Common, interrupted: Arc<AtomicBool>) -> Self {
        let shows_progress = !common.quiet
            && common.log_format == LogFormat::Text
            && std::io::stderr().is_terminal();
        Self { threads: threads_of(common), shows_progress, interrupted }
    }

    /// A context without progress or interrupts, for tests and for stages called as libraries.
    pub fn silent() -> Self {
        Self {
            threads: threads_of(&Common::default()),
            shows_progress: false,
            interrupted: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Worker threads; rayon's global pool has as many.
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// A progress bar over `total` units of `what`, drawn on a terminal only.
    pub fn progress(&self, what: &str, total: u64) -> Progress {
        Progress::new(what, total, self.shows_progress)
    }

    /// Whether the user has asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// An error if the user has asked to stop; `remedy` says how to go on.
    ///
    /// # Errors
    /// [`Fault::Interrupted`] after Ctrl-C or SIGTERM.
    pub fn check_interrupt(&self, remedy: &str) -> Result<()> {
        if self.is_interrupted() {
            return Err(Fault::Interrupted { remedy: remedy.to_owned() });
        }
        Ok(())
    }
}

pub(crate) fn threads_of(common: &Common) -> NonZeroUsize {
    let all = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    common.threads.unwrap_or_else(all)
}
