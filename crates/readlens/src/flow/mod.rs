//! Stages in order, in one process. A step that is done is not done again, and a flow can be
//! printed as the command lines that it is. Spreading work over machines is a workflow manager's
//! task: see `pipelines/`.

mod journal;
mod shell;
mod step;

use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_provenance::OutputLock;
use readlens_stage::{Context, Progress};

use journal::Journal;

pub(crate) use journal::FILE as JOURNAL;
pub(crate) use shell::{script, shell_word};
pub(crate) use step::Step;

/// Runs the steps that are not done yet. The journal of what is done lies in `out`.
///
/// # Errors
/// A stage fails, another process is at work in `out`, or the journal cannot be used.
pub(crate) fn run(name: &str, steps: &[Step], out: &Path, context: &Context) -> Result<()> {
    let mut runner = Runner::start(name, steps.len(), out, context)?;
    steps.iter().try_for_each(|step| runner.run(step))
}

/// Runs steps one by one, for flows whose later steps depend on what the earlier ones found.
pub(crate) struct Runner<'a> {
    context: &'a Context,
    journal: Journal,
    total: usize,
    begun: usize,
    /// A file to delete before the first step that is not done.
    outdated: Option<PathBuf>,
    whole: Progress,
    _lock: OutputLock,
}

impl<'a> Runner<'a> {
    /// A runner of `total` steps, which keeps its journal in `out`.
    ///
    /// # Errors
    /// Another process is at work in `out`, or the journal cannot be read.
    pub(crate) fn start(
        name: &str,
        total: usize,
        out: &Path,
        context: &'a Context,
    ) -> Result<Self> {
        let lock = OutputLock::take(out)?;
        let journal = Journal::open(name, out)?;
        let whole = context.progress(name, total as u64);
        Ok(Self { context, journal, total, begun: 0, outdated: None, whole, _lock: lock })
    }

    /// The same runner, which deletes `file` before it does anything: what is about to change is
    /// no longer what the file says.
    #[must_use]
    pub(crate) fn outdating(mut self, file: PathBuf) -> Self {
        self.outdated = Some(file);
        self
    }

    /// Runs the next step, unless it is done.
    ///
    /// # Errors
    /// The stage fails, or the journal cannot be written.
    pub(crate) fn run(&mut self, step: &Step) -> Result<()> {
        self.begun += 1;
        let place = format!("{}/{} {}", self.begun, self.total, step.what());
        self.whole.note(step.what());
        if self.journal.has(step)? {
            tracing::info!("{place}: done before");
        } else {
            self.context.check_interrupt("the same command goes on with the next step")?;
            tracing::info!("{place}");
            if let Some(file) = self.outdated.take().filter(|file| file.exists()) {
                std::fs::remove_file(&file).map_err(|e| Fault::io("remove", &file, e))?;
            }
            self.journal.begin(step)?;
            step.run(self.context)?;
            self.journal.add(step)?;
        }
        self.whole.advance(1);
        Ok(())
    }
}
