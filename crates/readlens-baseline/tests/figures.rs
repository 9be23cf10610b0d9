//! Figures of sequences whose composition tells their genus, and input that is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::Path;

use readlens_baseline::{Config, run};
use readlens_fault::{ExitCode, Fault};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::metrics::MetricRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::{Metric, Operator, Over, Split};
use readlens_tables::{Reader, Writer};

fn tokenization(stride: u32) -> Tokenization {
    Tokenization::new(Alphabet::Dna, 3, stride, true).unwrap()
}

/// A number that follows no pattern, below `below`.
fn noise(i: usize, below: usize) -> usize {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 20) as usize % below
}

/// `count` windows; a genus has a dinucleotide of its own in half of its places. Windows of the
/// genus "rare" are in the split test alone.
fn rows(count: usize) -> Vec<TokenRow> {
    const PAIRS: [&[u8; 2]; 4] = [b"CA", b"GA", b"AT", b"CG"];
    let row = |i: usize| {
        let split = [Split::Train, Split::Train, Split::Valid, Split::Test][i % 4];
        let genus = i / 4 % 3;
        let is_rare = split == Split::Test && i.is_multiple_of(5);
        let mut bases = Vec::new();
        for place in 0..30 {
            let (a, b) = (noise(i * 64 + 2 * place, 4), noise(i * 64 + 2 * place + 1, 4));
            let pair = PAIRS[if is_rare { 3 } else { genus }];
            bases.extend(if a < 2 { *pair } else { [b"ACGT"[a], b"ACGT"[b]] });
        }
        // Every other window is the same read from the other strand.
        if i % 2 == 1 {
            bases = Alphabet::Dna.reverse_complement(&bases);
        }
        let mut tokens = Vec::new();
        tokenization(3).encode(&bases, &mut tokens);
        let name = if is_rare { "rare".to_owned() } else { format!("genus{genus}") };
        TokenRow {
            id: format!("record{i}"),
            window: 0,
            start: 0,
            end: 60,
            strand: "+".to_owned(),
            tokens,
            split: Some(split),
            taxa: vec![Some("all".to_owned()), (!i.is_multiple_of(7)).then_some(name)],
            phase: None,
            frame_gap: None,
        }
    };
    (0..count).map(row).collect()
}

fn write(path: &Path, rows: &[TokenRow], stride: u32) {
    let manifest = Manifest::new("test", &"test", Some(1), Vec::new()).unwrap();
    let ranks = ["phylum", "genus"].map(str::to_owned);
    let tokenization = serde_json::to_string(&tokenization(stride)).unwrap();
    let metadata: BTreeMap<String, String> = [(KEY_TOKENIZATION.to_owned(), tokenization)].into();
    let mut writer = Writer::create(path, &ranks, &manifest, &metadata).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

fn config() -> Config {
    Config { k: 3, voting_k: 9, epochs: 40, patience: 40, learning_rate: 0.01, replicates: 200 }
}

fn judged(rows: &[TokenRow], config: &Config, stride: u32) -> Result<Vec<MetricRow>, Fault> {
    let dir = tempfile::tempdir().unwrap();
    let [tokens, output] = ["tokens.parquet", "metrics.parquet"].map(|name| dir.path().join(name));
    write(&tokens, rows, stride);
    let outcome = run(config, 1, &tokens, &output, &Context::silent());
    assert_eq!(output.exists(), outcome.is_ok());
    outcome?;
    Ok(Reader::open(&output).unwrap().map(Result::unwrap).collect())
}

#[test]
fn composition_tells_the_genera_that_were_learned() {
    let rows = rows(1200);
    let found = judged(&rows, &config(), 3).unwrap();
    let names: Vec<_> = found.iter().map(|r| (r.operator.known().unwrap(), r.metric)).collect();
    // The only phylum is nothing to learn.
    assert_eq!(
        names,
        [
            (Operator::KmerLogisticRegression, Metric::Accuracy),
            (Operator::KmerLogisticRegression, Metric::AccuracyMacro),
            (Operator::KmerNaiveBayes, Metric::Accuracy),
            (Operator::KmerNaiveBayes, Metric::AccuracyMacro),
            (Operator::KmerVoting, Metric::Accuracy),
            (Operator::KmerVoting, Metric::AccuracyMacro),
        ]
    );
    let test = rows.iter().filter(|row| row.split == Some(Split::Test));
    let labels: Vec<&str> = test.filter_map(|row| row.taxa[1].as_deref()).collect();
    let rare = labels.iter().filter(|label| **label == "rare").count() as f64;
    let most = 1.0 - rare / labels.len() as f64;
    for row in &found {
        let of_mask = (&row.method, row.method_kind, row.replicate, &row.mask_rank);
        assert_eq!(of_mask, (&None, None, None, &None));
        assert_eq!((row.split, row.rank.name()), (Over::Split(Split::Test), "genus"));
        assert_eq!(row.n as usize, labels.len());
        // A genus that was never learned is never right; of four, it weighs a quarter.
        let most = if row.metric == Metric::Accuracy { most } else { 0.75 };
        assert!(
            row.value < most + 1e-9 && row.value > most - 0.08,
            "{}: {}",
            row.metric,
            row.value
        );
        assert!(row.ci_low.unwrap() < row.value && row.value < row.ci_high.unwrap());
    }
}

/// Shuffled labels: nothing can be learned, so the figure is near one of three.
#[test]
fn noise_is_not_learned() {
    let mut rows = rows(1200);
    for (i, row) in rows.iter_mut().enumerate() {
        row.taxa[1] = Some(format!("genus{}", noise(7 * i + 3, 3)));
    }
    for row in judged(&rows, &config(), 3).unwrap() {
        // Three standard errors of 300 windows are .082.
        let above = row.value - 1.0 / 3.0;
        // Where votes are equal, no genus is elected, which is never right.
        let is_voting = row.operator.known().unwrap() == Operator::KmerVoting;
        assert!(above < 0.082 && (is_voting || above > -0.082), "{} {}", row.operator, row.value);
    }
}

#[track_caller]
fn refused(rows: &[TokenRow], config: &Config, stride: u32, code: ExitCode, part: &str) {
    let fault = judged(rows, config, stride).unwrap_err();
    assert_eq!(fault.exit_code(), code, "{fault}");
    assert!(fault.to_string().contains(part), "{fault} lacks {part}");
}

#[test]
fn bad_tables_and_numbers_are_refused() {
    let good = rows(40);
    let spoilt = |spoil: fn(&mut TokenRow)| {
        let mut rows = good.clone();
        rows.iter_mut().for_each(spoil);
        rows
    };
    let bad = |rows: &[TokenRow], part| refused(rows, &config(), 3, ExitCode::BadInput, part);
    bad(&spoilt(|row| row.split = None), "expected windows of the split train, found none");
    bad(&spoilt(|row| row.split = Some(Split::Train)), "windows of the split test");
    bad(&spoilt(|row| row.taxa[1] = None), "expected a rank with two taxa or more");
    bad(&spoilt(|row| row.tokens[2] = 70), "row 0: expected tokens of the table's tokenization");
    bad(&spoilt(|row| row.tokens = Vec::new()), "row 0: expected tokens");
    refused(&good, &config(), 4, ExitCode::Usage, "stride of at most k");
    for (config, part) in [
        (Config { k: 9, ..config() }, "--k is 9; give 1 to 8"),
        (Config { voting_k: 32, ..config() }, "--voting-k is 32; give 1 to 31"),
        (Config { voting_k: 0, ..config() }, "--voting-k is 0"),
        (Config { epochs: 0, ..config() }, "--epochs is 0"),
        (Config { learning_rate: f32::NAN, ..config() }, "--learning-rate is NaN"),
        (Config { replicates: 100_001, ..config() }, "--replicates is 100001"),
    ] {
        refused(&good, &config, 3, ExitCode::Usage, part);
    }
}

#[test]
fn windows_of_any_length_are_read() {
    let mut rows = rows(400);
    // CLS alone, and one k-mer: shorter than the k-mers that are counted.
    rows[0].tokens.truncate(1);
    rows[3].tokens.truncate(2);
    let found = judged(&rows, &Config { k: 5, ..config() }, 3).unwrap();
    assert!(found.iter().all(|row| row.value > 0.4 && row.value < 1.0));
}
