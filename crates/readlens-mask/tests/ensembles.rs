//! Several Explainers, means over neighbours and blocks, and Explainers that read the classifier.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use readlens_batch::{Shard, as_read, explain, predict};
use readlens_fault::{ExitCode, Result};
use readlens_mask::{AddedGradient, Config, Paths, run};
use readlens_nn::masking::{select, z_scores};
use readlens_nn::scores::Averaging;
use readlens_nn::{
    CONFIG_FILE, ClassifierConfig, DeviceKind, ExplainerConfig, GradientUse, LineageDecoding,
    Precision, Selection, WindowTokens, load_classifier, load_explainer,
};
use readlens_provenance::read_json;
use readlens_stage::Context;
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, TargetKind};
use readlens_tests::{
    RANKS, classifier_shape, convolutional, explainer_shape, read_rows, rows, tokenization,
    write_classifier, write_explainer, write_tokens,
};

const SHARE: Selection = Selection::Share { share: 0.25 };

fn config() -> Config {
    Config { method: Name::new("ensemble").unwrap(), selection: Some(SHARE), ..Config::default() }
}

fn prepare(directory: &Path) -> Vec<TokenRow> {
    let table = rows(20, &tokenization());
    write_tokens(&directory.join("tokens.parquet"), &table, &tokenization());
    write_classifier(&directory.join("classifier"), &classifier_shape(), 2);
    let shape = explainer_shape(convolutional(), &["all"], Selection::Threshold);
    write_explainer(&directory.join("a"), &shape, 3);
    write_explainer(&directory.join("b"), &shape, 4);
    table
}

fn mask(directory: &Path, config: &Config, explainers: &[&str]) -> Result<Vec<MaskRow>> {
    let paths = Paths {
        tokens: directory.join("tokens.parquet"),
        classifier: Some(directory.join("classifier")),
        explainers: explainers.iter().map(|name| directory.join(name)).collect(),
        output: directory.join("masks.parquet"),
        bases: None,
    };
    run(config, &paths, Shard::WHOLE, DeviceKind::Cpu, &Context::silent())?;
    Ok(read_rows(&paths.output))
}

/// Logits of the Explainer in `directory`, per window.
fn logits(directory: PathBuf, table: &[TokenRow]) -> Vec<Vec<f32>> {
    let explainer = load_explainer(&directory, &DeviceKind::Cpu.open(Precision::F32).unwrap());
    let rows: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let logits = explain(&explainer.unwrap(), None, &rows, None).unwrap();
    logits.into_iter().map(|masks| masks[0].clone()).collect()
}

#[test]
fn an_ensemble_is_the_mean_of_z_scores() {
    let directory = tempfile::tempdir().unwrap();
    let table = prepare(directory.path());
    let found = mask(directory.path(), &config(), &["a", "b"]).unwrap();
    let members = ["a", "b"].map(|name| logits(directory.path().join(name), &table));
    for (window, found) in found.iter().enumerate() {
        let scores = members.each_ref().map(|logits| z_scores(&logits[window]));
        let mean: Vec<f32> =
            scores[0].iter().zip(&scores[1]).map(|(a, b)| 0.5 * a + 0.5 * b).collect();
        let (expected, hard) = select(&mean, SHARE);
        assert_eq!((&found.hard, found.method.as_str()), (&hard, "ensemble"));
        assert!(found.mask.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
        // Two values deviate by half of their distance.
        let [a, b] = members.each_ref().map(|logits| select(&logits[window], SHARE).0);
        let halves = a.iter().zip(&b).map(|(a, b)| (a - b).abs() / 2.0);
        assert_eq!(found.deviation.len(), found.mask.len());
        assert!(found.deviation.iter().zip(halves).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    let alone = mask(directory.path(), &config(), &["a"]).unwrap();
    assert!(found.iter().zip(&alone).any(|(a, b)| a.hard != b.hard), "the second one is not heard");
    assert!(alone.iter().all(|row| row.deviation.is_empty()));
}

#[test]
fn neighbours_and_then_blocks_are_averaged() {
    let directory = tempfile::tempdir().unwrap();
    let table = prepare(directory.path());
    let averaging = Averaging { smoothing: 3, patch: 4 };
    let config = Config { averaging, ..config() };
    let found = mask(directory.path(), &config, &["a"]).unwrap();
    for (found, logits) in found.iter().zip(logits(directory.path().join("a"), &table)) {
        let wide: Vec<f64> = logits.iter().map(|&x| f64::from(x)).collect();
        let means = averaging.apply(&wide);
        let means: Vec<f32> = means.into_iter().map(|x| x as f32).collect();
        let expected = select(&means, SHARE).0;
        assert!(found.mask.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn a_target_is_asked_for_with_its_lineage() {
    let directory = tempfile::tempdir().unwrap();
    let table = prepare(directory.path());
    // Genera 0 and 1 are of phylum 0, 2 and 3 of phylum 1.
    let parents = vec![vec![Some(0), Some(0), Some(1), Some(1)]];
    let decoding = Some(LineageDecoding { parents, above: 1.0, below: 1.0 });
    let shape = ClassifierConfig { decoding, ..classifier_shape() };
    write_classifier(&directory.path().join("classifier"), &shape, 2);
    let shape = ExplainerConfig {
        gradient: Some(GradientUse::Read { levels: vec![0.2] }),
        ..explainer_shape(convolutional(), &["all"], SHARE)
    };
    write_explainer(&directory.path().join("reader"), &shape, 5);
    let of = |target: &str| {
        let config = Config { target: Some(target.parse().unwrap()), ..config() };
        mask(directory.path(), &config, &["reader"])
    };
    let masks = of("genus=genus2").unwrap();
    assert!(masks.iter().all(|mask| mask.asked == [1, 2] && mask.target_kind == TargetKind::Other));
    let table_of_masks = directory.path().join("masks.parquet");
    let reader = Reader::<MaskRow>::open_shown(&table_of_masks).unwrap();
    assert_eq!(reader.target(), Some("genus=genus2"));
    assert!(Reader::<MaskRow>::open_own(&table_of_masks).is_err());
    // Below phylum 0 the more probable one of its two genera.
    let device = DeviceKind::Cpu.open(Precision::F32).unwrap();
    let classifier = load_classifier(&directory.path().join("classifier"), &device).unwrap();
    let rows: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let predictions = predict(&classifier, &rows, None).unwrap();
    for (mask, p) in of("phylum=phylum0").unwrap().iter().zip(&predictions) {
        assert_eq!(mask.asked, [0, u32::from(p[1][1] > p[1][0])]);
    }
    for (target, message) in [
        ("genus=Treponema", "expected a genus called Treponema, found genus0, genus1"),
        ("host=human", "expected a rank host, found phylum, genus"),
    ] {
        let fault = of(target).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        assert!(fault.to_string().contains(message), "{fault}");
    }
    let config = Config { target: Some("genus=genus0".parse().unwrap()), ..config() };
    let fault = mask(directory.path(), &config, &["a"]).unwrap_err();
    assert!(fault.to_string().contains("--target asks for another taxon"), "{fault}");
}

#[test]
fn an_explainer_that_reads_the_classifier_needs_it() {
    let directory = tempfile::tempdir().unwrap();
    let table = prepare(directory.path());
    let shape = ExplainerConfig {
        gradient: Some(GradientUse::Read { levels: vec![0.2] }),
        ..explainer_shape(convolutional(), &["all"], SHARE)
    };
    write_explainer(&directory.path().join("reader"), &shape, 5);
    let found = mask(directory.path(), &config(), &["reader"]).unwrap();
    let device = DeviceKind::Cpu.open(Precision::F32).unwrap();
    let classifier = load_classifier(&directory.path().join("classifier"), &device).unwrap();
    let explainer = load_explainer(&directory.path().join("reader"), &device).unwrap();
    let rows: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let expected = explain(&explainer, Some(&classifier), &rows, None).unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.hard, select(&expected[0], SHARE).1);
    }
    assert!(explain(&explainer, None, &rows, None).is_err());
    // For another window's taxa the gradient is another one.
    let wrong = Config { wrong_class: Some(1), ..config() };
    let others = mask(directory.path(), &wrong, &["reader"]).unwrap();
    let asked: Vec<Vec<u32>> = others.iter().map(|mask| mask.asked.clone()).collect();
    let expected = explain(&explainer, Some(&classifier), &rows, Some(&asked)).unwrap();
    for (found, expected) in others.iter().zip(&expected) {
        assert_eq!(found.hard, select(&expected[0], SHARE).1);
        assert_eq!(found.target_kind, TargetKind::Other);
    }
    assert!(others.iter().zip(&found).any(|(other, own)| other.mask != own.mask));
    let fault = mask(directory.path(), &wrong, &["a"]).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    assert!(fault.to_string().contains("--wrong-class"), "{fault}");
    let paths = Paths {
        tokens: directory.path().join("tokens.parquet"),
        classifier: None,
        explainers: vec![directory.path().join("reader")],
        output: directory.path().join("none.parquet"),
        bases: None,
    };
    let refused = run(&config(), &paths, Shard::WHOLE, DeviceKind::Cpu, &Context::silent());
    let fault = refused.unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    assert!(fault.to_string().contains("--classifier"), "{fault}");
    assert!(!paths.output.exists());
}

/// Explainers that were written with a gradient beside their network say the same as one that is
/// asked to.
#[test]
fn a_gradient_is_added_on_request_or_as_an_older_directory_says() {
    let directory = tempfile::tempdir().unwrap();
    prepare(directory.path());
    let gradient = |weight| Config {
        gradient: Some(AddedGradient { levels: vec![0.1, 0.3], weight }),
        ..config()
    };
    let plain = mask(directory.path(), &config(), &["a"]).unwrap();
    let added = mask(directory.path(), &gradient(0.5), &["a"]).unwrap();
    assert!(plain.iter().zip(&added).any(|(plain, added)| plain.mask != added.mask));

    let file = directory.path().join("a").join(CONFIG_FILE);
    let mut shape: serde_json::Value = read_json(&file).unwrap();
    shape["guide"] = serde_json::json!({ "levels": [0.1, 0.3], "is_input": false, "weight": 0.5 });
    std::fs::write(&file, shape.to_string()).unwrap();
    let older = mask(directory.path(), &config(), &["a"]).unwrap();
    for (added, older) in added.iter().zip(&older) {
        assert_eq!(added.mask, older.mask);
    }
    let twice = mask(directory.path(), &gradient(0.5), &["a"]).unwrap_err();
    assert_eq!(twice.exit_code(), ExitCode::Usage, "{twice}");
    let endless = mask(directory.path(), &gradient(f64::INFINITY), &["b"]).unwrap_err();
    assert_eq!(endless.exit_code(), ExitCode::Usage, "{endless}");

    shape["conditions"] = serde_json::json!([2, 3]);
    std::fs::write(&file, shape.to_string()).unwrap();
    let refused = mask(directory.path(), &config(), &["a"]).unwrap_err();
    assert_eq!(refused.exit_code(), ExitCode::BadInput);
    assert!(refused.to_string().contains("train it again"), "{refused}");
}

#[test]
fn explainers_that_do_not_belong_together_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    prepare(directory.path());
    let of_ranks = explainer_shape(convolutional(), &RANKS, SHARE);
    write_explainer(&directory.path().join("ranks"), &of_ranks, 6);
    let fault = mask(directory.path(), &config(), &["a", "ranks"]).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput);
    assert!(fault.to_string().contains("the first Explainer"), "{fault}");
    let threshold = Config { selection: None, ..config() };
    let fault = mask(directory.path(), &threshold, &["a", "b"]).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    assert!(fault.to_string().contains("--area"), "{fault}");
}
