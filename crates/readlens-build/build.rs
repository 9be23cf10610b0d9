//! Finds git's log of the commits that were checked out, and the version of the compiler.
//!
//! The log's path is all that is written down here. The macro `register!` reads the log where a
//! program's `main` calls it: so a new commit compiles these doorways again and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = said(&compiler, &["--version"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=READLENS_RUST={version}");
    // An archive that was unpacked inside another repository has none of its commits.
    let is_tracked = said("git", &["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let in_git = |name| {
        if !is_tracked {
            return None;
        }
        said("git", &["rev-parse", "--path-format=absolute", "--git-path", name])
            .filter(|path| Path::new(path).is_file())
    };
    let log = match in_git("logs/HEAD") {
        Some(log) => {
            // Changes seldom, and is gone when the repository is: the log then is, too.
            if let Some(config) = in_git("config") {
                println!("cargo::rerun-if-changed={config}");
            }
            format!("include_bytes!({log:?})")
        }
        None => "b\"\"".to_owned(),
    };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(
        out.join("register.rs"),
        format!(
            "/// Says what this program was built from; the first call of `main`.\n\
             #[macro_export]\n\
             macro_rules! register {{\n    \
                 () => {{{{\n        \
                     const COMMIT: Option<$crate::Commit> = $crate::Commit::last({log});\n        \
                     $crate::register(COMMIT);\n    \
                 }}}};\n\
             }}\n"
        ),
    )
}

/// What a program prints, if it ends well.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
