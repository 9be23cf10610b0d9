//! The binaries of this build.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by several test files")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Every stage, in the order of the data flow.
pub const STAGES: [&str; 21] = [
    "simulate",
    "tokenize",
    "baseline",
    "vary",
    "train-classifier",
    "train-experts",
    "combine",
    "import",
    "assess",
    "predict",
    "randomize",
    "train-explainer",
    "mask",
    "attribute",
    "merge",
    "tracks",
    "perturb",
    "probe",
    "evaluate",
    "compare",
    "report",
];

/// Root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The folder of the binaries, built once: Cargo builds those of a package for the package's own
/// tests only.
pub fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let executable = std::env::current_exe().unwrap();
        let folder = executable.parent().unwrap().parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--bins"]).current_dir(workspace());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the stages cannot be built");
        folder.to_path_buf()
    })
}

/// The binary of a stage, in `directory`.
pub fn stage(name: &str, directory: &Path) -> Command {
    program(&binaries().join(format!("readlens-{name}")), directory)
}

/// The umbrella, in `directory`.
pub fn umbrella(directory: &Path) -> Command {
    program(&binaries().join("readlens"), directory)
}

/// A program at an absolute path, in `directory`.
pub fn program(path: &Path, directory: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir(directory);
    command
}

/// Runs a stage with the words of `arguments`.
pub fn run(name: &str, directory: &Path, arguments: &str) -> Output {
    stage(name, directory).args(arguments.split_whitespace()).output().unwrap()
}

/// Runs a stage that must end well.
pub fn succeed(name: &str, directory: &Path, arguments: &str) {
    let output = run(name, directory, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments}: {:?}\n{stderr}", output.status);
    assert!(output.stdout.is_empty() || name == "evaluate", "{name} writes to standard output");
}

/// Names in a folder, in order.
pub fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every file below a folder with its bytes, by path.
pub fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for name in names_in(directory) {
        let path = directory.join(&name);
        if path.is_dir() {
            let below = contents(&path).into_iter();
            files.extend(below.map(|(file, bytes)| (Path::new(&name).join(file), bytes)));
        } else {
            files.push((name.into(), std::fs::read(path).unwrap()));
        }
    }
    files
}
