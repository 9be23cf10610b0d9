//! Programs that answer well, and every way to answer badly: small shell commands, most of which
//! write a stream that was made here.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod streams;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use arrow::ipc::reader::StreamReader;
use readlens_fault::{ExitCode, Fault, Result};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_predictor::{Check, Command, Masking, Program};
use streams::{answers, batch, head, schema, stream};

/// Windows of four and of two 2-mers.
const WINDOWS: [&str; 2] = ["ACGTTGCA", "GGCC"];

fn tokenization() -> Tokenization {
    Tokenization::new(Alphabet::Dna, 2, 2, true).unwrap()
}

fn tokens() -> Vec<Vec<u32>> {
    let encode = |letters: &str| {
        let mut tokens = Vec::new();
        tokenization().encode(letters.as_bytes(), &mut tokens);
        tokens
    };
    WINDOWS.into_iter().map(encode).collect()
}

fn never() -> Check {
    Arc::new(|| Ok(()))
}

fn start(command: &str) -> Result<Program> {
    let command = Command::new(command).within(Duration::from_secs(20));
    Program::start(&command, &tokenization(), never())
}

/// The command that writes `bytes`, and then does what `after` says.
fn writes(folder: &Path, bytes: &[u8], after: &str) -> String {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let path = folder.join(format!("answers-{}.arrows", FILES.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, bytes).unwrap();
    format!("cat '{}'; {after}", path.display())
}

fn ask(program: &Program, factors: Option<&[Vec<f32>]>) -> Result<Vec<Vec<Vec<f32>>>> {
    let tokens = tokens();
    let windows: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
    program.answer(&windows, factors)
}

/// The whole conversation; the fault that ends it.
fn conversation(command: &str) -> Result<()> {
    let program = start(command)?;
    ask(&program, None)?;
    program.finish()
}

fn refused(command: &str) -> String {
    let fault = conversation(command).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{command}: {fault}");
    let message = fault.to_string();
    assert!(message.starts_with("predictor "), "{message}");
    message
}

#[test]
fn a_program_reads_windows_and_its_answers_come_back() {
    for masking in ["factors", "letters"] {
        let folder = tempfile::tempdir().unwrap();
        let request = folder.path().join("request.arrows");
        let after = format!("cat > '{}'", request.display());
        let schema =
            schema(masking, vec![head("kind", &["a", "b"]), head("genus", &["x", "y", "z"])]);
        let rows = [[0.25, 0.75, 0.5, 0.0, 0.5], [1.0, 0.0, 0.125, 0.125, 0.75]];
        let answers = stream(&schema, &[batch::<5>(&schema, &[]), batch(&schema, &rows)]);
        let program = start(&writes(folder.path(), &answers, &after)).unwrap();
        let ranks: Vec<&str> = program.heads().iter().map(|head| head.rank.as_str()).collect();
        assert_eq!(ranks, ["kind", "genus"]);
        assert_eq!(program.heads()[1].taxa, ["x", "y", "z"]);
        let factors = [vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 1.0]];
        let found = ask(&program, Some(&factors)).unwrap();
        let expected = rows.map(|[a, b, x, y, z]| vec![vec![a, b], vec![x, y, z]]);
        assert_eq!(found, expected);
        program.finish().unwrap();
        // What it was asked, as an Arrow library reads it.
        let request = std::fs::File::open(request).unwrap();
        let request = StreamReader::try_new(request, None).unwrap();
        let about = request.schema().metadata().clone();
        for (key, value) in
            [("protocol", "1"), ("k", "2"), ("stride", "2"), ("cls", "true"), ("unknown", "N")]
        {
            assert_eq!(about[&format!("readlens.{key}")], value, "{key}");
        }
        let batches: Vec<RecordBatch> = request.map(|batch| batch.unwrap()).collect();
        assert_eq!(batches.len(), 1);
        let letters: Vec<&str> = batches[0]["letters"]
            .as_string::<i32>()
            .iter()
            .map(|letters| letters.unwrap())
            .collect();
        let hidden = ["ACNNNNCA", "NNCC"];
        assert_eq!(letters, if masking == "letters" { hidden } else { WINDOWS });
        let lists = batches[0]["factors"].as_list::<i32>();
        for (row, expected) in factors.iter().enumerate() {
            let values = lists.value(row);
            assert_eq!(values.as_primitive::<Float32Type>().values(), expected.as_slice());
        }
    }
}

#[test]
fn a_program_that_reads_letters_is_not_asked_for_soft_masks() {
    let folder = tempfile::tempdir().unwrap();
    let program = start(&writes(folder.path(), &answers("letters", 0), "cat > /dev/null")).unwrap();
    assert_eq!(program.masking(), Masking::Letters);
    let fault = ask(&program, Some(&[vec![0.5; 4], vec![1.0; 2]])).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    assert!(fault.to_string().contains("give masks of 0 and 1"), "{fault}");
}

#[test]
fn what_a_program_says_of_itself_is_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let digest = |masking: &str| {
        let command = writes(folder.path(), &answers(masking, 0), "cat > /dev/null");
        let program = start(&command).unwrap();
        let artefact = program.artefact().unwrap();
        assert_eq!(
            (artefact.digest.role.as_str(), artefact.digest.name.as_str()),
            ("classifier", "cat")
        );
        artefact.digest.sha256
    };
    assert_eq!(digest("factors"), digest("factors"));
    assert_ne!(digest("factors"), digest("letters"));
}

#[test]
fn a_program_may_answer_before_it_has_read_anything() {
    let folder = tempfile::tempdir().unwrap();
    // 16 MB of letters and factors that `cat` reads only at the end, or never.
    let (windows, bases) = (1024, 6000);
    let mut tokens = Vec::new();
    tokenization().encode(&b"AC".repeat(bases / 2), &mut tokens);
    let windows: Vec<&[u32]> = vec![tokens.as_slice(); windows];
    let schema = schema("factors", vec![head("kind", &["a", "b"])]);
    // As the rows are cut into batches: at most 2^20 letters in each.
    let sizes = windows.chunks((1 << 20) / bases).map(<[&[u32]]>::len);
    let batches: Vec<_> = sizes.map(|rows| batch(&schema, &vec![[0.5, 0.5]; rows])).collect();
    for after in ["cat > /dev/null", "true"] {
        let program = start(&writes(folder.path(), &stream(&schema, &batches), after)).unwrap();
        assert_eq!(program.answer(&windows, None).unwrap().len(), windows.len());
        program.finish().unwrap();
    }
}

#[test]
fn wrong_schemas_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let kind = || head("kind", &["a", "b"]);
    for (schema, part) in streams::wrong_schemas(&kind) {
        let message = refused(&writes(folder.path(), &stream(&schema, &[]), "cat > /dev/null"));
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn wrong_answers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let schema = schema("factors", vec![head("kind", &["a", "b"])]);
    let good = [0.5, 0.5];
    let cases: [(&[[f32; 2]], &str); 8] = [
        (&[good], "answer 1: expected 2 rows, as many as were sent, found 1 rows"),
        (&[good, good, good], "expected 2 rows, as many as were sent, found 3 rows"),
        (
            &[good, [f32::NAN, 0.5]],
            "answer 1, row 1, kind: expected probabilities of at least 0, found NaN for a",
        ),
        (&[good, [0.5, f32::INFINITY]], "found inf for b"),
        (
            &[[-0.5, 1.5], good],
            "answer 1, row 0, kind: expected probabilities of at least 0, found -0.5 for a",
        ),
        (&[good, [0.5, 0.25]], "that add up to 1, within 0.001, found a sum of 0.750000"),
        (&[good, [3.0, -2.0]], "found -2 for b"),
        (&[[2.0, 2.0], good], "found a sum of 4.000000"),
    ];
    for (rows, part) in cases {
        let answers = stream(&schema, &[batch(&schema, rows)]);
        let message = refused(&writes(folder.path(), &answers, "cat > /dev/null"));
        assert!(message.contains(part), "{part}: {message}");
    }
    // A softmax in half precision is near enough.
    let answers = stream(&schema, &[batch(&schema, &[good, [0.5, 0.5004]])]);
    conversation(&writes(folder.path(), &answers, "cat > /dev/null")).unwrap();
    // More bytes than any answer has, and more answers than questions.
    let large = stream(&schema, &[batch(&schema, &vec![good; 100_000])]);
    let message = refused(&writes(folder.path(), &large, "cat > /dev/null"));
    assert!(message.contains("expected a body of at most") && message.contains("800"), "{message}");
    let twice = stream(&schema, &[batch(&schema, &[good; 2]), batch(&schema, &[good; 2])]);
    let message = refused(&writes(folder.path(), &twice, "cat > /dev/null"));
    assert!(message.contains("answer 2: expected 0 rows"), "{message}");
    let missing = streams::with_missing(&schema);
    let message = refused(&writes(folder.path(), &missing, "cat > /dev/null"));
    assert!(message.contains("missing values (nulls)"), "{message}");
}

#[test]
fn what_is_no_stream_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = answers("factors", 1);
    let cases: [(&[u8], &str); 3] = [
        (
            b"Loading the model\n",
            "expected an Arrow IPC stream and nothing else, found \"Loading the model",
        ),
        (&good[..good.len() - 60], "found an end in the"),
        (b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", "one of 2147483647 bytes"),
    ];
    for (bytes, part) in cases {
        let message = refused(&writes(folder.path(), bytes, "exit 0"));
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn a_program_that_dies_is_named_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let schema_only = answers("factors", 0);
    let whole = answers("factors", 1);
    let after = |bytes: &[u8], after: &str| writes(folder.path(), bytes, after);
    let ended = "has ended, with exit code";
    for (command, parts) in [
        ("no-such-program-anywhere".to_owned(), vec!["a program that can be started", "not found"]),
        ("exit 3".to_owned(), vec!["the schema of its answers", ended, "3", "it said nothing"]),
        ("echo one >&2; printf 'tw\\033o' >&2; exit 1".to_owned(), vec!["one | tw\\u{1b}o"]),
        (
            after(&schema_only, "echo out of memory >&2; exit 9"),
            vec!["expected answer 1", "exit code 9; it said last: out of memory"],
        ),
        ("kill -9 $$".to_owned(), vec!["that it has ended, signal: 9"]),
        (after(&whole, "exit 4"), vec!["to end well after its last answer", "exit code 4"]),
    ] {
        let message = refused(&command);
        for part in parts {
            assert!(message.contains(part), "{command}: {message}");
        }
    }
}

#[test]
fn a_program_that_hangs_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = folder.path().join("numbers");
    let hang = format!("sleep 1000 & echo $! >> '{}'; wait", numbers.display());
    let schema_only = answers("factors", 0);
    for (command, part) in [
        (hang.clone(), "the schema of its answers within 3 seconds"),
        (writes(folder.path(), &schema_only, &hang), "answer 1 within 3 seconds"),
        (writes(folder.path(), &answers("factors", 1), &hang), "within 3 seconds"),
    ] {
        let limited = Command::new(command).within(Duration::from_secs(3));
        let talk = || -> Result<()> {
            let program = Program::start(&limited, &tokenization(), never())?;
            ask(&program, None)?;
            program.finish()
        };
        let start = Instant::now();
        let fault = talk().unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        let message = fault.to_string();
        assert!(message.contains(part) && message.contains("--predictor-timeout"), "{message}");
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }
    all_have_ended(&numbers, 3);
}

#[test]
fn an_interrupt_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = folder.path().join("numbers");
    let hang = format!("sleep 1000 & echo $! >> '{}'; wait", numbers.display());
    let started = numbers.clone();
    let check: Check = Arc::new(move || match std::fs::read_to_string(&started) {
        Ok(number) if number.ends_with('\n') => {
            Err(Fault::Interrupted { remedy: "again".to_owned() })
        }
        _ => Ok(()),
    });
    let fault = Program::start(&Command::new(hang), &tokenization(), check).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Interrupted);
    all_have_ended(&numbers, 1);
}

/// Processes whose numbers stand in the file are there no more.
fn all_have_ended(numbers: &Path, count: usize) {
    let numbers = std::fs::read_to_string(numbers).unwrap();
    assert_eq!(numbers.lines().count(), count);
    for number in numbers.lines() {
        let is_there = || {
            let status = std::fs::read_to_string(format!("/proc/{number}/stat"));
            status.is_ok_and(|status| status.contains("(sleep)") && !status.contains(") Z"))
        };
        let start = Instant::now();
        while is_there() {
            assert!(start.elapsed() < Duration::from_secs(10), "process {number} is still there");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
