//! Process-wide settings that must precede the first thread.

use std::num::NonZeroUsize;

use readlens_fault::{Fault, Result};

/// Prepares the process for many short-lived tensors on `threads` worker threads.
///
/// # Errors
/// The thread pool cannot be started.
pub(crate) fn prepare(threads: NonZeroUsize) -> Result<()> {
    keep_freed_blocks();
    // We run sequences in parallel and let each matrix product run on one thread: the order of
    // additions, and so the result, is then the same for any number of threads. candle reads
    // this variable at every product.
    #[expect(unsafe_code, reason = "no other thread exists yet: this is the first line of main")]
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build_global()
        .map_err(|e| Fault::failed("starting the worker threads", e))
}

/// Keeps freed blocks in the process. By default glibc returns every block above 128 kB to the
/// system at once, and page faults on fresh ones took 60 % of a training step's time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_blocks() {
    const LARGE: libc::c_int = 1 << 30;
    #[expect(unsafe_code, reason = "mallopt takes integers and touches no memory of ours")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_blocks() {}
