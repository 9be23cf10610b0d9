//! Every case of tests/bad-inputs/models ends with its exit code, one clear message and no output.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod files;
mod imported;
#[path = "../stages/mod.rs"]
mod stages;

use std::path::Path;
use std::process::Command;

use stages::{binaries, names_in, workspace};

struct Case {
    name: String,
    stage: String,
    arguments: String,
    exit_code: i32,
    message: String,
}

fn cases() -> Vec<Case> {
    let file = workspace().join("tests/bad-inputs/models/cases.tsv");
    let list = std::fs::read_to_string(file).unwrap();
    let mut lines = list.lines();
    assert_eq!(lines.next(), Some("name\tstage\targuments\texit_code\tmessage"));
    let case = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, stage, arguments, exit_code, message] = cells[..] else { panic!("{line}") };
        Case {
            name: name.to_owned(),
            stage: stage.to_owned(),
            arguments: arguments.to_owned(),
            exit_code: exit_code.parse().unwrap(),
            message: message.to_owned(),
        }
    };
    lines.map(case).collect()
}

/// What is wrong with how the stage refuses the case, if anything.
fn complaint(case: &Case, directory: &Path) -> Option<String> {
    let out = tempfile::tempdir().unwrap();
    let arguments = case
        .arguments
        .replace("{dir}", directory.to_str().unwrap())
        .replace("{out}", out.path().to_str().unwrap());
    // 4 GiB of addresses: what asks for more ends the process, which no case expects.
    let limited = "ulimit -v 4194304; exec \"$@\"";
    let binary = binaries().join(format!("readlens-{}", case.stage));
    let output = Command::new("sh")
        .args(["-c", limited, "sh"])
        .arg(binary)
        .args(arguments.split_whitespace().chain(["--quiet"]))
        .current_dir(out.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_error = |line: &&str| line.trim_start().to_lowercase().starts_with("error");
    let errors: Vec<&str> = stderr.lines().filter(is_error).collect();
    let left = names_in(out.path());
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
    let directory = tempfile::tempdir().unwrap();
    files::write_files(directory.path());
    let before = stages::contents(directory.path());
    let cases = cases();
    assert!(cases.len() >= 60, "the list has shrunk to {}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, complaint(case, directory.path())?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let after = stages::contents(directory.path());
    let changed: Vec<_> = after.iter().filter(|file| !before.contains(file)).collect();
    let changed: Vec<_> = changed.into_iter().map(|(path, _)| path).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "stages wrote {changed:?}");
}

#[test]
fn the_good_files_beside_the_bad_ones_are_good() {
    let directory = tempfile::tempdir().unwrap();
    files::write_files(directory.path());
    let succeed = |stage: &str, arguments: &str| {
        stages::succeed(stage, directory.path(), &format!("{arguments} --quiet"));
    };
    let tokens = "--tokens tokens.parquet --output";
    succeed("train-classifier", &format!("{tokens} c --preset tiny --epochs 1"));
    succeed(
        "train-explainer",
        &format!("{tokens} e --classifier classifier --preset hard --epochs 1"),
    );
    // The prediction is the target: a rank without a column is no harm.
    let bare =
        "--tokens tokens-without-genus.parquet --classifier classifier --preset hard --epochs 1";
    succeed("train-explainer", &format!("{bare} --output b"));
    succeed("mask", &format!("{tokens} m.parquet --explainer explainer"));
    succeed(
        "mask",
        &format!("{tokens} r.parquet --explainer explainer-per-rank --classifier classifier"),
    );
    succeed(
        "attribute",
        &format!("{tokens} a.parquet --classifier classifier --method lime,occlusion"),
    );
    succeed(
        "perturb",
        &format!("{tokens} p.parquet --classifier classifier --masks masks.parquet"),
    );
}
