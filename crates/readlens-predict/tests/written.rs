//! Confidence, texts, tables without labels, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;

use std::collections::BTreeMap;

use bench::{Folder, decoding_shape, table};
use readlens_batch::{ModelSource, Shard, most_likely};
use readlens_fault::{ExitCode, Fault};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_predict::{CalibrationSource, Config, Paths};
use readlens_tables::Reader;
use readlens_tables::predictions::{KEY_CALIBRATION, PredictionRow};
use readlens_tables::tokens::TokenRow;
use readlens_tests::{
    RANKS, classifier_shape, rows, tokenization, tokenization_metadata, write_classifier,
    write_rows, write_tokens,
};

#[test]
fn confidence_is_the_probability_at_the_fitted_temperature() {
    let table = rows(400, &tokenization());
    let folder = Folder::new(&table, &classifier_shape());
    let calibrate = |paths: &mut Paths| {
        write_tokens(&paths.tokens.with_file_name("seen"), &table, &tokenization());
        let seen = paths.tokens.with_file_name("seen");
        paths.calibration = Some(CalibrationSource::Tokens(seen));
    };
    let (plain, plain_records) = folder.run(&Config::default());
    let (windows, records) = folder.run_with(&Config::default(), Shard::WHOLE, calibrate).unwrap();
    for (plain, calibrated) in plain.iter().zip(&windows).chain(plain_records.iter().zip(&records))
    {
        let confidence = plain.confidence;
        assert_eq!(*plain, PredictionRow { confidence, ..calibrated.clone() });
    }
    let reader = Reader::<PredictionRow>::open(&folder.path("windows")).unwrap();
    let text = &reader.metadata()[KEY_CALIBRATION];
    let of_records = Reader::<PredictionRow>::open(&folder.path("records")).unwrap();
    assert_eq!(of_records.metadata()[KEY_CALIBRATION], *text);
    let said: serde_json::Value = serde_json::from_str(text).unwrap();
    let number = |of: &str, rank: usize, key: &str| said[of][rank][key].as_f64().unwrap();
    let predicted = folder.probabilities(&table);
    for (i, row) in windows.iter().enumerate() {
        let (window, rank) = (i / RANKS.len(), i % RANKS.len());
        let power = 1.0 / number("windows", rank, "temperature");
        let p: Vec<f64> =
            predicted[window][rank].iter().map(|p| f64::from(*p).powf(power)).collect();
        let best = most_likely(&predicted[window][rank]);
        let expected = p[best] / p.iter().sum::<f64>();
        assert!((f64::from(row.confidence) - expected).abs() < 1e-5, "{row:?} {expected}");
    }
    let inputs = reader.manifest().unwrap().unwrap().inputs;
    let roles: Vec<&str> = inputs.iter().map(|input| input.role.as_str()).collect();
    assert_eq!(roles, ["tokens", "classifier", "calibration"]);
    for (rank, name) in RANKS.into_iter().enumerate() {
        assert_eq!(said["windows"][rank]["rank"], name);
        // Two windows in ten validate, and a record has no two of them.
        assert_eq!(number("windows", rank, "labelled"), 80.0);
        assert_eq!(number("records", rank, "labelled"), 80.0);
        // The calibration error as it is defined, before.
        let mut bins: BTreeMap<usize, f64> = BTreeMap::new();
        let valid =
            table.iter().zip(&predicted).filter(|(r, _)| r.split.unwrap().name() == "valid");
        for (row, predicted) in valid {
            let p = &predicted[rank];
            let best = most_likely(p);
            let is_right =
                row.taxa[rank].as_ref() == Some(&classifier_shape().ranks[rank].taxa[best]);
            let bin = (f64::from(p[best]) * 15.0).ceil() as usize;
            *bins.entry(bin).or_default() += f64::from(u8::from(is_right)) - f64::from(p[best]);
        }
        let expected = bins.values().map(|sum| sum.abs()).sum::<f64>() / 80.0;
        let found = number("windows", rank, "error_before");
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        assert!((0.0..=1.0).contains(&number("windows", rank, "error_after")));
    }
}

#[test]
fn texts_say_what_the_table_of_records_says() {
    let mut table = table(120);
    table[0].id = "=cmd\t1".to_owned();
    let folder = Folder::new(&table, &decoding_shape());
    let config = Config { min_probability: 0.3, ..Config::default() };
    let texts = |paths: &mut Paths| {
        let beside = |name: &str| Some(paths.tokens.with_file_name(name));
        (paths.tsv, paths.kraken_report, paths.krona) =
            (beside("tsv"), beside("kraken"), beside("krona"));
    };
    let (_, records) = folder.run_with(&config, Shard::WHOLE, texts).unwrap();
    let mut lines = vec!["id\tlineage\tphylum_confidence\tgenus_confidence".to_owned()];
    let mut counts: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for rows in records.chunks(RANKS.len()) {
        let lineage: Vec<String> = rows.iter().map_while(|row| row.taxon.clone()).collect();
        let id = if rows[0].id.starts_with('=') { "'=cmd 1" } else { &rows[0].id };
        let numbers: Vec<String> =
            rows.iter().map(|row| format!("{:.4}", row.confidence)).collect();
        lines.push(format!("{id}\t{}\t{}", lineage.join(";"), numbers.join("\t")));
        *counts.entry(lineage).or_default() += 1;
    }
    assert_eq!(folder.text("tsv").lines().collect::<Vec<_>>(), lines);
    assert!(lines[1].starts_with("'=cmd 1\t"), "{}", lines[1]);
    let krona: BTreeMap<Vec<String>, u64> = folder
        .text("krona")
        .lines()
        .map(|line| {
            let mut cells = line.split('\t');
            let count = cells.next().unwrap().parse().unwrap();
            (cells.map(str::to_owned).collect(), count)
        })
        .collect();
    assert_eq!(krona, counts);
    let kraken = folder.text("kraken");
    let cells: Vec<Vec<&str>> = kraken.lines().map(|line| line.split('\t').collect()).collect();
    assert!(cells.iter().all(|cells| cells.len() == 6), "{kraken}");
    let own: u64 = cells.iter().map(|cells| cells[2].parse::<u64>().unwrap()).sum();
    assert_eq!(own, counts.values().sum::<u64>(), "every record is counted once");
    for (lineage, count) in counts.iter().filter(|(lineage, _)| !lineage.is_empty()) {
        let name = format!("{}{}", "  ".repeat(lineage.len()), lineage.last().unwrap());
        let line = cells.iter().find(|cells| cells[5] == name).unwrap();
        assert_eq!(line[2].parse::<u64>().unwrap(), *count, "{name}");
        assert_eq!(line[3], ["P", "G"][lineage.len() - 1]);
    }
}

#[test]
fn new_reads_need_neither_labels_nor_splits() {
    let table: Vec<TokenRow> = rows(40, &tokenization())
        .into_iter()
        .map(|row| TokenRow { split: None, taxa: Vec::new(), ..row })
        .collect();
    let folder = Folder::new(&[], &classifier_shape());
    let metadata = tokenization_metadata(&tokenization());
    write_rows(&folder.path("tokens.parquet"), &[], &table, &metadata);
    let (windows, records) = folder.run(&Config::default());
    assert_eq!((windows.len(), records.len()), (40 * RANKS.len(), 20 * RANKS.len()));
    assert!(windows.iter().all(|row| row.split.is_none() && row.taxon.is_some()));
}

#[test]
fn a_table_without_windows_gives_tables_without_rows() {
    let folder = Folder::new(&[], &classifier_shape());
    let texts = |paths: &mut Paths| {
        paths.tsv = Some(paths.tokens.with_file_name("tsv"));
        paths.kraken_report = Some(paths.tokens.with_file_name("kraken"));
    };
    let (windows, records) = folder.run_with(&Config::default(), Shard::WHOLE, texts).unwrap();
    assert!(windows.is_empty() && records.is_empty());
    assert_eq!(folder.text("tsv").lines().count(), 1);
    assert_eq!(folder.text("kraken"), "");
}

/// The fault, after which nothing is written.
fn refused(
    folder: &Folder,
    config: &Config,
    shard: Shard,
    change: impl FnOnce(&mut Paths),
) -> Fault {
    let before = std::fs::read_dir(folder.0.path()).unwrap().count();
    let fault = folder.run_with(config, shard, change).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), before, "{fault}");
    fault
}

#[test]
fn a_saved_calibration_serves_its_classifier_and_no_other() {
    let table = rows(400, &tokenization());
    let folder = Folder::new(&table, &classifier_shape());
    let saved = folder.path("calibration.json");
    let run = |calibration, save: bool| {
        let save = save.then(|| saved.clone());
        folder.run_with(&Config::default(), Shard::WHOLE, |paths| {
            paths.calibration = Some(calibration);
            paths.save_calibration = save;
        })
    };
    let fitted = run(CalibrationSource::Tokens(folder.path("tokens.parquet")), true).unwrap();
    assert_eq!(run(CalibrationSource::Saved(saved.clone()), false).unwrap(), fitted);
    let text = folder.text("calibration.json");
    let refused = |text: &str, message: &str| {
        std::fs::write(&saved, text).unwrap();
        let fault = run(CalibrationSource::Saved(saved.clone()), false).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
        assert!(fault.to_string().contains(message), "{fault}");
    };
    let rank = format!("\"rank\": \"{}\"", RANKS[0]);
    refused(&text.replacen(&rank, "\"rank\": \"kingdom\"", 1), "a temperature for each rank");
    refused(&text[..text.len() / 2], "calibration.json, line");
    let mut parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    parsed["calibration"]["records"][1]["temperature"] = 0.0.into();
    refused(&parsed.to_string(), "temperatures of 0.001 to 1000");
    write_classifier(&folder.path("classifier"), &classifier_shape(), 3);
    refused(&text, "one of another classifier");
}

#[test]
fn what_cannot_be_predicted_is_refused_before_anything_is_written() {
    let table = rows(30, &tokenization());
    let folder = Folder::new(&table, &classifier_shape());
    let other = Tokenization::new(Alphabet::Dna, 4, 4, true).unwrap();
    write_tokens(&folder.path("other"), &rows(30, &other), &other);
    let mut long = table.clone();
    long[7].tokens = [vec![2], vec![5; 30]].concat();
    long[7].end = long[7].start + 90;
    write_tokens(&folder.path("long"), &long, &tokenization());
    let unlabelled: Vec<TokenRow> =
        table.iter().map(|row| TokenRow { taxa: vec![None, None], ..row.clone() }).collect();
    write_tokens(&folder.path("unlabelled"), &unlabelled, &tokenization());
    let path = |name: &str| folder.path(name);
    let tokens = |name: &str| Some(CalibrationSource::Tokens(path(name)));
    let default = Config::default();
    type Change<'a> = Box<dyn FnOnce(&mut Paths) + 'a>;
    let cases: [(Change<'_>, ExitCode, &str); 8] = [
        (
            Box::new(|p| p.tokens = path("other")),
            ExitCode::BadInput,
            "expected the tokenization of",
        ),
        (
            Box::new(|p| p.tokens = path("long")),
            ExitCode::BadInput,
            "long, row 7: expected at most 20",
        ),
        (Box::new(|p| p.tokens = path("absent")), ExitCode::BadInput, "absent"),
        (
            Box::new(|p| p.model = ModelSource::Directory(path("tokens.parquet"))),
            ExitCode::BadInput,
            "tokens.parquet",
        ),
        (
            Box::new(|p| p.calibration = tokens("other")),
            ExitCode::BadInput,
            "other: expected the tokenization of",
        ),
        (
            Box::new(|p| p.calibration = tokens("unlabelled")),
            ExitCode::BadInput,
            "windows of the split valid with a label",
        ),
        (Box::new(|p| p.records = Some(p.output.clone())), ExitCode::Usage, "will not write"),
        (Box::new(|p| p.krona = Some(p.tokens.clone())), ExitCode::Usage, "will not write"),
    ];
    for (change, code, message) in cases {
        let fault = refused(&folder, &default, Shard::WHOLE, change);
        assert_eq!(fault.exit_code(), code, "{fault}");
        assert!(fault.to_string().contains(message), "{fault}");
    }
    let half = Shard { index: 1, count: 2 };
    let fault = refused(&folder, &default, half, |p| p.tsv = Some(path("tsv")));
    assert!(matches!(&fault, Fault::Usage(text) if text.contains("--shard")), "{fault}");
    let config = Config { min_probability: f32::NAN, ..default };
    let fault = refused(&folder, &config, Shard::WHOLE, |_| ());
    assert!(matches!(&fault, Fault::Usage(text) if text.contains("--min-probability")), "{fault}");
}
