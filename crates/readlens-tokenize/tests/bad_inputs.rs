//! Every case of tests/bad-inputs/tokenize ends with its exit code, one clear message and no
//! output.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Stdio};

struct Case {
    name: String,
    arguments: String,
    exit_code: i32,
    message: String,
}

fn cases(directory: &Path) -> Vec<Case> {
    let list = std::fs::read_to_string(directory.join("cases.tsv")).unwrap();
    let mut lines = list.lines();
    assert_eq!(lines.next(), Some("name\targuments\texit_code\tmessage"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [name, arguments, exit_code, message] = cells[..] else { panic!("{line}") };
            Case {
                name: name.to_owned(),
                arguments: arguments.to_owned(),
                exit_code: exit_code.parse().unwrap(),
                message: message.to_owned(),
            }
        })
        .collect()
}

/// What is wrong with how the stage refuses the case, if anything.
fn complaint(case: &Case, directory: &Path) -> Option<String> {
    let out = tempfile::tempdir().unwrap();
    let arguments = case.arguments.split_whitespace().map(|argument| {
        argument
            .replace("{dir}", directory.to_str().unwrap())
            .replace("{out}", out.path().to_str().unwrap())
    });
    let output = Command::new(env!("CARGO_BIN_EXE_readlens-tokenize"))
        .args(arguments)
        .arg("--quiet")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_error = |line: &&str| line.trim_start().to_lowercase().starts_with("error");
    let errors: Vec<&str> = stderr.lines().filter(is_error).collect();
    let left: Vec<_> = std::fs::read_dir(out.path()).unwrap().collect();
    // The parser of the command line says what is missing on a line of its own and adds the usage.
    let is_short = stderr.lines().count() == 1 || case.exit_code == 2;
    if output.status.code() != Some(case.exit_code) {
        Some(format!("exit code {:?}, not {}: {stderr}", output.status.code(), case.exit_code))
    } else if errors.len() != 1 || !errors[0].contains(&case.message) || !is_short {
        Some(format!("not one error line with {:?}: {stderr}", case.message))
    } else if stderr.contains("panicked") || !output.stdout.is_empty() {
        Some(format!("panic or text on standard output: {stderr}"))
    } else if !left.is_empty() {
        Some(format!("left {left:?}"))
    } else {
        None
    }
}

#[test]
fn every_bad_input_is_refused_with_its_message() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bad-inputs/tokenize");
    let cases = cases(&directory);
    assert!(cases.len() >= 25, "the list has shrunk to {}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, complaint(case, &directory)?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_good_files_beside_the_bad_ones_are_good() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bad-inputs/tokenize");
    let out = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_readlens-tokenize"))
        .arg(directory.join("good.fasta"))
        .args(["--quiet", "--split-column", "split", "--taxonomy"])
        .arg(directory.join("good.tsv"))
        .arg("--output")
        .arg(out.path().join("tokens.parquet"))
        .status()
        .unwrap();
    assert!(status.success());
}
