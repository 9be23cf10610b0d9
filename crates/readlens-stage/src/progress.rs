use std::io::{self, Write};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// All bars of the process, so that a log line can push them aside.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Standard error for logs: bars are taken away while a line is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A terminal that is gone or a full disk must not end a run.
        let _ = BARS.suspend(|| io::stderr().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A progress bar with rate and time left; silent where standard error is no terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(what: &str, total: u64, shown: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        // A bar takes the target of the group it is added to.
        let bar = if shown { BARS.add(bar) } else { bar };
        let template = "{prefix:>20} [{bar:30}] {pos}/{len} {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what.to_owned());
        Self(bar)
    }

    /// Adds `count` finished units.
    pub fn advance(&self, count: u64) {
        self.0.inc(count);
    }

    /// Sets the finished units and their total, for work whose length is known late.
    pub fn move_to(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Shows a short note beside the bar, such as the current loss.
    pub fn note(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
