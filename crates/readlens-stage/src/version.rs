use std::sync::OnceLock;

use readlens_provenance::Build;

/// Digits of a commit that people read.
const DIGITS: usize = 12;

/// What `--version` prints: the version, and the commit it was built from where that is known.
pub fn version() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let version = env!("CARGO_PKG_VERSION");
        let commit = Build::of_this_program().and_then(|build| build.revision.as_deref());
        match commit.and_then(|commit| commit.get(..DIGITS)) {
            Some(commit) => format!("{version} ({commit})"),
            None => version.to_owned(),
        }
    })
}
