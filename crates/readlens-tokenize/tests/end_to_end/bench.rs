//! A folder to tokenize in, through the stage binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use readlens_provenance::Manifest;
use readlens_tables::Reader;
use readlens_tables::tokens::TokenRow;
use readlens_tokenize::Summary;

pub struct Bench(tempfile::TempDir);

/// What a run wrote.
pub struct Run {
    pub rows: Vec<TokenRow>,
    pub ranks: Vec<String>,
    pub manifest: Manifest,
    pub tokenization: String,
    pub summary: Summary,
}

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
        self
    }

    /// Runs the stage in the folder with `arguments`, separated by blanks.
    pub fn call(&self, arguments: &str, stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_readlens-tokenize"))
            .current_dir(self.0.path())
            .args(arguments.split_whitespace())
            .args(["--output", "tokens.parquet", "--summary", "summary.json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        child.wait_with_output().unwrap()
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.run_on(arguments, b"")
    }

    pub fn run_on(&self, arguments: &str, stdin: &[u8]) -> Run {
        let output = self.call(arguments, stdin);
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout.is_empty(), "{arguments}: {log}");
        let reader = Reader::<TokenRow>::open(&self.path("tokens.parquet")).unwrap();
        let manifest = reader.manifest().unwrap().unwrap();
        let ranks = reader.ranks().to_vec();
        let tokenization = reader.metadata()[readlens_tables::tokens::KEY_TOKENIZATION].clone();
        let json = std::fs::read_to_string(self.path("summary.json")).unwrap();
        let mut summary: serde_json::Value = serde_json::from_str(&json).unwrap();
        let manifest_there = summary.as_object_mut().unwrap().shift_remove("manifest").unwrap();
        assert_eq!(manifest_there, serde_json::to_value(&manifest).unwrap());
        let summary = serde_json::from_value(summary).unwrap();
        Run {
            rows: reader.collect::<Result<_, _>>().unwrap(),
            ranks,
            manifest,
            tokenization,
            summary,
        }
    }
}

/// The data that come with the project.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/16s").join(name)
}
