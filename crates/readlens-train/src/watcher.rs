use readlens_fit::{Figure, Observer, Split};
use readlens_stage::{Context, Progress};

/// Shows a training's progress and logs a line per epoch.
#[derive(Debug)]
pub(crate) struct Watcher<'a> {
    context: &'a Context,
    progress: Progress,
}

impl<'a> Watcher<'a> {
    /// Shows `what` is trained; the first step tells the bar its length.
    pub(crate) fn new(context: &'a Context, what: &str) -> Self {
        Self { context, progress: context.progress(what, 1) }
    }
}

impl Observer for Watcher<'_> {
    fn stepped(&self, done: u32, total: u32, loss: f64) {
        self.progress.move_to(u64::from(done), u64::from(total));
        self.progress.note(format!("loss {loss:.3}"));
    }

    fn finished_epoch(&self, epoch: u32, figures: &[Figure]) {
        let shown = figures.iter().map(|f| {
            let split = if f.split == Split::Valid { "valid " } else { "" };
            let rank = f.rank.as_deref().map(|r| format!("{r} ")).unwrap_or_default();
            format!("{split}{rank}{} {:.3}", f.term, f.value)
        });
        tracing::info!("epoch {epoch}: {}", shown.collect::<Vec<_>>().join(", "));
    }

    fn is_interrupted(&self) -> bool {
        self.context.is_interrupted()
    }
}
