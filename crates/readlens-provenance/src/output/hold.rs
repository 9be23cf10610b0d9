use std::sync::atomic::{AtomicUsize, Ordering};

static HOLDS: AtomicUsize = AtomicUsize::new(0);

/// Keeps the process from being ended by force while it saves what must not be lost.
///
/// A process that was asked to stop and does not get to it is ended by force a moment later, once
/// nothing is held.
#[derive(Debug)]
pub struct ExitHold(());

impl ExitHold {
    /// Holds from now on until the value is dropped.
    pub fn new() -> Self {
        HOLDS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// Whether something is held.
    pub fn is_any() -> bool {
        HOLDS.load(Ordering::SeqCst) > 0
    }
}

impl Default for ExitHold {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ExitHold {
    fn drop(&mut self) {
        HOLDS.fetch_sub(1, Ordering::SeqCst);
    }
}
