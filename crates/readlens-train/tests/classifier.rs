//! A planted table is learned, missing labels are left out, and the output says how it came to be.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use readlens_batch::{Augmentation, BlockMasks, MaskKind, RandomMasks};
use readlens_fault::{ExitCode, Result};
use readlens_fit::FitConfig;
use readlens_nn::{
    CONFIG_FILE, ClassifierConfig, MANIFEST_FILE, NormPlace, Pooling, TRAINING_FILE, WEIGHTS_FILE,
    load_classifier,
};
use readlens_provenance::{InputDigest, Manifest, read_json};
use readlens_stage::Context;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::Split;
use readlens_tests::{RANKS, read_rows, rows, tokenization, write_tokens};
use readlens_train::classifier::{Config, ModelConfig, Paths, Preset, TransformerModel, run};

fn blocks(probability: f64, smallest: f64, largest: f64) -> RandomMasks {
    let kind = MaskKind::Blocks(BlockMasks { smallest, largest, most_blocks: 3 });
    RandomMasks { probability, kind }
}

fn config(epochs: u32) -> Config {
    let ModelConfig::Transformer(preset) = Preset::Tiny.model(&tokenization()).unwrap() else {
        panic!("a preset of a transformer")
    };
    let model = TransformerModel { dim: 16, feed_forward: 32, patch: 1, dropout: 0.0, ..preset };
    let model = ModelConfig::Transformer(model);
    Config {
        ranks: Vec::new(),
        model,
        fit: FitConfig {
            epochs,
            hours: None,
            batch: 16,
            shards: 2,
            learning_rate: 1e-2,
            table_learning_rate: 0.0,
            warm_up: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            patience: None,
            seed: 5,
        },
        augmentation: Augmentation::default(),
        masks: blocks(0.0, 0.1, 0.6),
        label_smoothing: 0.0,
        class_weights: false,
        permute_labels: false,
    }
}

fn transformer(config: &mut Config) -> &mut TransformerModel {
    match &mut config.model {
        ModelConfig::Transformer(model) => model,
        ModelConfig::ChannelBag(_) | ModelConfig::Composition(_) => {
            panic!("the tests train transformers")
        }
    }
}

fn train(config: &Config, rows: &[TokenRow], directory: &Path) -> (Paths, Result<()>) {
    let paths =
        Paths { tokens: directory.join("tokens.parquet"), output: directory.join("classifier") };
    write_tokens(&paths.tokens, rows, &tokenization());
    let outcome = run(config, &paths, readlens_nn::DeviceKind::Cpu, &Context::silent());
    (paths, outcome)
}

fn accuracy(curves: &[TrainingRow], rank: &str) -> f64 {
    let of_rank = |f: &&TrainingRow| f.term == "accuracy" && f.rank.as_deref() == Some(rank);
    curves.iter().rfind(of_rank).unwrap().value
}

#[test]
fn sixteen_windows_are_learned_by_heart() {
    let directory = tempfile::tempdir().unwrap();
    // The validation windows are the training windows: their accuracy is the training accuracy.
    let table = by_heart();
    let (paths, outcome) = train(&config(40), &table, directory.path());
    outcome.unwrap();
    let curves: Vec<TrainingRow> = read_rows(&paths.output.join(TRAINING_FILE));
    for rank in RANKS {
        assert_eq!(accuracy(&curves, rank), 1.0, "{rank}");
    }
    let shape: ClassifierConfig = read_json(&paths.output.join(CONFIG_FILE)).unwrap();
    assert_eq!(shape.ranks[1].taxa, ["genus0", "genus1", "genus2", "genus3"]);
    assert_eq!(shape.tokenization, tokenization());
    let longest = table.iter().map(|row| row.tokens.len()).max().unwrap();
    assert_eq!(shape.max_tokens(), longest);
    let manifest: Manifest = read_json(&paths.output.join(MANIFEST_FILE)).unwrap();
    assert_eq!(manifest.stage, "train-classifier");
    assert_eq!(manifest.seed, Some(5));
    assert_eq!(manifest.inputs, [InputDigest::of("tokens", &paths.tokens).unwrap()]);
    load_classifier(
        &paths.output,
        &readlens_nn::DeviceKind::Cpu.open(readlens_nn::Precision::F32).unwrap(),
    )
    .unwrap();
    assert!(!directory.path().join("classifier.checkpoint").exists());
}

#[test]
fn every_shape_trains_and_loads() {
    let norms = [NormPlace::Pre, NormPlace::Post];
    for (norm, pooling) in norms.into_iter().zip([Pooling::Cls, Pooling::Mean]) {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(1);
        let model = transformer(&mut config);
        (model.norm, model.pooling, model.patch, model.dropout) = (norm, pooling, 2, 0.1);
        config.augmentation = Augmentation { frame_offset: true, reverse_complement: true };
        config.masks.probability = 0.5;
        config.class_weights = true;
        let (paths, outcome) = train(&config, &rows(20, &tokenization()), directory.path());
        outcome.unwrap();
        load_classifier(
            &paths.output,
            &readlens_nn::DeviceKind::Cpu.open(readlens_nn::Precision::F32).unwrap(),
        )
        .unwrap();
    }
}

#[test]
fn missing_labels_are_left_out_rank_by_rank() {
    let mut table = rows(40, &tokenization());
    for row in table.iter_mut().step_by(3) {
        row.taxa[1] = None;
    }
    let directory = tempfile::tempdir().unwrap();
    let (paths, outcome) = train(&config(2), &table, directory.path());
    outcome.unwrap();
    let curves: Vec<TrainingRow> = read_rows(&paths.output.join(TRAINING_FILE));
    assert!(curves.iter().all(|f| f.value.is_finite()));
    // One rank alone can be chosen.
    let directory = tempfile::tempdir().unwrap();
    let config = Config { ranks: vec!["genus".to_owned()], ..config(1) };
    let (paths, outcome) = train(&config, &table, directory.path());
    outcome.unwrap();
    let shape: ClassifierConfig = read_json(&paths.output.join(CONFIG_FILE)).unwrap();
    assert_eq!(shape.ranks.len(), 1);
    assert_eq!(shape.ranks[0].rank, "genus");
}

#[test]
fn taxa_are_those_of_the_training_windows_only() {
    let mut table = rows(40, &tokenization());
    for row in table.iter_mut().filter(|row| row.split != Some(Split::Train)) {
        row.taxa[1] = Some("unseen".to_owned());
    }
    let directory = tempfile::tempdir().unwrap();
    let (paths, outcome) = train(&config(1), &table, directory.path());
    outcome.unwrap();
    let shape: ClassifierConfig = read_json(&paths.output.join(CONFIG_FILE)).unwrap();
    assert!(!shape.ranks[1].taxa.contains(&"unseen".to_owned()));
}

#[test]
fn a_test_window_changes_nothing_but_the_longest_length() {
    let table = rows(40, &tokenization());
    let mut other = table.clone();
    for row in other.iter_mut().filter(|row| row.split == Some(Split::Test)) {
        row.tokens[1..].fill(5);
        row.taxa = vec![None, None];
    }
    let weights = |table: &[TokenRow]| {
        let directory = tempfile::tempdir().unwrap();
        let (paths, outcome) = train(&config(2), table, directory.path());
        outcome.unwrap();
        std::fs::read(paths.output.join(WEIGHTS_FILE)).unwrap()
    };
    assert!(weights(&table) == weights(&other), "test windows were trained on");
}

#[test]
fn windows_without_a_split_are_left_out_where_others_have_one() {
    let weights = |table: &[TokenRow]| {
        let directory = tempfile::tempdir().unwrap();
        let (paths, outcome) = train(&config(1), table, directory.path());
        outcome.unwrap();
        std::fs::read(paths.output.join(WEIGHTS_FILE)).unwrap()
    };
    let mut table = rows(40, &tokenization());
    let is_train = |row: &&mut TokenRow| row.split == Some(Split::Train);
    table.iter_mut().filter(is_train).step_by(2).for_each(|row| row.split = None);
    let without: Vec<TokenRow> = table.iter().filter(|row| row.split.is_some()).cloned().collect();
    assert!(weights(&table) == weights(&without));
    // Where no window has a split, all are for training.
    let mut train = table.clone();
    train.iter_mut().for_each(|row| row.split = Some(Split::Train));
    table.iter_mut().for_each(|row| row.split = None);
    assert!(weights(&table) == weights(&train));
}

#[test]
fn impossible_configurations_are_usage_faults_and_write_nothing() {
    let with = |change: fn(&mut Config)| {
        let mut config = config(1);
        change(&mut config);
        config
    };
    let wrong = [
        with(|c| transformer(c).heads = 3),
        with(|c| transformer(c).dim = 0),
        with(|c| transformer(c).dropout = 1.0),
        with(|c| transformer(c).patch = 0),
        with(|c| transformer(c).dim = 1 << 20),
        with(|c| c.masks.probability = 1.5),
        with(|c| c.masks.kind = MaskKind::Tokens { unit: 0 }),
        with(|c| c.masks.kind = MaskKind::Uniform { unit: 0 }),
        with(|c| c.fit.epochs = 0),
        with(|c| (c.fit.epochs, c.fit.batch) = (u32::MAX, 1)),
        with(|c| c.fit.patience = Some(0)),
        with(|c| c.ranks = vec!["genus".to_owned(), "genus".to_owned()]),
        with(|c| c.fit.learning_rate = 0.0),
    ];
    for config in wrong {
        let directory = tempfile::tempdir().unwrap();
        let (paths, outcome) = train(&config, &rows(10, &tokenization()), directory.path());
        let fault = outcome.unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage, "{config:?}: {fault}");
        assert!(!paths.output.exists());
    }
}

/// Sixteen training windows, and the same again to validate on.
fn by_heart() -> Vec<TokenRow> {
    let mut table = rows(16, &tokenization());
    table.iter_mut().for_each(|row| row.split = Some(Split::Train));
    let mut again = table.clone();
    again.iter_mut().for_each(|row| row.split = Some(Split::Valid));
    table.extend(again);
    table
}

#[test]
fn a_judge_reads_through_masks_of_independent_tokens_and_is_validated_so() {
    for kind in [MaskKind::Tokens { unit: 1 }, MaskKind::Uniform { unit: 2 }] {
        let directory = tempfile::tempdir().unwrap();
        let judge = Config { masks: RandomMasks { probability: 1.0, kind }, ..config(12) };
        let (paths, outcome) = train(&judge, &by_heart(), directory.path());
        outcome.unwrap();
        let curves: Vec<TrainingRow> = read_rows(&paths.output.join(TRAINING_FILE));
        // One mask of a window that shows nothing, and the accuracy on it cannot be that by heart.
        let found = accuracy(&curves, "genus");
        assert!(found > 0.3 && found < 1.0, "{kind:?}: {found}");
        let manifest: Manifest = read_json(&paths.output.join(MANIFEST_FILE)).unwrap();
        assert_eq!(manifest.config["masks"]["probability"], 1.0);
        assert_ne!(manifest.config["masks"]["kind"]["draw"], "blocks");
    }
}

/// The two splits are dealt their labels by streams of their own, so what is learned by heart does
/// not hold even for the very same windows.
#[test]
fn permuted_labels_cannot_be_predicted_and_are_recorded() {
    let table = by_heart();
    let directory = tempfile::tempdir().unwrap();
    let permuted = Config { permute_labels: true, ..config(40) };
    let (paths, outcome) = train(&permuted, &table, directory.path());
    outcome.unwrap();
    let manifest: Manifest = read_json(&paths.output.join(MANIFEST_FILE)).unwrap();
    assert_eq!(manifest.config["permute_labels"], true);
    let curves: Vec<TrainingRow> = read_rows(&paths.output.join(TRAINING_FILE));
    let found = accuracy(&curves, "genus");
    assert!(found < 0.9, "{found}");
}
