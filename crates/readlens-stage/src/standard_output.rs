use std::io::{ErrorKind, Write};

use readlens_fault::{Fault, Result};

/// Writes data to standard output; a reader that has seen enough is no failure.
///
/// # Errors
/// The output cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Fault::io("write", "-", e)),
        _ => Ok(()),
    }
}
