//! A closed or full standard error ends no run, and a signal ends every run within two seconds.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use readlens_tests::{rows, tokenization, write_tokens};
use stages::{contents, names_in, stage, succeed};

/// Two seconds, and what a busy machine adds.
const SOON: Duration = Duration::from_millis(2000 + 3000);
const TRAINING: &str = "--tokens tokens.parquet --preset tiny --epochs 2 --output trained";

fn prepare(windows: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.parquet");
    write_tokens(&path, &rows(windows, &tokenization()), &tokenization());
    folder
}

fn command(name: &str, directory: &Path, arguments: &str) -> Command {
    let mut command = stage(name, directory);
    command.args(arguments.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[test]
fn a_log_that_cannot_be_written_loses_no_model() {
    let folder = prepare(40);
    let here = folder.path();
    succeed("train-classifier", here, &format!("{TRAINING} --quiet"));
    let expected = contents(&here.join("trained"));
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for kind in ["closed", "full"] {
        fs::remove_dir_all(here.join("trained")).unwrap();
        let mut training = command("train-classifier", here, TRAINING);
        let mut child = match kind {
            "closed" => training.stderr(Stdio::piped()).spawn().unwrap(),
            _ => training.stderr(full()).spawn().unwrap(),
        };
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "standard error is {kind}");
        assert!(contents(&here.join("trained")) == expected);
    }
    // Nor does it change another exit code.
    for (arguments, code) in [("nosuch.fasta --output x", 3), ("--no-such-option", 2)] {
        let child = command("tokenize", here, arguments).stderr(full()).status().unwrap();
        assert_eq!(child.code(), Some(code), "{arguments}");
    }
}

fn signalled(child: &mut Child, signal: &str) -> Option<i32> {
    let pid = child.id().to_string();
    let asked = Instant::now();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let code = child.wait().unwrap().code();
    assert!(asked.elapsed() < SOON, "it took {:?} to stop", asked.elapsed());
    code
}

#[test]
fn a_stage_that_waits_for_others_is_stopped() {
    let folder = prepare(40);
    let here = folder.path();
    assert!(Command::new("mkfifo").arg(here.join("fifo")).status().unwrap().success());
    // Nobody reads the output, nobody writes the input, and a digest has no end.
    fs::write(here.join("taxa.tsv"), "id\tgenus\n").unwrap();
    let uses = [
        ("vary", "--tokens tokens.parquet --kind substitute --output fifo"),
        ("tokenize", "fifo --output out"),
        ("tokenize", "/dev/zero --output out"),
        ("tokenize", "fifo --output out --summary other"),
    ];
    for signal in ["-INT", "-TERM"] {
        for (name, arguments) in uses {
            let before = names_in(here);
            let mut child = command(name, here, arguments).stderr(Stdio::null()).spawn().unwrap();
            // The handler of the signal stands before the first input is opened.
            sleep(Duration::from_millis(300));
            match child.try_wait().unwrap() {
                Some(ended) => assert_eq!(ended.code(), Some(3), "{name} {arguments}"),
                None => assert_eq!(signalled(&mut child, signal), Some(130), "{name} {arguments}"),
            }
            assert_eq!(names_in(here), before, "{name} {arguments} left something");
        }
    }
}

/// Nobody reads the pipe that takes the log: a run waits, as any program does, and a signal ends it
/// all the same.
#[test]
fn a_stage_whose_log_waits_is_stopped() {
    let folder = prepare(40);
    let here = folder.path();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    // More than a pipe holds: this thread waits until the test ends.
    std::thread::spawn(move || {
        let _ = std::io::Write::write_all(&mut filling, &[b'x'; 1 << 20]);
    });
    sleep(Duration::from_millis(200));
    let mut child = command("train-classifier", here, TRAINING).stderr(writer).spawn().unwrap();
    sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().unwrap(), None, "the log did not wait");
    assert_eq!(signalled(&mut child, "-TERM"), Some(130));
    drop(reader);
}

#[test]
fn a_long_step_is_left() {
    // All windows are one batch in one shard: a step that takes long.
    let long = "--tokens tokens.parquet --preset small --epochs 2 --batch 60000 --shards 1 \
                --threads 1 --output trained";
    let folder = prepare(60_000);
    let here = folder.path();
    let mut child = command("train-classifier", here, long).stderr(Stdio::null()).spawn().unwrap();
    // Its directory of work is locked from the start; the step begins once the table is read.
    sleep(Duration::from_secs(2));
    assert_eq!(child.try_wait().unwrap(), None, "the step is not long");
    assert_eq!(signalled(&mut child, "-TERM"), Some(130));
    let left = names_in(here);
    let expected = ["tokens.parquet", "trained.checkpoint"];
    assert!(left.iter().all(|name| expected.contains(&name.as_str())), "{left:?}");
}
