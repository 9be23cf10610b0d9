//! No stage writes over what it reads, into a directory that it reads, or over what is not its own.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::Stdio;

use readlens_tests::{rows, tokenization, write_tokens};
use stages::{STAGES, contents, names_in, run, stage, succeed, workspace};

/// A stage with its options in a folder made by [`prepare`].
struct Use {
    stage: &'static str,
    /// Options that name inputs, `-` for arguments without one; every input is a file or directory.
    inputs: &'static [(&'static str, &'static str)],
    /// Options that name outputs; the first is needed.
    outputs: &'static [&'static str],
    writes_directory: bool,
    rest: &'static str,
}

const USES: [Use; 21] = [
    Use {
        stage: "simulate",
        inputs: &[],
        outputs: &["--output"],
        writes_directory: true,
        rest: "--train 30 --valid 5 --test 5",
    },
    Use {
        stage: "tokenize",
        inputs: &[("-", "genes.fasta"), ("--taxonomy", "taxa.tsv")],
        outputs: &["--output", "--summary"],
        writes_directory: false,
        rest: "--ranks genus",
    },
    Use {
        stage: "baseline",
        inputs: &[("--tokens", "tokens.parquet")],
        outputs: &["--output"],
        writes_directory: false,
        rest: "--replicates 5",
    },
    Use {
        stage: "vary",
        inputs: &[("--tokens", "tokens.parquet")],
        outputs: &["--output"],
        writes_directory: false,
        rest: "--kind substitute",
    },
    Use {
        stage: "train-classifier",
        inputs: &[("--tokens", "tokens.parquet")],
        outputs: &["--output"],
        writes_directory: true,
        rest: "--preset tiny --epochs 1",
    },
    Use {
        stage: "train-experts",
        inputs: &[("--tokens", "tokens.parquet")],
        outputs: &["--output"],
        writes_directory: true,
        rest: "--channels kmer:3",
    },
    Use {
        stage: "combine",
        inputs: &[("--tokens", "tokens.parquet"), ("--classifier", "classifier")],
        outputs: &["--output"],
        writes_directory: true,
        rest: "",
    },
    Use {
        stage: "import",
        inputs: &[("--model", "model"), ("--labels", "labels.tsv")],
        outputs: &["--output"],
        writes_directory: true,
        rest: "",
    },
    Use {
        stage: "assess",
        inputs: &[("--tokens", "tokens.parquet"), ("--classifier", "classifier")],
        outputs: &["--output", "--confusion"],
        writes_directory: false,
        rest: "--replicates 5 --masked 2 --shares 0.5 --split train",
    },
    Use {
        stage: "predict",
        inputs: &[
            ("--tokens", "tokens.parquet"),
            ("--classifier", "classifier"),
            ("--calibration-tokens", "seen.parquet"),
        ],
        outputs: &["--output", "--records"],
        writes_directory: false,
        rest: "",
    },
    Use {
        stage: "randomize",
        inputs: &[("--classifier", "classifier")],
        outputs: &["--output"],
        writes_directory: true,
        rest: "--parts all",
    },
    Use {
        stage: "train-explainer",
        inputs: &[("--tokens", "tokens.parquet"), ("--classifier", "classifier")],
        outputs: &["--output"],
        writes_directory: true,
        rest: "--preset hard --dim 4 --epochs 1",
    },
    Use {
        stage: "mask",
        inputs: &[
            ("--tokens", "tokens.parquet"),
            ("--explainer", "explainer"),
            ("--classifier", "classifier"),
        ],
        outputs: &["--output", "--bases"],
        writes_directory: false,
        rest: "",
    },
    Use {
        stage: "attribute",
        inputs: &[("--tokens", "tokens.parquet"), ("--classifier", "classifier")],
        outputs: &["--output", "--costs"],
        writes_directory: false,
        rest: "--method random_tokens --limit 2",
    },
    Use {
        stage: "merge",
        inputs: &[("-", "masks.parquet")],
        outputs: &["--output"],
        writes_directory: false,
        rest: "",
    },
    Use {
        stage: "tracks",
        inputs: &[("--bases", "bases.parquet"), ("--predictions", "predicted.parquet")],
        outputs: &["--stretches", "--bed"],
        writes_directory: false,
        rest: "",
    },
    Use {
        stage: "perturb",
        inputs: &[
            ("--tokens", "tokens.parquet"),
            ("--classifier", "classifier"),
            ("--judge", "classifier"),
            ("--masks", "masks.parquet"),
        ],
        outputs: &["--output"],
        writes_directory: false,
        rest: "--limit 2",
    },
    Use {
        stage: "probe",
        inputs: &[("--tokens", "tokens.parquet"), ("--masks", "masks.parquet")],
        outputs: &["--output"],
        writes_directory: false,
        rest: "--min-records 1",
    },
    Use {
        stage: "evaluate",
        inputs: &[
            ("--tokens", "tokens.parquet"),
            ("--masks", "masks.parquet"),
            ("--perturbations", "perturbations.parquet"),
            ("--truth", "truth.tsv"),
            ("--evidence", "metrics.parquet"),
        ],
        outputs: &["--output", "--json"],
        writes_directory: false,
        rest: "--replicates 5",
    },
    Use {
        stage: "compare",
        inputs: &[
            ("--tokens", "tokens.parquet"),
            ("--reference", "bases.parquet"),
            ("--other", "seed=seed-bases.parquet"),
        ],
        outputs: &["--output"],
        writes_directory: false,
        rest: "--replicates 5",
    },
    Use {
        stage: "report",
        inputs: &[
            ("--tokens", "tokens.parquet"),
            ("--masks", "masks.parquet"),
            ("--bases", "bases.parquet"),
            ("--perturbations", "perturbations.parquet"),
            ("--predictions", "windows.parquet"),
            ("--assessment", "assessment.parquet"),
            ("--confusion", "confusion.parquet"),
            ("--metrics", "metrics.parquet"),
            ("--checks", "metrics.json"),
            ("--intervals", "truth.tsv"),
            ("--classifier", "classifier"),
            ("--explainer", "explainer"),
        ],
        outputs: &["--output", "--browse"],
        writes_directory: false,
        rest: "",
    },
];

/// A folder with everything that the stages read.
fn prepare() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let path = |name: &str| here.join(name);
    let windows = rows(24, &tokenization());
    write_tokens(&path("tokens.parquet"), &windows, &tokenization());
    write_tokens(&path("seen.parquet"), &windows, &tokenization());
    fs::write(path("genes.fasta"), ">a\nACGTACGTACGT\n").unwrap();
    fs::write(path("taxa.tsv"), "id\tgenus\na\tBacillus\n").unwrap();
    fs::write(path("truth.tsv"), format!("id\tstart\tend\n{}\t0\t6\n", windows[0].id)).unwrap();
    let golden = workspace().join("crates/readlens-import/tests/golden/bert-narrow");
    fs::create_dir(path("model")).unwrap();
    for entry in fs::read_dir(golden).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), path("model").join(entry.file_name())).unwrap();
    }
    let labels = "label\trank\ttaxon\ntaxon a\tgenus\tA\ntaxon b\tgenus\tB\n";
    fs::write(path("labels.tsv"), labels).unwrap();
    let made = [
        (
            "train-classifier",
            "--tokens tokens.parquet --preset tiny --epochs 1 --output classifier",
        ),
        (
            "train-explainer",
            "--tokens tokens.parquet --classifier classifier --preset hard --dim 4 --epochs 1 --output explainer",
        ),
        (
            "mask",
            "--tokens tokens.parquet --explainer explainer --output masks.parquet --bases bases.parquet",
        ),
        (
            "train-explainer",
            "--tokens tokens.parquet --classifier classifier --preset hard --dim 4 --epochs 1 --seed 2 --output seed-explainer",
        ),
        (
            "mask",
            "--tokens tokens.parquet --explainer seed-explainer --output seed-masks.parquet --bases seed-bases.parquet",
        ),
        (
            "predict",
            "--tokens tokens.parquet --classifier classifier --output windows.parquet --records predicted.parquet",
        ),
        (
            "assess",
            "--tokens tokens.parquet --classifier classifier --split train --masked 0 --replicates 5 --output assessment.parquet --confusion confusion.parquet",
        ),
        (
            "perturb",
            "--tokens tokens.parquet --classifier classifier --masks masks.parquet --output perturbations.parquet",
        ),
        (
            "evaluate",
            "--tokens tokens.parquet --masks masks.parquet --perturbations perturbations.parquet --replicates 5 --check --output metrics.parquet --json metrics.json",
        ),
    ];
    for (name, arguments) in made {
        succeed(name, here, &format!("{arguments} --quiet"));
    }
    folder
}

/// The arguments of a use, with its outputs at these paths.
fn arguments(used: &Use, outputs: &[&str]) -> String {
    let named = |(option, value): &(&str, &str)| match *option {
        "-" => (*value).to_owned(),
        option => format!("{option} {value}"),
    };
    let written = used.outputs.iter().zip(outputs).map(|(option, path)| format!("{option} {path}"));
    let all: Vec<String> = used.inputs.iter().map(named).chain(written).collect();
    format!("{} {} --quiet", all.join(" "), used.rest)
}

/// Refused as a usage that cannot work, and nothing in the folder is touched.
fn assert_refused(
    used: &Use,
    here: &Path,
    outputs: &[&str],
    before: &[(std::path::PathBuf, Vec<u8>)],
) {
    let arguments = arguments(used, outputs);
    let output = run(used.stage, here, &arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{} {arguments}: {stderr}", used.stage);
    assert_eq!(stderr.lines().count(), 1, "{} {arguments}: {stderr}", used.stage);
    assert!(contents(here) == before, "{} {arguments} changed a file", used.stage);
}

#[test]
fn every_stage_is_listed() {
    assert_eq!(USES.map(|used| used.stage), STAGES);
}

#[test]
fn an_output_is_no_input_and_no_other_output() {
    let folder = prepare();
    let here = folder.path();
    fs::create_dir(here.join("links")).unwrap();
    let names = names_in(here);
    for name in names.iter().filter(|name| *name != "links") {
        symlink(format!("../{name}"), here.join("links").join(name)).unwrap();
    }
    let before = contents(here);
    for used in &USES {
        // The output under test, and a free name for the other one.
        let places = 0..used.outputs.len();
        let with = |place: usize, path: &str| {
            let mut outputs = vec!["free.1", "free.2"];
            outputs.truncate(used.outputs.len());
            outputs[place] = path;
            assert_refused(used, here, &outputs, &before);
        };
        for (_, input) in used.inputs {
            let input = input.rsplit('=').next().unwrap();
            let is_directory = here.join(input).is_dir();
            for place in places.clone() {
                with(place, input);
                with(place, &format!("links/../{input}"));
                with(place, &format!("free.3/../{input}"));
                with(place, &format!("links/{input}"));
                if is_directory {
                    with(place, &format!("{input}/model.safetensors"));
                    with(place, &format!("links/{input}/new"));
                }
            }
        }
        if used.outputs.len() == 2 {
            assert_refused(used, here, &["free", "links/../free"], &before);
            assert_refused(used, here, &["-", "-"], &before);
        }
    }
}

#[test]
fn what_is_not_a_stages_own_is_not_replaced() {
    let folder = prepare();
    let here = folder.path();
    fs::create_dir(here.join("photos")).unwrap();
    fs::write(here.join("photos/cat.jpg"), "cat").unwrap();
    let before = contents(here);
    symlink("nowhere", here.join("dangling")).unwrap();
    let long = "x".repeat(300);
    for used in &USES {
        for output in ["photos", "dangling", "genes.fasta/new", &long] {
            let mut outputs = vec![output, "free"];
            outputs.truncate(used.outputs.len());
            let arguments = arguments(used, &outputs);
            let finished = run(used.stage, here, &arguments);
            let stderr = String::from_utf8_lossy(&finished.stderr);
            assert_eq!(finished.status.code(), Some(2), "{} {arguments}: {stderr}", used.stage);
        }
        if used.writes_directory {
            let finished = run(used.stage, here, &arguments(used, &["-"]));
            assert_eq!(finished.status.code(), Some(2), "{} wrote a directory to -", used.stage);
        }
    }
    fs::remove_file(here.join("dangling")).unwrap();
    assert!(contents(here) == before, "a file was changed");
}

#[test]
fn files_stream_to_standard_output_and_fifos() {
    let folder = prepare();
    let here = folder.path();
    for used in USES.iter().filter(|used| !used.writes_directory) {
        if used.stage == "evaluate" {
            let finished = run(used.stage, here, &arguments(used, &["-", "free"]));
            assert_eq!(finished.status.code(), Some(2), "evaluate prints a summary there");
            continue;
        }
        succeed(used.stage, here, &arguments(used, &["expected"]));
        let expected = fs::read(here.join("expected")).unwrap();
        let finished = run(used.stage, here, &arguments(used, &["-"]));
        assert!(finished.status.success(), "{}", used.stage);
        assert!(!here.join("-").exists(), "{} wrote a file called -", used.stage);
        // A report and a table of costs show measured seconds; here neither is there.
        assert!(finished.stdout == expected, "{} streams something else", used.stage);
        fs::remove_file(here.join("expected")).unwrap();
    }

    let vary = USES.iter().find(|used| used.stage == "vary").unwrap();
    let made = std::process::Command::new("mkfifo").arg(here.join("fifo")).status().unwrap();
    assert!(made.success());
    let mut child = stage(vary.stage, here);
    child.args(arguments(vary, &["fifo"]).split_whitespace()).stderr(Stdio::null());
    let mut child = child.spawn().unwrap();
    let mut found = Vec::new();
    fs::File::open(here.join("fifo")).unwrap().read_to_end(&mut found).unwrap();
    assert!(child.wait().unwrap().success());
    succeed(vary.stage, here, &arguments(vary, &["expected"]));
    assert!(found == fs::read(here.join("expected")).unwrap());
    assert!(fs::symlink_metadata(here.join("fifo")).unwrap().file_type().is_fifo());
}

#[test]
fn a_directory_with_foreign_entries_is_refused_and_one_of_its_kind_replaced() {
    let folder = prepare();
    let here = folder.path();
    for used in USES.iter().filter(|used| used.writes_directory) {
        succeed(used.stage, here, &arguments(used, &["made"]));
        succeed(used.stage, here, &arguments(used, &["made"]));
        fs::copy(here.join("tokens.parquet"), here.join("made/tokens.parquet")).unwrap();
        let before = contents(here);
        assert_refused(used, here, &["made"], &before);
        fs::remove_dir_all(here.join("made")).unwrap();
        assert!(
            names_in(here).iter().all(|name| !name.starts_with('.')),
            "{} left a file",
            used.stage
        );
    }
}
