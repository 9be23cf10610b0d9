//! Ctrl-C and SIGTERM: a stage stops where it looks, or is stopped.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use readlens_fault::{ExitCode, Fault, Result};
use readlens_provenance::{ExitHold, abandon_outputs};

/// Time for a stage to notice that it is asked to stop, and to say how to go on.
const GRACE: Duration = Duration::from_millis(700);
/// Time for the last line of the log.
const TO_SAY_SO: Duration = Duration::from_millis(100);
/// How often it is asked whether something must still be saved.
const LOOK: Duration = Duration::from_millis(20);

/// Sets `interrupted` at the first signal; ends the process a moment later, or at the second one.
///
/// # Errors
/// The handler cannot be set.
pub(crate) fn listen(interrupted: Arc<AtomicBool>) -> Result<()> {
    ctrlc::set_handler(move || {
        // The second time the user means it.
        if interrupted.swap(true, Ordering::Relaxed) || thread::Builder::new().spawn(end).is_err() {
            leave();
        }
    })
    .map_err(|e| Fault::failed("setting the interrupt handler", e))
}

/// Ends the process wherever it is: in a digest, a row group, a long product, or a slow read.
fn end() {
    thread::sleep(GRACE);
    while ExitHold::is_any() {
        thread::sleep(LOOK);
    }
    // On a thread of its own: nobody may be reading a standard error that is full.
    let _ = thread::Builder::new().spawn(|| {
        tracing::error!(
            "interrupted; run the same command again (a training goes on from its checkpoint; an \
             output that is not there was not finished)"
        );
    });
    thread::sleep(TO_SAY_SO);
    leave();
}

fn leave() -> ! {
    abandon_outputs();
    exit(ExitCode::Interrupted as i32);
}
