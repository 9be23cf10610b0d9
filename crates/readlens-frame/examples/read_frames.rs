//! Learns reading frames from the first FASTA file and reads it and the files after it.
//!
//! ```sh
//! cargo run --release -p readlens-frame --example read_frames -- [--truth TABLE.tsv] \
//!     [--learn SEQUENCES] [--length NT] [--save MODEL.json] <(zcat genes.fasta.gz) [MORE.fasta]
//! ```
//!
//! With a table of truth (tab-separated, with columns `id`, `strand`, `source` and, where known,
//! `split` and `start0`), a model is learned from the split `train` only, and strand and phase are
//! compared with it: a fragment on the strand `+` or `-` of a gene whose codons begin at base 0 and
//! which begins at base `start0` of it has the phase (-start0) mod 3. For a source of genomes,
//! whose strand is not that of a gene, the comparison says nothing.
//!
//! `--learn` takes that many sequences, evenly spread; `--length` reads only so many bases of each.
//! Every file is also read with the bases of each sequence shuffled. Seconds are wall time.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example for people to run")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Instant;

use rand::seq::SliceRandom;
use rayon::prelude::*;
use readlens_frame::{FrameModel, FrameOptions, Reading, Strand, Verdict};
use readlens_random::stream;

#[derive(Clone, Default)]
struct Truth {
    source: String,
    is_train: bool,
    strand: Option<Strand>,
    phase: Option<u8>,
}

struct Sequence {
    id: String,
    bases: Vec<u8>,
}

fn fasta(path: &str) -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        match line.strip_prefix('>') {
            Some(name) => {
                let id = name.split_whitespace().next().unwrap_or_default().to_owned();
                sequences.push(Sequence { id, bases: Vec::new() });
            }
            None => sequences.last_mut().unwrap().bases.extend(line.trim_end().bytes()),
        }
    }
    sequences
}

/// Every `len / count`-th sequence.
fn thinned<T: Copy>(all: &[T], count: usize) -> Vec<T> {
    let count = count.min(all.len());
    (0..count).map(|i| all[i * all.len() / count]).collect()
}

fn truths(path: &str) -> HashMap<String, Truth> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|title| *title == name);
    let [id, strand, source] = ["id", "strand", "source"].map(|name| column(name).unwrap());
    let (split, start) = (column("split"), column("start0"));
    let truth = |row: Vec<&str>| {
        let start: Option<i64> = start.and_then(|start| row[start].parse().ok());
        let truth = Truth {
            source: row[source].to_owned(),
            is_train: split.is_none_or(|split| row[split] == "train"),
            strand: match row[strand] {
                "+" => Some(Strand::Forward),
                "-" => Some(Strand::Reverse),
                _ => None,
            },
            phase: start.map(|start| (-start).rem_euclid(3) as u8),
        };
        (row[id].to_owned(), truth)
    };
    lines.map(truth).collect()
}

#[derive(Default)]
struct Sums {
    read: usize,
    too_short: usize,
    strand: usize,
    phase: usize,
    found: usize,
    found_strand: usize,
    found_phase: usize,
}

impl Sums {
    /// Counts the reading of the first bases of a sequence, `cut` bases before its end.
    fn add(&mut self, reading: &Reading, truth: Option<&Truth>, cut: usize) {
        let is_found = reading.verdict == Verdict::InFrame;
        let strand = truth.is_some_and(|truth| truth.strand == Some(reading.strand));
        // On the reverse strand the bases behind the cut come first.
        let before = if reading.strand == Strand::Reverse { cut % 3 } else { 0 };
        let phase_of = |phase: u8| (usize::from(phase) + 3 - before) % 3;
        let phase = truth.and_then(|truth| truth.phase).map(phase_of);
        let phase = strand && phase == Some(usize::from(reading.phase));
        self.read += 1;
        self.too_short += usize::from(reading.verdict == Verdict::TooShort);
        self.strand += usize::from(strand);
        self.phase += usize::from(phase);
        self.found += usize::from(is_found);
        self.found_strand += usize::from(is_found && strand);
        self.found_phase += usize::from(is_found && phase);
    }

    fn print(&self, name: &str, with_truth: bool) {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        print!("{name}\t{}\t{}\t{:.1}", self.read, self.too_short, percent(self.found, self.read));
        if with_truth {
            print!(
                "\t{:.1}\t{:.1}\t{:.1}\t{:.1}",
                percent(self.strand, self.read),
                percent(self.phase, self.read),
                percent(self.found_strand, self.found),
                percent(self.found_phase, self.found)
            );
        }
        println!();
    }
}

fn main() {
    let (mut truth, mut save, mut paths) = (None, None, Vec::new());
    let (mut learn, mut length) = (usize::MAX, usize::MAX);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--truth" => truth = arguments.next(),
            "--save" => save = arguments.next(),
            "--learn" => learn = arguments.next().unwrap().parse().unwrap(),
            "--length" => length = arguments.next().unwrap().parse().unwrap(),
            _ => paths.push(argument),
        }
    }
    assert!(!paths.is_empty(), "name a FASTA file");
    let truths = truth.map(|path| truths(&path)).unwrap_or_default();
    let files: Vec<(String, Vec<Sequence>)> =
        paths.into_iter().map(|path| (path.clone(), fasta(&path))).collect();

    let is_train = |id: &str| truths.get(id).is_none_or(|truth| truth.is_train);
    let learned_from: Vec<&[u8]> = files[0]
        .1
        .iter()
        .filter(|sequence| is_train(&sequence.id))
        .map(|sequence| sequence.bases.as_slice())
        .collect();
    let learned_from = thinned(&learned_from, learn);
    let begin = Instant::now();
    let fitted = FrameModel::fit(&learned_from, &FrameOptions::default()).unwrap();
    println!(
        "learned from {} sequences ({} too short) in {:.1} s on {} threads: {} bins, {} turns",
        fitted.used,
        fitted.too_short,
        begin.elapsed().as_secs_f64(),
        rayon::current_num_threads(),
        fitted.model.bin_edges().len() + 1,
        fitted.objectives.len()
    );
    println!("stop ratios of the bins: {:.3?}", fitted.model.stop_ratios());
    println!("objectives in nats per hexamer: {:.5?}", fitted.objectives);
    if let Some(path) = save {
        fs::write(path, serde_json::to_vec(&fitted.model).unwrap()).unwrap();
    }

    println!(
        "sequences\tread\ttoo short\t% in frame\t% strand\t% strand and phase\t% strand of those in \
         frame\t% strand and phase of those in frame"
    );
    for (path, sequences) in &files {
        let begin = Instant::now();
        let first = |sequence: &Sequence| sequence.bases.len().min(length);
        let read =
            |sequence: &Sequence| fitted.model.read(&sequence.bases[..first(sequence)]).unwrap();
        let readings: Vec<Reading> = sequences.par_iter().map(read).collect();
        let seconds = begin.elapsed().as_secs_f64();
        let mut by_source: BTreeMap<String, Sums> = BTreeMap::new();
        let (mut all, mut shuffled) = (Sums::default(), Sums::default());
        for (sequence, reading) in sequences.iter().zip(&readings) {
            let truth = truths.get(&sequence.id);
            let cut = sequence.bases.len() - first(sequence);
            all.add(reading, truth, cut);
            if let Some(truth) = truth {
                let part = if truth.is_train { "train" } else { "valid and test" };
                let name = format!("  {}, {part}", truth.source);
                by_source.entry(name).or_default().add(reading, Some(truth), cut);
            }
            let mut bases = sequence.bases[..first(sequence)].to_vec();
            bases.shuffle(&mut stream(1, &format!("shuffle/{}", sequence.id)));
            shuffled.add(&fitted.model.read(&bases).unwrap(), None, 0);
        }
        all.print(&format!("{path}, {seconds:.1} s"), false);
        by_source.iter().for_each(|(name, sums)| sums.print(name, true));
        shuffled.print("  shuffled", false);
    }
}
