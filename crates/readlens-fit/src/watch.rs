//! Work that can be left: a long step must not keep a process that is asked to stop.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use readlens_fault::Result;

/// How often it is asked whether to stop.
const LOOK: Duration = Duration::from_millis(20);
/// How long work may go on after it was asked to stop.
const GRACE: Duration = Duration::from_millis(400);

/// What came of work.
#[derive(Debug)]
pub(crate) enum Watched<R> {
    /// It was done, or failed.
    Done(Result<R>),
    /// It was asked to stop and took too long; what came of saving.
    Stopped(Result<()>),
}

/// Does `work` on a thread of its own. If it is asked to stop and `work` is not done a moment
/// later, `save` is called while `work`, which then counts for nothing, goes on to its end or to
/// that of the process.
pub(crate) fn watch<R: Send>(
    work: impl FnOnce() -> Result<R> + Send,
    is_stopped: impl Fn() -> bool,
    save: impl FnOnce() -> Result<()>,
) -> Watched<R> {
    thread::scope(|scope| {
        let (done, is_done) = sync_channel::<()>(0);
        let working = scope.spawn(move || {
            let result = work();
            drop(done);
            result
        });
        let mut stopped_at = None;
        // Nothing is ever sent: the sender is dropped, by a panic too.
        while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(LOOK) {
            if is_stopped() && stopped_at.get_or_insert_with(Instant::now).elapsed() > GRACE {
                return Watched::Stopped(save());
            }
        }
        Watched::Done(working.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn work_that_is_done_soon_counts() {
        let outcome = watch(|| Ok(7), || true, || panic!("saved"));
        assert!(matches!(outcome, Watched::Done(Ok(7))));
    }

    #[test]
    fn long_work_is_left_when_it_is_asked_to_stop() {
        let is_saved = AtomicBool::new(false);
        let work = || {
            // Longer than the grace: it ends because the other side does not wait for it.
            while !is_saved.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        let save = || {
            is_saved.store(true, Ordering::SeqCst);
            Ok(())
        };
        assert!(matches!(watch(work, || true, save), Watched::Stopped(Ok(()))));
    }

    #[test]
    #[should_panic(expected = "broken work")]
    fn a_panic_is_passed_on() {
        watch(|| -> Result<()> { panic!("broken work") }, || false, || Ok(()));
    }
}
