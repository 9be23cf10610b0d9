//! Calls of decoders on untrusted bytes, which may panic.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

use readlens_fault::{Fault, Result};

use super::unreadable::Unreadable;

thread_local! {
    /// Whether this thread is inside a guarded call.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a Parquet call on untrusted bytes: a decoder that panics on them is an input fault too, and
/// says nothing on standard error.
pub(crate) fn guarded<T>(
    path: &Path,
    call: impl FnOnce() -> super::unreadable::Result<T>,
) -> Result<T> {
    keep_guarded_panics_silent();
    let before = IS_GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    IS_GUARDED.set(before);
    let unreadable = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(unreadable)) => unreadable,
        Err(panic) => Unreadable::damaged(panic_text(panic.as_ref())),
    };
    let fault = Fault::input(path);
    Err(match unreadable {
        Unreadable::Unread(kind, text) => {
            return Err(Fault::io("read", path, std::io::Error::new(kind, text)));
        }
        Unreadable::Damaged(found) => fault
            .expected("a whole Parquet file")
            .found(found)
            .remedy("the file is damaged or not Parquet; write it again"),
        Unreadable::Refused { expected, found, remedy } => {
            fault.expected(expected).found(found).remedy(remedy)
        }
    }
    .into())
}

/// Puts a hook before the present one, once for the process: it passes on all panics but those of
/// threads inside a guarded call. A hook that came and went with a call would belong to all
/// threads meanwhile.
fn keep_guarded_panics_silent() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                usual(panic);
            }
        }));
    });
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("damaged pages").to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::process::Command;

    use super::*;

    /// Panics on a thread inside a guarded call, and meanwhile on one that is in none.
    #[test]
    #[ignore = "run by the test below, in a process of its own"]
    fn panics_inside_and_outside() {
        let fault = guarded(Path::new("a.parquet"), || -> super::super::unreadable::Result<()> {
            let other = std::thread::spawn(|| panic!("panic of another thread"));
            assert!(other.join().is_err());
            panic!("panic of a decoder")
        });
        assert!(fault.unwrap_err().to_string().contains("found panic of a decoder"));
        assert!(catch_unwind(|| panic!("panic afterwards")).is_err());
    }

    #[test]
    fn only_panics_of_guarded_calls_are_silent() {
        let test = "parquet_file::guard::tests::panics_inside_and_outside";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", test])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("panic of another thread") && said.contains("panic afterwards"));
        assert!(!said.contains("panic of a decoder"), "{said}");
    }
}
