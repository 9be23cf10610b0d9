//! Tables of masks in, stretches and tracks out: closed forms, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use readlens_fault::Fault;
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::bases::BaseRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::stretches::StretchRow;
use readlens_tables::vocabulary::{MethodKind, Name, Ranks};
use readlens_tables::{Reader, Record, Writer};
use readlens_tracks::{Choice, Config, Merge, Paths, run};

fn write<R: Record>(path: &Path, rows: &[R]) {
    let manifest = Manifest::new("test", &0, None, Vec::new()).unwrap();
    let mut writer = Writer::<R>::create(path, &[], &manifest, &BTreeMap::new()).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn mask(id: &str, window: u32, strand: &str, start: u32, values: &[f32]) -> BaseRow {
    BaseRow {
        id: id.to_owned(),
        window,
        start,
        end: start + values.len() as u32,
        strand: strand.to_owned(),
        method: name("explainer"),
        method_kind: MethodKind::Explainer,
        replicate: 1,
        rank: Ranks::All,
        mask: values.to_vec(),
    }
}

fn prediction(id: &str, rank: &str, taxon: Option<&str>) -> PredictionRow {
    PredictionRow {
        id: id.to_owned(),
        window: None,
        split: None,
        windows: 1,
        rank: name(rank),
        taxon: taxon.map(str::to_owned),
        probability: 0.5,
        runner_up: None,
        runner_up_probability: None,
        entropy: 0.5,
        confidence: 0.5,
        votes: 1,
    }
}

/// Two windows that overlap on both strands, a record that begins as a comment, one that begins as
/// a setting of a browser, and one without a stretch.
fn rows() -> Vec<BaseRow> {
    vec![
        mask("a", 0, "+", 0, &[1.0, 1.0, 0.5, 0.0]),
        mask("a", 1, "-", 2, &[1.0, 0.0, 0.75]),
        mask("#\tb c", 0, "-", 1, &[0.75, 0.75]),
        mask("track", 0, "+", 0, &[0.875]),
        mask("d", 0, "+", 0, &[0.5, 0.25]),
    ]
}

struct Folder {
    directory: tempfile::TempDir,
    paths: Paths,
}

impl Folder {
    fn new(rows: &[BaseRow]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        write(&path("bases"), rows);
        let paths = Paths {
            bases: path("bases"),
            stretches: path("stretches"),
            bed: Some(path("bed")),
            gff3: Some(path("gff3")),
            bedgraph: Some(path("bedgraph")),
            bigwig: Some(path("bigwig")),
            ..Paths::default()
        };
        Self { directory, paths }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, config: &Config) -> Result<(), Fault> {
        run(config, &self.paths, &Context::silent())
    }

    /// The fault, after which nothing may have been written.
    fn refused(&self, config: &Config) -> String {
        let fault = self.run(config).unwrap_err();
        for output in ["stretches", "bed", "gff3", "bedgraph", "bigwig", "masked"] {
            assert!(!self.path(output).exists(), "{output}: {fault}");
        }
        fault.to_string()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn stretches(&self) -> Vec<StretchRow> {
        Reader::open(&self.path("stretches")).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn sequences(&mut self, text: &str) {
        fs::write(self.path("fasta"), text).unwrap();
        self.paths.sequences = vec![self.path("fasta")];
        self.paths.masked_fasta = Some(self.path("masked"));
    }
}

#[test]
fn every_track_says_the_same() {
    let mut folder = Folder::new(&rows());
    let predictions = [
        prediction("before", "phylum", None),
        prediction("a", "phylum", Some("P")),
        prediction("a", "genus", Some("G; h")),
        prediction("#\tb c", "genus", None),
        prediction("track", "genus", Some("T")),
        prediction("d", "genus", Some("T")),
    ];
    write(&folder.path("predictions"), &predictions);
    folder.paths.predictions = Some(folder.path("predictions"));
    folder.run(&Config::default()).unwrap();
    let bed = "a\t0\t3\tG%3B%20h\t917\t.\na\t4\t5\tG%3B%20h\t750\t.\n\
               %23%09b%20c\t1\t3\tall\t750\t-\n%74rack\t0\t1\tT\t875\t+\n";
    assert_eq!(folder.text("bed"), bed);
    let bedgraph = "a\t0\t2\t1\na\t2\t3\t0.75\na\t3\t4\t0\na\t4\t5\t0.75\n%23%09b%20c\t1\t3\t0.75\n\
                    %74rack\t0\t1\t0.875\nd\t0\t1\t0.5\nd\t1\t2\t0.25\n";
    assert_eq!(folder.text("bedgraph"), bedgraph);
    let gff3 = folder.text("gff3");
    let regions: Vec<&str> = gff3.lines().filter(|line| line.starts_with("##s")).collect();
    assert_eq!(regions[0], "##sequence-region a 1 5");
    assert_eq!((gff3.lines().count(), regions.len()), (9, 4));
    let found = folder.stretches();
    let ends: Vec<_> = found.iter().map(|s| (s.id.as_str(), s.start, s.end, s.peak)).collect();
    let expected =
        [("a", 0, 3, 1.0), ("a", 4, 5, 0.75), ("#\tb c", 1, 3, 0.75), ("track", 0, 1, 0.875)];
    assert_eq!(ends, expected);
    assert_eq!(&fs::read(folder.path("bigwig")).unwrap()[..4], [0x26, 0xfc, 0x8f, 0x88]);
}

#[test]
fn max_and_the_threshold_are_asked_for() {
    let folder = Folder::new(&rows());
    let config = Config { threshold: 0.9, merge: Merge::Max, ..Config::default() };
    folder.run(&config).unwrap();
    assert_eq!(folder.text("bed"), "a\t0\t3\tall\t1000\t.\n");
}

#[test]
fn unread_bases_are_in_lower_case() {
    let mut rows = rows();
    rows.remove(2);
    let mut folder = Folder::new(&rows);
    let long = "ACGT".repeat(20);
    folder
        .sequences(&format!(">none x\r\nAC\r\n>a b\nacg\nTACC\n>track\nA\n>d\n{long}\n>last\nN\n"));
    folder.run(&Config::default()).unwrap();
    let long = long.to_lowercase();
    let expected = format!(
        ">none x\nac\n>a b\nACGtAcc\n>track\nA\n>d\n{}\n{}\n>last\nn\n",
        &long[..60],
        &long[60..]
    );
    assert_eq!(folder.text("masked"), expected);
    assert!(folder.text("gff3").contains("##sequence-region d 1 80\n"));
}

#[test]
fn sequences_of_others_are_refused() {
    let mut folder = Folder::new(&rows()[..2]);
    for (fasta, expected) in [
        (">a\nACGT\n", "record 1 (a): expected 5 bases or more"),
        (">b\nACGTA\n", "row 1: expected records that the sequences have too"),
        (">a\nAC-GTA\n", "expected a sequence without gaps"),
        ("@a\nACGTA\n+\nIIIII\n", "expected FASTA, which begins with >"),
        ("", "found an empty file"),
        (">\nACGTA\n", "record 1 (): expected an identifier"),
    ] {
        folder.sequences(fasta);
        let message = folder.refused(&Config::default());
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn tracks_are_of_one_mask_and_the_table_is_of_all() {
    let mut rows = rows();
    rows.truncate(1);
    rows.push(BaseRow { method: name("other"), ..rows[0].clone() });
    let mut folder = Folder::new(&rows);
    let message = folder.refused(&Config::default());
    assert!(
        message.contains("found explainer for all ranks; other for all ranks of a"),
        "{message}"
    );
    let choice = |method: &str| Choice { method: Some(name(method)), ..Choice::default() };
    let message = folder.refused(&Config { choice: choice("third"), ..Config::default() });
    assert!(message.contains("found explainer for all ranks; other for all ranks;"), "{message}");
    folder.run(&Config { choice: choice("other"), ..Config::default() }).unwrap();
    assert_eq!(folder.stretches().len(), 1);
    let Paths { bases, stretches, .. } = folder.paths;
    folder.paths = Paths { bases, stretches, ..Paths::default() };
    folder.run(&Config::default()).unwrap();
    assert_eq!(folder.stretches().len(), 2);
}

#[test]
fn masks_that_are_none_are_refused() {
    let wrong = [
        (mask("a", 0, "+", 0, &[f32::NAN]), "expected mask values from 0 to 1"),
        (mask("a", 0, "*", 0, &[1.0]), "expected the strand + or -"),
        (BaseRow { end: 9, ..mask("a", 0, "+", 0, &[1.0]) }, "expected one value per base"),
    ];
    for (row, expected) in wrong {
        let message = Folder::new(&[row]).refused(&Config::default());
        assert!(message.contains("row 0") && message.contains(expected), "{message}");
    }
    let again = [mask("a", 0, "+", 0, &[1.0]), mask("a", 0, "+", 0, &[1.0])];
    let message = Folder::new(&again).refused(&Config::default());
    assert!(
        message.contains("row 1: expected the windows of a record in their order"),
        "{message}"
    );
    let apart = [mask("a", 0, "+", 0, &[1.0]), mask("b", 0, "+", 0, &[1.0]), again[0].clone()];
    let message = Folder::new(&apart).refused(&Config::default());
    assert!(message.contains("found a record that came before"), "{message}");
}

#[test]
fn no_masks_are_no_stretches() {
    let folder = Folder::new(&[]);
    folder.run(&Config::default()).unwrap();
    assert_eq!((folder.text("bed"), folder.text("bedgraph")), (String::new(), String::new()));
    assert_eq!(folder.text("gff3"), "##gff-version 3\n");
    assert_eq!(folder.stretches(), []);
}

#[test]
fn predictions_are_of_these_records() {
    let mut folder = Folder::new(&rows()[..2]);
    folder.paths.predictions = Some(folder.path("predictions"));
    write(&folder.path("predictions"), &[prediction("b", "genus", None)]);
    let message = folder.refused(&Config::default());
    assert!(message.contains("found none for a"), "{message}");
    let window = PredictionRow { window: Some(0), ..prediction("a", "genus", None) };
    write(&folder.path("predictions"), &[window]);
    let message = folder.refused(&Config::default());
    assert!(message.contains("row 0: expected predictions for records"), "{message}");
}
