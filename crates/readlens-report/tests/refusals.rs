//! Tables that disagree or are damaged: a fault that names file and row, and no page.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixture;

use std::path::Path;

use fixture::{Fixture, page_path, rewrite};
use readlens_fault::{ExitCode, Fault};
use readlens_report::{Config, Inputs, Pages};
use readlens_stage::Context;
use readlens_tables::bases::BaseRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;

fn refused(inputs: &Inputs, folder: &Path, config: Config) -> Fault {
    let output = page_path(folder);
    let fault = readlens_report::run(inputs, config, &Pages::report(&output), &Context::silent())
        .unwrap_err();
    assert!(!output.exists(), "a page was left behind");
    fault
}

/// The message for inputs that `change` has spoiled; checked to be about the input.
fn message(change: impl FnOnce(&Inputs)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(12, 120).write(folder.path());
    change(&inputs);
    let fault = refused(&inputs, folder.path(), Config::default());
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    fault.to_string()
}

#[test]
fn rows_about_unknown_windows_are_named() {
    let text = message(|i| rewrite::<MaskRow>(&i.masks, |rows| rows[7].id = "nobody".into()));
    assert!(text.contains("masks.parquet, row 7") && text.contains("nobody"), "{text}");
    let text = message(|i| {
        rewrite::<BaseRow>(i.bases.as_ref().unwrap(), |rows| rows[4].window = 9);
    });
    assert!(text.contains("bases.parquet, row 4") && text.contains("window 9"), "{text}");
    let text = message(|i| {
        let path = i.perturbations.as_ref().unwrap();
        rewrite::<PerturbationRow>(path, |rows| rows[11].id.push('x'));
    });
    assert!(text.contains("perturbations.parquet, row 11"), "{text}");
}

#[test]
fn predictions_of_other_windows_or_of_records_are_refused() {
    let spoilt = |change: fn(&mut Vec<PredictionRow>)| {
        message(|i| rewrite::<PredictionRow>(i.predictions.as_ref().unwrap(), change))
    };
    let text = spoilt(|rows| rows[5].id.push('x'));
    assert!(text.contains("predictions.parquet, row 5") && text.contains("seq1x"), "{text}");
    let text = spoilt(|rows| rows[5].window = None);
    assert!(text.contains("row 5") && text.contains("not that of --records"), "{text}");
    let text = message(|i| {
        std::fs::copy(&i.tokens, i.confusion.as_ref().unwrap()).unwrap();
    });
    assert!(text.contains("confusion.parquet"), "{text}");
}

#[test]
fn a_confusion_that_contradicts_itself_is_refused() {
    let spoilt = |change: fn(&mut Vec<ConfusionRow>)| {
        message(|i| rewrite::<ConfusionRow>(i.confusion.as_ref().unwrap(), change))
    };
    let text = spoilt(|rows| rows[1].windows = 9);
    assert!(
        text.contains("confusion.parquet, row 1") && text.contains("at most as many"),
        "{text}"
    );
    let text = spoilt(|rows| rows[2].share = Some(f64::NAN));
    assert!(text.contains("row 2") && text.contains("from 0 to 1"), "{text}");
    let text = spoilt(|rows| {
        let wrong = rows.iter_mut().find(|row| !row.is_of_one_taxon());
        wrong.unwrap().precision = Some(0.5);
    });
    assert!(text.contains("rows of a taxon with itself"), "{text}");
}

/// As `evaluate` refuses them with `--truth`.
#[test]
fn intervals_of_other_sequences_are_refused() {
    let with = |change: fn(&str) -> String| {
        message(|i| {
            let path = i.intervals.as_ref().unwrap();
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::write(path, change(&text)).unwrap();
        })
    };
    let beyond = with(|text| {
        let id = text.lines().nth(1).and_then(|line| line.split('\t').next()).unwrap();
        format!("{text}{id}\tfar\t15\t51000\n")
    });
    assert!(beyond.contains("intervals.tsv, intervals of ") && beyond.contains("15 to 51000"));
    let strangers = with(|_| "id\tstart\tend\nnobody\t0\t5\n".to_owned());
    assert!(strangers.contains("found none of 1, such as nobody, there"), "{strangers}");
    let empty = with(|text| format!("{text}a\tx\t5\t5\n"));
    assert!(empty.contains("expected start below end, found 5 to 5"), "{empty}");
}

#[test]
fn masks_that_do_not_fit_their_window_are_named() {
    let text = message(|i| {
        rewrite::<MaskRow>(&i.masks, |rows| {
            rows[3].mask.pop();
            rows[3].hard.pop();
        });
    });
    assert!(text.contains("masks.parquet, row 3") && text.contains("20 values"), "{text}");
    let text = message(|i| {
        rewrite::<MaskRow>(&i.masks, |rows| {
            rows[3].hard.pop();
        });
    });
    assert!(text.contains("20 and 19 values"), "{text}");
    let text = message(|i| rewrite::<MaskRow>(&i.masks, |rows| rows[5].mask[2] = f32::NAN));
    assert!(text.contains("row 5") && text.contains("NaN"), "{text}");
    let text = message(|i| rewrite::<MaskRow>(&i.masks, |rows| rows[5].mask[2] = 1.5));
    assert!(text.contains("row 5") && text.contains("1.5"), "{text}");
    let text = message(|i| {
        rewrite::<MaskRow>(&i.masks, |rows| {
            let again = rows[2].clone();
            rows.push(again);
        });
    });
    assert!(text.contains("masks.parquet, row 12") && text.contains("once"), "{text}");
}

#[test]
fn bases_that_do_not_fit_their_window_are_named() {
    let spoilt = |change: fn(&mut Vec<BaseRow>)| {
        message(|i| rewrite::<BaseRow>(i.bases.as_ref().unwrap(), change))
    };
    let text = spoilt(|rows| rows[1].mask.truncate(7));
    assert!(text.contains("bases.parquet, row 1") && text.contains("7 values"), "{text}");
    let text = spoilt(|rows| (rows[1].start, rows[1].end) = (10, 130));
    assert!(text.contains("row 1") && text.contains("0 to 120, as in the tokens table"), "{text}");
    let text = spoilt(|rows| (rows[1].start, rows[1].end) = (130, 10));
    assert!(text.contains("row 1"), "{text}");
}

#[test]
fn a_tokens_table_without_its_tokenization_is_refused() {
    let text = message(|i| rewrite::<TokenRow>(&i.tokens, |_| {}));
    assert!(text.contains("readlens.tokenization") && text.contains("none"), "{text}");
}

#[test]
fn a_method_without_masks_and_a_missing_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(4, 120).write(folder.path());
    for (name, replicate) in [("lime", 1), ("explainer", 2)] {
        let method = Some(name.parse().unwrap());
        let config = Config { method, replicate, ..Config::default() };
        let text = refused(&inputs, folder.path(), config).to_string();
        let wanted = format!("the method \"{name}\", replicate {replicate}");
        assert!(text.contains(&wanted) && text.contains("found explainer"), "{text}");
    }
    let gone = Inputs { classifier: Some(folder.path().join("gone")), ..inputs };
    assert_eq!(refused(&gone, folder.path(), Config::default()).exit_code(), ExitCode::BadInput);
}

#[test]
fn impossible_options_are_usage_faults() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Fixture::random(4, 120).write(folder.path());
    for config in [
        Config { title: " ".into(), ..Config::default() },
        Config { sequences: 1_000_000, ..Config::default() },
        Config { replicate: 0, ..Config::default() },
    ] {
        assert_eq!(refused(&inputs, folder.path(), config).exit_code(), ExitCode::Usage);
    }
}

#[test]
fn a_mask_that_is_named_in_part_is_refused() {
    let text = message(|i| {
        let path = i.metrics.as_ref().unwrap();
        rewrite::<MetricRow>(path, |rows| {
            let row = rows.iter_mut().find(|row| row.method.is_some()).unwrap();
            row.replicate = None;
        });
    });
    assert!(text.contains("metrics.parquet, row") && text.contains("replicate"), "{text}");
    let text = message(|i| {
        let path = i.perturbations.as_ref().unwrap();
        rewrite::<PerturbationRow>(path, |rows| {
            let row = rows.iter_mut().find(|row| row.method.is_some()).unwrap();
            row.mask_rank = None;
        });
    });
    assert!(text.contains("perturbations.parquet, row") && text.contains("mask_rank"), "{text}");
    let text = message(|i| {
        let path = i.checks.as_ref().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        document["checks"][1]["method_kind"] = serde_json::Value::Null;
        std::fs::write(path, document.to_string()).unwrap();
    });
    assert!(text.contains("metrics.json") && text.contains("method_kind"), "{text}");
}

#[test]
fn a_document_that_is_no_evaluation_is_refused() {
    for text in ["{}", "[", "{\"manifest\": null, \"checks\": [{\"verdict\": \"perhaps\"}]}"] {
        let text = message(|i| std::fs::write(i.checks.as_ref().unwrap(), text).unwrap());
        assert!(text.contains("metrics.json, line 1"), "{text}");
    }
    let text = message(|i| {
        std::fs::copy(&i.tokens, &i.evidence[0]).unwrap();
    });
    assert!(text.contains("compare.parquet"), "{text}");
}
