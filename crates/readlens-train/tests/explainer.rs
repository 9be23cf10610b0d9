//! The classifier stays frozen, the label stays out, and collapse is seen.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use readlens_batch::{Augmentation, as_read, explain, predict};
use readlens_fault::{ExitCode, Result};
use readlens_fit::FitConfig;
use readlens_nn::objective::{BudgetRange, LossWeights, MaskTraining, Objective};
use readlens_nn::{
    CONFIG_FILE, Classifier, DeviceKind, ExplainerConfig, MANIFEST_FILE, Precision, Selection,
    TRAINING_FILE, WEIGHTS_FILE, WindowTokens, load_classifier, load_explainer,
};
use readlens_provenance::{InputDigest, Manifest, read_json};
use readlens_stage::Context;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::Split;
use readlens_tests::{
    RANKS, classifier_shape, read_rows, rows, tokenization, write_classifier, write_tokens,
};
use readlens_train::explainer::{
    Collapse, Config, LearnFrom, NetworkConfig, Paths, Preset, Price, Target, find_collapse, run,
};

const PRESETS: [Preset; 7] = [
    Preset::Hard,
    Preset::Query,
    Preset::Budget,
    Preset::Paper,
    Preset::Distilled,
    Preset::GradientFed,
    Preset::KeepAndRemove,
];

fn config(preset: Preset) -> Config {
    let network = match preset {
        Preset::Query | Preset::KeepAndRemove => {
            NetworkConfig::Query { dim: 8, width: 3, layers: 2 }
        }
        _ => NetworkConfig::Convolutional { dim: 8, width: 3, dilations: vec![1, 2] },
    };
    Config {
        network,
        dropout: 0.1,
        smoothing: 1,
        mask_per_rank: false,
        target: Target::Predicted,
        learn_from: LearnFrom::Train,
        precision: readlens_nn::Precision::F32,
        objective: preset.objective(),
        price: Price::Weight,
        fit: FitConfig {
            epochs: 2,
            hours: None,
            batch: 16,
            shards: 2,
            learning_rate: 5e-3,
            table_learning_rate: 0.0,
            warm_up: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            patience: None,
            seed: 5,
        },
        augmentation: Augmentation { frame_offset: true, reverse_complement: true },
    }
}

/// A folder with a token table and a classifier.
fn prepare(directory: &Path, rows: &[TokenRow]) -> Paths {
    let paths = Paths {
        tokens: directory.join("tokens.parquet"),
        classifier: directory.join("classifier"),
        output: directory.join("explainer"),
    };
    write_tokens(&paths.tokens, rows, &tokenization());
    write_classifier(&paths.classifier, &classifier_shape(), 2);
    paths
}

fn train(config: &Config, rows: &[TokenRow]) -> (tempfile::TempDir, Paths, Result<()>) {
    let directory = tempfile::tempdir().unwrap();
    let paths = prepare(directory.path(), rows);
    let outcome = run(config, &paths, readlens_nn::DeviceKind::Cpu, &Context::silent());
    (directory, paths, outcome)
}

/// The weights and the curves; the manifest names the table's digest and differs with it.
fn result(config: &Config, rows: &[TokenRow]) -> (Vec<u8>, Vec<TrainingRow>) {
    let (_directory, paths, outcome) = train(config, rows);
    outcome.unwrap();
    let weights = std::fs::read(paths.output.join(WEIGHTS_FILE)).unwrap();
    (weights, read_rows(&paths.output.join(TRAINING_FILE)))
}

#[test]
fn the_classifier_is_frozen_under_every_preset() {
    for preset in PRESETS {
        for mask_per_rank in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let paths = prepare(directory.path(), &rows(40, &tokenization()));
            let before = InputDigest::of("classifier", &paths.classifier).unwrap();
            let config = Config { mask_per_rank, ..config(preset) };
            run(&config, &paths, readlens_nn::DeviceKind::Cpu, &Context::silent()).unwrap();
            assert_eq!(InputDigest::of("classifier", &paths.classifier).unwrap(), before);
            let manifest: Manifest = read_json(&paths.output.join(MANIFEST_FILE)).unwrap();
            assert_eq!(manifest.input("classifier"), Some(&before));
            assert_eq!(manifest.config, serde_json::to_value(&config).unwrap());
            // The output loads, and says which tokens count as read.
            load_explainer(
                &paths.output,
                &readlens_nn::DeviceKind::Cpu.open(readlens_nn::Precision::F32).unwrap(),
            )
            .unwrap();
            let shape: ExplainerConfig = read_json(&paths.output.join(CONFIG_FILE)).unwrap();
            assert_eq!(shape.masks, if mask_per_rank { RANKS.to_vec() } else { vec!["all"] });
            let expected = match preset {
                Preset::Hard | Preset::Query | Preset::Paper => Selection::Threshold,
                Preset::Budget
                | Preset::Distilled
                | Preset::GradientFed
                | Preset::KeepAndRemove => Selection::Share { share: 0.1 },
            };
            assert_eq!(shape.selection, expected);
            assert!(!directory.path().join("explainer.checkpoint").exists());
        }
    }
}

#[test]
fn every_loss_term_has_a_curve() {
    let (_, curves) = result(&config(Preset::Paper), &rows(40, &tokenization()));
    for term in ["loss", "classification", "entropy", "area", "total_variation"] {
        let epochs: Vec<u32> = curves
            .iter()
            .filter(|f| f.term == term && f.step.is_none() && f.split == Split::Train)
            .map(|f| f.epoch)
            .collect();
        assert_eq!(epochs, [1, 2], "{term}");
    }
    for term in ["hard_area", "mask_correlation", "score"] {
        let valid = curves.iter().filter(|f| f.term == term && f.split == Split::Valid).count();
        assert_eq!(valid, 2, "{term}");
    }
    assert!(curves.iter().all(|f| f.value.is_finite()));
}

/// The same windows with other labels: rotated by one, and none at all.
fn relabelled(rows: &[TokenRow]) -> [Vec<TokenRow>; 2] {
    let mut rotated = rows.to_vec();
    for (i, row) in rotated.iter_mut().enumerate() {
        row.taxa.clone_from(&rows[(i + 1) % rows.len()].taxa);
    }
    let mut blank = rows.to_vec();
    blank.iter_mut().for_each(|row| row.taxa.fill(None));
    [rotated, blank]
}

#[test]
fn the_label_never_enters_where_the_prediction_is_the_target() {
    let rows = rows(40, &tokenization());
    for preset in PRESETS {
        let config = config(preset);
        let expected = result(&config, &rows);
        for other in relabelled(&rows) {
            assert!(result(&config, &other) == expected, "{preset:?}: the labels were used");
        }
        // The test can fail: as targets the labels do decide.
        let label = Config { target: Target::Label, ..config };
        let with_labels = result(&label, &rows);
        let [rotated, _] = relabelled(&rows);
        assert!(with_labels != expected);
        assert!(result(&label, &rotated) != with_labels);
    }
}

#[test]
fn labels_as_targets_need_a_label() {
    let [_, blank] = relabelled(&rows(20, &tokenization()));
    let config = Config { target: Target::Label, ..config(Preset::Hard) };
    let (_directory, paths, outcome) = train(&config, &blank);
    let fault = outcome.unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    assert!(fault.to_string().contains("tokens.parquet") && !paths.output.exists());
}

#[test]
fn validation_windows_without_labels_give_no_score() {
    let mut rows = rows(40, &tokenization());
    let valid = rows.iter_mut().filter(|row| row.split == Some(Split::Valid));
    valid.for_each(|row| row.taxa.fill(None));
    let config = Config { target: Target::Label, ..config(Preset::Hard) };
    let (_, curves) = result(&config, &rows);
    let has = |term: &str| curves.iter().any(|figure| figure.term == term);
    assert!(has("hard_area"), "the windows are there");
    assert!(!has("hard_masked_agreement") && !has("score"), "figures of no window");
}

/// Mean of −ln p of the classifier's own predictions under hard masks, over rows and ranks.
fn loss_of(classifier: &Classifier, rows: &[WindowTokens], masks: &[Vec<f32>]) -> f64 {
    let whole = predict(classifier, rows, None).unwrap();
    let kept = predict(classifier, rows, Some(masks)).unwrap();
    let mut losses = Vec::new();
    for (whole, kept) in whole.iter().zip(&kept) {
        for (whole, kept) in whole.iter().zip(kept) {
            let target = whole.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            losses.push(-f64::from(kept[target]).ln());
        }
    }
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// With a learning rate of nearly nothing the masks are still where they began.
#[test]
fn masks_begin_at_the_area_with_the_least_loss_or_at_the_one_that_is_asked_for() {
    const AREAS: [f64; 8] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6];
    let area_weight = 0.4;
    let weights =
        LossWeights { entropy: 0.0, uniform_kl: 0.0, area: area_weight, total_variation: 0.0 };
    let standing = |price| {
        let mut config = config(Preset::Query);
        config.objective = Objective::Composite { mask: MaskTraining::Threshold, weights };
        config.price = price;
        config.fit.learning_rate = 1e-12;
        config.fit.weight_decay = 0.0;
        config.fit.epochs = 1;
        let table = rows(80, &tokenization());
        let (_directory, paths, outcome) = train(&config, &table);
        outcome.unwrap();
        let device = DeviceKind::Cpu.open(Precision::F32).unwrap();
        let classifier = load_classifier(&paths.classifier, &device).unwrap();
        let explainer = load_explainer(&paths.output, &device).unwrap();
        let of_train = |row: &&TokenRow| row.split == Some(Split::Train);
        let read: Vec<WindowTokens> = table.iter().filter(of_train).map(as_read).collect();
        let logits = explain(&explainer, Some(&classifier), &read, None).unwrap();
        let logits: Vec<Vec<f32>> = logits.into_iter().map(|masks| masks[0].clone()).collect();
        let mut all: Vec<f32> = logits.concat();
        all.sort_by(|a, b| b.total_cmp(a));
        let found = all.iter().filter(|logit| **logit > 0.0).count() as f64 / all.len() as f64;
        let loss = |area: f64| {
            let threshold = all[(area * all.len() as f64) as usize];
            let hard =
                |row: &Vec<f32>| row.iter().map(|&x| f32::from(u8::from(x > threshold))).collect();
            let masks: Vec<Vec<f32>> = logits.iter().map(hard).collect();
            loss_of(&classifier, &read, &masks) + area_weight * area
        };
        (found, AREAS.map(|area| (loss(area), area)))
    };
    let (found, losses) = standing(Price::Weight);
    let least = losses.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    assert!((found - least.1).abs() < 0.01, "{found} {losses:?}");
    // The test must be able to tell: the areas are not all alike.
    assert!(losses.iter().any(|(loss, _)| *loss > least.0 + 0.01), "{losses:?}");
    let (found, _) = standing(Price::Area(0.3));
    assert!((found - 0.3).abs() < 0.01, "{found}");
}

/// The windows of train are not read: with three of them the Explainer is the same.
#[test]
fn an_explainer_can_learn_from_what_the_classifier_has_not_seen() {
    let config = Config { learn_from: LearnFrom::Valid, ..config(Preset::Hard) };
    let rows = rows(60, &tokenization());
    let has_split = |row: &TokenRow, split| row.split == Some(split);
    let (weights, curves) = result(&config, &rows);
    assert!(curves.iter().any(|figure| figure.term == "score"), "a fifth validates");
    let mut fewer = rows.clone();
    let mut kept = 0;
    fewer.retain(|row| {
        let is_train = has_split(row, Split::Train);
        kept += usize::from(is_train);
        !is_train || kept < 3
    });
    assert!(fewer.len() < rows.len());
    assert_eq!(result(&config, &fewer).0, weights);
    let mut one = rows;
    let mut valid = 0;
    one.retain(|row| {
        valid += usize::from(has_split(row, Split::Valid));
        !has_split(row, Split::Valid) || valid == 1
    });
    let (_directory, _, outcome) = train(&config, &one);
    let fault = outcome.unwrap_err();
    assert!(fault.to_string().contains("at least two records of the split valid"), "{fault}");
}

#[test]
fn every_mask_has_its_own_figures() {
    let config = Config { mask_per_rank: true, ..config(Preset::Hard) };
    let (_, curves) = result(&config, &rows(40, &tokenization()));
    for term in ["hard_area", "mask_correlation"] {
        for rank in RANKS {
            let of_rank = |f: &&TrainingRow| f.term == term && f.rank.as_deref() == Some(rank);
            assert_eq!(curves.iter().filter(of_rank).count(), 2, "{term} of {rank}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_explainer() {
    let rows = rows(40, &tokenization());
    let config = config(Preset::Hard);
    let expected = result(&config, &rows);
    assert!(result(&config, &rows) == expected);
    let fit = FitConfig { seed: 6, ..config.fit.clone() };
    assert!(result(&Config { fit, ..config }, &rows) != expected);
}

fn composite(mask: MaskTraining, uniform_kl: f64, area: f64) -> Objective {
    let weights = LossWeights { entropy: 0.0, uniform_kl, area, total_variation: 0.0 };
    Objective::Composite { mask, weights }
}

#[test]
fn a_planted_collapse_is_found() {
    // Nothing but the area pulls: an Explainer without evidence to keep must keep nothing.
    let planted = Config {
        objective: composite(MaskTraining::Soft, 0.0, 1e3),
        fit: FitConfig { epochs: 12, learning_rate: 0.05, ..config(Preset::Hard).fit },
        ..config(Preset::Hard)
    };
    let (_, curves) = result(&planted, &rows(40, &tokenization()));
    let last = |term: &str| {
        let of_term = |f: &&TrainingRow| f.term == term && f.epoch == 12 && f.step.is_none();
        curves.iter().rfind(of_term).unwrap().value
    };
    assert_eq!(last("hard_area"), 0.0);
    assert_eq!(
        find_collapse(last("hard_area"), last("mask_correlation")),
        Some(Collapse::AllZeros)
    );
}

#[test]
fn the_manifest_says_what_tokens_are_worth() {
    let rows = rows(40, &tokenization());
    let worth = |price: Price| {
        // What a random classifier says of nothing is no surer than what it says of a window.
        let objective = composite(MaskTraining::Soft, 0.0, 1.0);
        let config = Config { price, objective, ..config(Preset::Paper) };
        let (_directory, paths, outcome) = train(&config, &rows);
        outcome.unwrap();
        let manifest: Manifest = read_json(&paths.output.join(MANIFEST_FILE)).unwrap();
        let curves: Vec<TrainingRow> = read_rows(&paths.output.join(TRAINING_FILE));
        let weights = curves.into_iter().filter(|row| row.term == "area_weight");
        let weights: Vec<f64> =
            weights.filter(|row| row.step.is_some()).map(|row| row.value).collect();
        (manifest.config["worth"]["all"].as_f64(), weights)
    };
    assert_eq!(worth(Price::Weight), (None, Vec::new()));
    let (all, fixed) = worth(Price::Worth(1.0));
    let all = all.unwrap();
    assert!(all > 0.0 && fixed.is_empty(), "{all}");
    // Fresh masks keep about half, so the price falls towards nearly all and rises towards little.
    let (_, rising) = worth(Price::Area(0.05));
    let (_, falling) = worth(Price::Area(0.95));
    assert!((rising[0] - all).abs() < 1e-6 * all && (falling[0] - all).abs() < 1e-6 * all);
    assert!(rising.windows(2).all(|pair| pair[1] > pair[0]), "{rising:?}");
    assert!(falling.windows(2).all(|pair| pair[1] < pair[0]), "{falling:?}");
}

#[test]
fn collapse_has_its_three_kinds_and_honest_masks_pass() {
    assert_eq!(find_collapse(1.0, 0.0), Some(Collapse::AllOnes));
    assert_eq!(find_collapse(0.0, 1.0), Some(Collapse::AllZeros));
    assert_eq!(find_collapse(0.3, 0.99), Some(Collapse::SameForEveryInput(0.99)));
    assert_eq!(find_collapse(0.3, 0.5), None);
    for kind in [Collapse::AllOnes, Collapse::AllZeros, Collapse::SameForEveryInput(0.99)] {
        assert!(kind.to_string().contains("mask"), "{kind}");
    }
    // What is advised, the objective must have.
    for kind in [Collapse::AllOnes, Collapse::AllZeros] {
        for preset in PRESETS {
            let objective = preset.objective();
            let remedy = kind.remedy(objective.selection()).unwrap();
            let is_weighted = objective.area_weight() > 0.0;
            assert_eq!(remedy.contains("price of a token"), is_weighted, "{preset:?}: {remedy}");
        }
    }
}

#[test]
fn a_table_without_valid_windows_keeps_the_last_epoch() {
    let mut rows = rows(20, &tokenization());
    rows.iter_mut().for_each(|row| row.split = Some(Split::Train));
    let (_, curves) = result(&config(Preset::Hard), &rows);
    assert!(curves.iter().all(|f| f.split == Split::Train));
}

#[test]
fn impossible_configurations_are_usage_faults_and_write_nothing() {
    let sound = || config(Preset::Hard);
    let learns = |objective| Config { objective, ..sound() };
    let budget = |smallest, largest, area| {
        let budgets = BudgetRange { smallest, largest };
        let levels = vec![0.15];
        [
            learns(composite(MaskTraining::Budget { budgets, area }, 0.0, 0.0)),
            learns(Objective::KeepAndRemove { levels, budgets, area }),
        ]
    };
    let wrong = [budget(0.0, 0.5, 0.1), budget(0.4, 0.3, 0.1), budget(0.1, 1.5, 0.1)];
    let wrong = wrong.into_iter().flatten().chain(budget(0.1, 0.5, f64::NAN)).chain([
        learns(Objective::Distilled { levels: vec![], area: 0.1 }),
        learns(Objective::Distilled { levels: vec![0.1, 0.0], area: 0.1 }),
        learns(Objective::Distilled { levels: vec![0.1], area: 1.1 }),
        learns(composite(MaskTraining::Threshold, -1.0, 0.0)),
        learns(composite(MaskTraining::Threshold, 0.0, f64::NAN)),
        Config { dropout: 1.0, ..sound() },
        Config { smoothing: 2, ..sound() },
        Config {
            network: NetworkConfig::Convolutional { dim: 8, width: 4, dilations: vec![1] },
            ..sound()
        },
        Config {
            network: NetworkConfig::Convolutional { dim: 8, width: 3, dilations: vec![] },
            ..sound()
        },
        Config {
            network: NetworkConfig::Transformer { dim: 8, layers: 1, heads: 3, feed_forward: 8 },
            ..sound()
        },
    ]);
    for config in wrong {
        let (_directory, paths, outcome) = train(&config, &rows(10, &tokenization()));
        let fault = outcome.unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Usage, "{config:?}: {fault}");
        assert!(!paths.output.exists());
    }
}
