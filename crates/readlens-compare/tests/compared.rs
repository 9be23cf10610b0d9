//! Tables of masks in, figures out: closed forms, counts, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use readlens_compare::{Config, Inputs, Other, run};
use readlens_fault::{ExitCode, Fault};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Split, TargetKind, Vocabulary, Word,
};
use readlens_tables::{Reader, Record, Writer};

/// Bases of a window: three 3-mers, and one base that is in none.
const LENGTH: usize = 10;

fn write<R: Record>(path: &Path, rows: &[R]) {
    let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, false).unwrap();
    let metadata: BTreeMap<String, String> =
        [(KEY_TOKENIZATION.to_owned(), serde_json::to_string(&tokenization).unwrap())].into();
    // Two runs with the same values are two files.
    let run = path.file_name().unwrap().to_string_lossy();
    let manifest = Manifest::new("test", &run, Some(1), Vec::new()).unwrap();
    let ranks = if R::TABLE.has_ranks { vec!["genus".to_owned()] } else { Vec::new() };
    let mut writer = Writer::<R>::create(path, &ranks, &manifest, &metadata).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
}

/// Window `i` of a table of two windows per record; every second record is of the split test.
fn token(i: usize) -> TokenRow {
    let start = 100 * (i % 2) as u32;
    TokenRow {
        id: format!("r{}", i / 2),
        window: (i % 2) as u32,
        start,
        end: start + LENGTH as u32,
        strand: "+".to_owned(),
        tokens: vec![5, 6, 7],
        split: Some(if (i / 2).is_multiple_of(2) { Split::Train } else { Split::Test }),
        taxa: vec![None],
        phase: None,
        frame_gap: None,
    }
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn mask(i: usize, values: &[f32]) -> BaseRow {
    let TokenRow { id, window, start, end, strand, .. } = token(i);
    BaseRow {
        id,
        window,
        start,
        end,
        strand,
        method: name("explainer"),
        method_kind: MethodKind::Explainer,
        replicate: 1,
        rank: Ranks::All,
        mask: values.to_vec(),
    }
}

/// .0, .1, … .9 rotated by `by`.
fn ramp(by: usize) -> Vec<f32> {
    (0..LENGTH).map(|base| ((base + by) % LENGTH) as f32 / 10.0).collect()
}

struct Tables {
    directory: tempfile::TempDir,
    inputs: Inputs,
}

/// Six windows with a ramp each, and nothing to compare it with yet.
fn tables() -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let tokens: Vec<TokenRow> = (0..6).map(token).collect();
    write(&path("tokens"), &tokens);
    let reference: Vec<BaseRow> = (0..6).map(|i| mask(i, &ramp(i))).collect();
    write(&path("reference"), &reference);
    let inputs =
        Inputs { tokens: path("tokens"), reference: path("reference"), others: Vec::new() };
    Tables { directory, inputs }
}

impl Tables {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `label`: an operator, and behind a colon its variant.
    fn add<R: Record>(&mut self, label: &str, rows: &[R]) {
        let path = self.path(&format!("other{}", self.inputs.others.len()));
        write(&path, rows);
        let (operator, variant) = parts(label);
        self.inputs.others.push(Other { operator, variant, path, tokens: None });
    }

    fn run(&self, config: &Config) -> Result<Vec<MetricRow>, Fault> {
        run(config, 1, &self.inputs, &self.path("metrics"), &Context::silent())
    }

    /// The fault, after which nothing may have been written.
    fn refused(&self) -> String {
        let fault = self.run(&Config::default()).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
        assert!(!self.path("metrics").exists());
        fault.to_string()
    }
}

/// The operator and the variant of a label such as `randomized:1`.
fn parts(label: &str) -> (Word<Operator>, Option<String>) {
    match label.split_once(':') {
        Some((operator, variant)) => (Word::of(operator), Some(variant.to_owned())),
        None => (Word::of(label), None),
    }
}

fn find<'a>(rows: &'a [MetricRow], label: &str, split: &str, metric: &str) -> &'a MetricRow {
    let (operator, variant) = parts(label);
    let over = Over::named(split).unwrap();
    let wanted: Metric = metric.parse().unwrap();
    let is_it = |row: &&MetricRow| {
        row.operator == operator
            && row.variant == variant
            && row.split == over
            && row.metric == wanted
            && row.share.is_none_or(|share| share == 0.2)
    };
    rows.iter().find(is_it).unwrap_or_else(|| panic!("no {label} {split} {metric}"))
}

/// A mask and its reverse, 1 − m: ranks turn round and no large value is shared. Bases 0 to 8 are
/// in tokens; with the ramp of window 0 the distance there is √Σ(.9 − 2m)² / √Σm².
#[test]
fn figures_have_their_closed_form() {
    let mut tables = tables();
    let turned = |i: usize| ramp(i).iter().map(|m| 0.9 - m).collect::<Vec<f32>>();
    let same: Vec<BaseRow> = (0..6).map(|i| mask(i, &ramp(i))).collect();
    let reverse: Vec<BaseRow> = (0..6).map(|i| mask(i, &turned(i))).collect();
    tables.add("seed", &same);
    tables.add("randomized:1", &reverse);
    tables.add("substitution", &same);
    tables.add("substitution", &reverse);
    let rows = tables.run(&Config::default()).unwrap();
    let read: Vec<MetricRow> =
        Reader::open(&tables.path("metrics")).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(read, rows);
    for (metric, value) in [("spearman", 1.0), ("jaccard", 1.0), ("iou", 1.0)] {
        let seed = find(&rows, "seed", "all", metric);
        assert_eq!((seed.value, seed.n), (value, 6), "{metric}");
        assert_eq!((seed.ci_low, seed.ci_high), (Some(value), Some(value)));
        let substitution = find(&rows, "substitution", "all", metric);
        let other = find(&rows, "randomized:1", "all", metric);
        assert!((substitution.value - (value + other.value) / 2.0).abs() < 1e-9);
    }
    let turned = find(&rows, "randomized:1", "all", "spearman");
    assert!(
        (turned.value + 1.0).abs() < 1e-9 && turned.method.as_deref() == Some("explainer"),
        "{turned:?}"
    );
    assert_eq!(find(&rows, "randomized:1", "all", "jaccard").value, 0.0);
    assert_eq!(find(&rows, "randomized:1", "all", "iou").value, 0.0);
    let distance = |i: usize| {
        let covered = ramp(i)[..9].to_vec();
        let squares = |f: fn(f64) -> f64| {
            covered.iter().map(|m| f(f64::from(*m)).powi(2)).sum::<f64>().sqrt()
        };
        squares(|m| 0.9 - 2.0 * m) / squares(|m| m)
    };
    let expected = (0..6).map(distance).sum::<f64>() / 6.0;
    let worst = find(&rows, "substitution", "all", "max_sensitivity");
    assert!((worst.value - expected).abs() < 1e-6, "{} {expected}", worst.value);
    let mean = find(&rows, "substitution", "all", "relative_distance");
    assert!((mean.value - expected / 2.0).abs() < 1e-6);
    let is_maximum = |row: &&MetricRow| row.metric == Metric::MaxSensitivity;
    assert!(rows.iter().filter(is_maximum).all(|row| row.operator == Operator::Substitution));
    // Records 0 and 2 are of the split train, record 1 of test; one record has no interval.
    assert_eq!(find(&rows, "seed", "train", "spearman").n, 4);
    assert_eq!(find(&rows, "seed", "test", "spearman").n, 2);
    assert_eq!(find(&rows, "seed", "test", "spearman").ci_low, None);
    // The default shares are all there.
    let shares: Vec<Option<f32>> = rows
        .iter()
        .filter(|r| r.metric == Metric::Jaccard && r.split == Over::All)
        .map(|r| r.share)
        .collect();
    assert_eq!(shares[..3], [Some(0.05), Some(0.1), Some(0.2)]);
    assert_eq!(shares.len(), 9);
}

/// The other strand and a frame shift leave coordinates true: what is left is compared there.
#[test]
fn variants_are_compared_on_their_coordinates() {
    let mut tables = tables();
    let shifted = |i: usize| {
        let row = mask(i, &ramp(i)[2..8]);
        BaseRow { start: row.start + 2, end: row.start + 8, strand: "-".to_owned(), ..row }
    };
    tables.add("frame_shift", &(0..6).map(shifted).collect::<Vec<_>>());
    let rows = tables.run(&Config::default()).unwrap();
    assert_eq!(find(&rows, "frame_shift", "all", "spearman").value, 1.0);
    assert_eq!(find(&rows, "frame_shift", "all", "relative_distance").value, 0.0);
}

#[test]
fn windows_of_one_table_alone_are_left_out() {
    let mut tables = tables();
    let of = |windows: &[usize]| windows.iter().map(|&i| mask(i, &ramp(i))).collect::<Vec<_>>();
    tables.add("seed", &of(&[1, 4]));
    tables.add("permuted", &of(&[0, 1, 2, 3, 4, 5]));
    write(&tables.inputs.reference, &of(&[1, 2, 4, 5]));
    let rows = tables.run(&Config::default()).unwrap();
    assert_eq!(find(&rows, "seed", "all", "spearman").n, 2);
    assert_eq!(find(&rows, "permuted", "all", "spearman").n, 4);
}

#[test]
fn a_constant_mask_has_no_rank_correlation_but_a_distance() {
    let mut tables = tables();
    tables.add("permuted", &(0..6).map(|i| mask(i, &[0.5; LENGTH])).collect::<Vec<_>>());
    let rows = tables.run(&Config::default()).unwrap();
    assert!(!rows.iter().any(|row| row.metric == Metric::Spearman));
    assert_eq!(find(&rows, "permuted", "all", "relative_distance").n, 6);
    // One of nine bases against each of nine in equal parts: (1/9) / (1 + 8/9); two: (4/9) / (2 +
    // 14/9).
    let expected = (2.0 * 2.0 / 9.0) / (2.0 + 7.0 * 2.0 / 9.0);
    let found = find(&rows, "permuted", "all", "jaccard").value;
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn the_seed_changes_nothing_but_intervals_and_few_replicates_are_enough_for_means() {
    let mut tables = tables();
    tables.add("permuted", &(0..6).map(|i| mask(i, &ramp(i * i))).collect::<Vec<_>>());
    let with = |replicates| tables.run(&Config { replicates, ..Config::default() }).unwrap();
    let (none, many) = (with(0), with(200));
    assert!(none.iter().all(|row| row.ci_low.is_none()));
    assert!(none.iter().zip(&many).all(|(a, b)| a.value == b.value && a.n == b.n));
    let spearman = find(&many, "permuted", "all", "spearman");
    assert!(spearman.ci_low < spearman.ci_high);
}

/// Masks on the three tokens of each window, on the strand that is read.
fn token_masks(strand_of: impl Fn(usize) -> bool) -> Vec<MaskRow> {
    let mask = |i: usize| {
        let TokenRow { id, window, .. } = token(i);
        let mut mask = vec![0.9, 0.2, 0.4];
        if strand_of(i) {
            mask.reverse();
        }
        let hard = mask.iter().map(|m| *m > 0.5).collect();
        MaskRow {
            id,
            window,
            method: name("explainer"),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            mask,
            hard,
            deviation: Vec::new(),
            area: 0.5,
        }
    };
    (0..6).map(mask).collect()
}

#[test]
fn masks_on_tokens_are_laid_on_the_bases_of_their_own_tokens() {
    let mut tables = tables();
    let bases = [0.9, 0.9, 0.9, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.0];
    write(&tables.inputs.reference, &(0..6).map(|i| mask(i, &bases)).collect::<Vec<_>>());
    tables.add("seed", &token_masks(|_| false));
    // The variant reads the other strand of the nine bases, so its first token is the last one
    // here.
    tables.add("reverse_complement", &token_masks(|_| true));
    let variants: Vec<TokenRow> = (0..6)
        .map(token)
        .map(|row| TokenRow { end: row.start + 9, strand: "-".to_owned(), ..row })
        .collect();
    write(&tables.path("variants"), &variants);
    tables.inputs.others[1].tokens = Some(tables.path("variants"));
    let rows = tables.run(&Config::default()).unwrap();
    for label in ["seed", "reverse_complement"] {
        assert_eq!(find(&rows, label, "all", "relative_distance").value, 0.0, "{label}");
        assert_eq!(find(&rows, label, "all", "iou").n, 6);
    }
    // The reference may be masks on tokens as well.
    write(&tables.inputs.reference, &token_masks(|_| false));
    assert_eq!(tables.run(&Config::default()).unwrap(), rows);
}

#[test]
fn masks_of_other_tokens_are_refused() {
    type Change = fn(&mut Vec<MaskRow>);
    let cases: [(&str, Change); 4] = [
        ("row 3: expected 3 values of mask, one per real token, found 2", |r| {
            r[3].mask.pop();
        }),
        ("row 3: expected mask values from 0 to 1, found NaN", |r| r[3].mask[1] = f32::NAN),
        ("row 3: expected the windows of", |r| r[3].id = "stranger".to_owned()),
        ("expected the windows of", |r| r.reverse()),
    ];
    for (message, change) in cases {
        let mut tables = tables();
        let mut rows = token_masks(|_| false);
        change(&mut rows);
        tables.add("seed", &rows);
        let found = tables.refused();
        assert!(found.contains(message) && found.contains("other0"), "{message}: {found}");
    }
}

#[test]
fn other_windows_and_other_masks_are_refused() {
    type Change = fn(&mut Vec<BaseRow>);
    let cases: [(&str, Change); 10] = [
        ("row 3: expected mask values from 0 to 1, found NaN", |r| r[3].mask[2] = f32::NAN),
        ("row 3: expected mask values from 0 to 1, found 1.5", |r| r[3].mask[2] = 1.5),
        ("row 3: expected one value per base from 100 to 110, found 9", |r| {
            r[3].mask.pop();
        }),
        ("row 3: expected one value per base", |r| r[3].end = 5),
        ("row 3: expected bases within 100 to 110, found 95 to 105", |r| {
            (r[3].start, r[3].end) = (95, 105);
        }),
        ("row 3: expected the windows of", |r| r[3].id = "stranger".to_owned()),
        ("row 0: expected the windows of", |r| r[0].window = 9),
        ("expected the windows of", |r| r.reverse()),
        ("row 3: expected one mask per window, method, replicate and rank", |r| {
            r[3] = r[2].clone()
        }),
        ("none with one of these", |r| {
            r.iter_mut().for_each(|row| row.method = name("occlusion"));
        }),
    ];
    for (message, change) in cases {
        let mut tables = tables();
        let mut rows: Vec<BaseRow> = (0..6).map(|i| mask(i, &ramp(i))).collect();
        change(&mut rows);
        tables.add("seed", &rows);
        let found = tables.refused();
        assert!(found.contains(message) && found.contains("other0"), "{message}: {found}");
    }
    // The reference must be that of the tokens table.
    let mut tables = tables();
    let moved = |i: usize| {
        let row = mask(i, &ramp(i)[1..]);
        BaseRow { start: row.start + 1, ..row }
    };
    write(&tables.inputs.reference, &(0..6).map(moved).collect::<Vec<_>>());
    tables.add("seed", &(0..6).map(moved).collect::<Vec<_>>());
    let found = tables.refused();
    assert!(found.contains("reference, row 0: expected bases 0 to 10, as the tokens"), "{found}");
}

#[test]
fn impossible_options_are_usage_faults() {
    let mut tables = tables();
    tables.add("seed", &(0..6).map(|i| mask(i, &ramp(i))).collect::<Vec<_>>());
    for shares in [vec![0.0], vec![1.1], vec![f64::NAN], vec![0.1, 0.1]] {
        let fault = tables.run(&Config { shares, replicates: 10 }).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage);
    }
    let fault = tables.run(&Config { replicates: 100_001, ..Config::default() }).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    let output = tables.inputs.reference.clone();
    let fault = run(&Config::default(), 1, &tables.inputs, &output, &Context::silent());
    assert_eq!(fault.unwrap_err().exit_code(), ExitCode::Usage);
    for wrong in ["seed", "=file", "seed=", "two words=file", "a,b=file", "seed:=file", ":1=file"] {
        assert!(wrong.parse::<Other>().is_err(), "{wrong}");
    }
    // An operator on the input compares no masks.
    let wrong = "masked=file".parse::<Other>().unwrap_err();
    assert!(wrong.contains("seed, reverse_complement, frame_shift"), "{wrong}");
    let other: Other = "randomized:1=a=b.parquet".parse().unwrap();
    assert_eq!(other.operator, Operator::Randomized);
    assert_eq!((other.variant.as_deref(), other.path), (Some("1"), PathBuf::from("a=b.parquet")));
    let other: Other = "of-my-own=file".parse().unwrap();
    assert_eq!((other.operator.name(), other.variant), ("of-my-own", None));
    let other: Other = "frame_shift=m,t".parse().unwrap();
    assert_eq!((other.path, other.tokens), ("m".into(), Some("t".into())));
}
