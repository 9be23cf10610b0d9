//! A killed stage leaves no output, and a stopped training goes on to the bytes it would have
//! had.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use readlens_tests::{
    classifier_shape, convolutional, explainer_shape, rows, tokenization, write_classifier,
    write_explainer, write_tokens,
};
use stages::{contents, stage, succeed};

const CLASSIFIER: &str = "--tokens tokens.parquet --preset tiny --epochs 150 --output trained";
const EXPLAINER: &str =
    "--tokens tokens.parquet --classifier classifier --area-weight 1 --epochs 100 --output trained";
const MASK: &str =
    "--tokens tokens.parquet --explainer explainer --output masks.parquet --bases bases.parquet";

/// A folder with everything that the stages read.
fn prepare(windows: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_tokens(&path("tokens.parquet"), &rows(windows, &tokenization()), &tokenization());
    write_classifier(&path("classifier"), &classifier_shape(), 2);
    let selection = readlens_nn::Selection::Threshold;
    let shape = explainer_shape(convolutional(), &["all"], selection);
    write_explainer(&path("explainer"), &shape, 3);
    folder
}

fn start(name: &str, directory: &Path, arguments: &str) -> Child {
    let mut command = stage(name, directory);
    command.args(arguments.split_whitespace()).arg("--quiet");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the training has left a checkpoint: it is then well under way.
fn wait_for_checkpoint(child: &mut Child, directory: &Path) {
    let begun = Instant::now();
    while !directory.join("trained.checkpoint/manifest.json").exists() {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "the training ended before it could be stopped"
        );
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What an undisturbed training writes.
fn undisturbed(name: &str, arguments: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let folder = prepare(160);
    succeed(name, folder.path(), &format!("{arguments} --quiet"));
    contents(&folder.path().join("trained"))
}

fn check_stops(name: &str, arguments: &str) {
    let expected = undisturbed(name, arguments);
    let folder = prepare(160);
    let here = folder.path();

    let mut child = start(name, here, arguments);
    wait_for_checkpoint(&mut child, here);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "{name} was not killed");
    assert!(!here.join("trained").exists(), "{name} left an output when it was killed");

    let mut child = start(name, here, arguments);
    wait_for_checkpoint(&mut child, here);
    // The handler of the signal stands before the first step.
    std::thread::sleep(Duration::from_millis(100));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "{name} was not interrupted");
    assert!(!here.join("trained").exists(), "{name} left an output when it was interrupted");
    assert!(here.join("trained.checkpoint").is_dir());

    succeed(name, here, &format!("{arguments} --quiet"));
    let found = contents(&here.join("trained"));
    assert!(found == expected, "{name}: a resumed training differs from an undisturbed one");
    assert!(!here.join("trained.checkpoint").exists());
}

#[test]
fn a_classifier_is_trained_on_after_sigkill_and_sigint() {
    check_stops("train-classifier", CLASSIFIER);
}

#[test]
fn an_explainer_is_trained_on_after_sigkill_and_sigint() {
    check_stops("train-explainer", EXPLAINER);
}

#[test]
fn an_interrupted_training_says_how_to_go_on() {
    let folder = prepare(160);
    let mut command = stage("train-classifier", folder.path());
    command.args(CLASSIFIER.split_whitespace()).stderr(Stdio::piped()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_for_checkpoint(&mut child, folder.path());
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("run the same command again to go on from here"), "{stderr}");
}

#[test]
fn a_killed_table_is_whole_or_absent() {
    let folder = prepare(1500);
    let here = folder.path();
    // Not a part of the time that a mask takes.
    stages::binaries();
    let begun = Instant::now();
    succeed("mask", here, &format!("{MASK} --quiet"));
    let whole = begun.elapsed();
    let tables = ["masks.parquet", "bases.parquet"];
    let expected = tables.map(|table| std::fs::read(here.join(table)).unwrap());
    let mut absent = 0;
    for part in 0..8 {
        for table in tables {
            let _ = std::fs::remove_file(here.join(table));
        }
        let mut child = start("mask", here, MASK);
        std::thread::sleep(whole * part / 6);
        child.kill().unwrap();
        child.wait().unwrap();
        for (table, expected) in tables.iter().zip(&expected) {
            match std::fs::read(here.join(table)) {
                Ok(bytes) => assert!(bytes == *expected, "{table} is there in part"),
                Err(_) => absent += 1,
            }
        }
    }
    assert!(absent > 0, "nothing was killed before its end");
}
