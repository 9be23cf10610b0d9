//! The protocol, on networks small enough to run in a moment.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const TOKENS: usize = 12;
const ROWS: usize = 4;

fn contend(job: &Value, requests: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_readlens-bench"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A contender that refuses its job does not read on.
    let _ = child.stdin.take().unwrap().write_all(format!("{job}\n{requests}").as_bytes());
    child.wait_with_output().unwrap()
}

fn job(work: &Value, precision: &str) -> Value {
    json!({"threads": 2, "precision": precision, "warm_up": 2, "work": work})
}

/// Writes networks and rows, and gives them as a job names them.
fn examples(folder: &Path) -> Value {
    let shape = json!({
        "k": 2, "tokens": TOKENS, "dim": 8, "layers": 1, "heads": 2, "feed_forward": 16, "taxa": [2, 3]
    });
    let work = json!({"kind": "models", "directory": folder, "seed": 1, "shape": shape});
    let output = contend(&job(&work, "f32"), "");
    assert!(output.status.success(), "{output:?}");
    let numbers = |file: &str, numbers: Vec<u32>| {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        std::fs::write(folder.join(file), bytes).unwrap();
    };
    let id = |i: usize| if i.is_multiple_of(TOKENS) { 2 } else { 5 + (i * 7 % 16) as u32 };
    numbers("ids", (0..ROWS * TOKENS).map(id).collect());
    numbers("labels", (0..ROWS * 2).map(|i| (i % 2) as u32).collect());
    json!({"models": folder, "ids": folder.join("ids"), "labels": folder.join("labels"), "rows": ROWS})
}

#[test]
fn every_bench_answers_each_request_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let examples = examples(folder.path());
    let fasta = folder.path().join("two.fasta");
    std::fs::write(&fasta, ">a\nACGT\nAC\n>b\nGG\n").unwrap();
    let works = [
        (json!({"kind": "classifier-step", "examples": examples, "shards": 2}), 2),
        (json!({"kind": "frozen-step", "examples": examples, "shards": 3}), TOKENS),
        (
            json!({"kind": "explainer-step", "examples": examples, "shards": 2, "explainer": "transformer"}),
            2,
        ),
        (
            json!({"kind": "explainer-step", "examples": examples, "shards": 2, "explainer": "convolutional"}),
            2,
        ),
        (json!({"kind": "forward", "examples": examples}), 2 + 3),
        (
            json!({"kind": "mask-inference", "examples": examples, "explainer": "transformer"}),
            TOKENS - 1,
        ),
        (
            json!({"kind": "mask-inference", "examples": examples, "explainer": "convolutional"}),
            TOKENS - 1,
        ),
        (json!({"kind": "parse", "sequences": fasta}), 2),
    ];
    for (work, count) in works {
        let output = contend(&job(&work, "f32"), "run\nrun\nend\n");
        assert!(output.status.success(), "{work}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (4, "ready"), "{work}: {text}");
        assert!(lines[1..3].iter().all(|line| line.parse::<f64>().unwrap() >= 0.0), "{text}");
        let report: Value = serde_json::from_str(lines[3]).unwrap();
        assert!(report["peak_kb"].as_u64().unwrap() > 0);
        let values = report["values"].as_array().unwrap();
        assert_eq!(values.len(), count, "{work}");
        assert!(values.iter().all(|value| value.as_f64().unwrap().is_finite()), "{work}");
        if work["kind"] == "parse" {
            assert_eq!(values, &[json!(2.0), json!(8.0)]);
        }
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let work = json!({"kind": "parse", "sequences": "none.fasta"});
    let output = contend(&job(&work, "bf16"), "run\n");
    assert!(output.status.success() && output.stdout.starts_with(b"unsupported "), "{output:?}");
    let output = contend(&job(&work, "f32"), "run\n");
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("reading sequences"), "{output:?}");
    let output = contend(&json!({"threads": 1}), "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a job"), "{output:?}");
}
