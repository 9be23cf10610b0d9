//! What the stage writes: which windows, which rows, which costs; and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod networks;

use std::path::PathBuf;

use networks::config;
use readlens_attribute::{
    Config, IntegratedGradients, KernelShap, Lime, Method, Occlusion, OptimizedMask, Paths, run,
};
use readlens_batch::{ModelSource, Shard, as_read, most_likely, predict};
use readlens_fault::{ExitCode, Result};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::scores::Averaging;
use readlens_nn::{ClassifierConfig, DeviceKind, WindowTokens, load_classifier};
use readlens_stage::Context;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MethodKind, Ranks, Split, TargetKind};
use readlens_tests::{
    RANKS, classifier_shape, read_rows, rows, tokenization, write_classifier, write_tokens,
};

/// A folder with tokens and a classifier.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(rows: &[TokenRow]) -> Self {
        Self::of(rows, tokenization(), &classifier_shape())
    }

    fn of(rows: &[TokenRow], tokenization: Tokenization, shape: &ClassifierConfig) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        write_tokens(&folder.path("tokens.parquet"), rows, &tokenization);
        write_classifier(&folder.path("classifier"), shape, 2);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, name: &str, config: &Config, shard: Shard) -> Result<()> {
        let paths = Paths {
            tokens: self.path("tokens.parquet"),
            model: ModelSource::Directory(self.path("classifier")),
            output: self.path(&format!("{name}.masks.parquet")),
            costs: Some(self.path(&format!("{name}.costs.parquet"))),
        };
        run(config, &paths, shard, DeviceKind::Cpu, &Context::silent())
    }

    fn masks(&self, name: &str) -> Vec<MaskRow> {
        read_rows(&self.path(&format!("{name}.masks.parquet")))
    }

    fn costs(&self, name: &str) -> Vec<CostRow> {
        read_rows(&self.path(&format!("{name}.costs.parquet")))
    }
}

/// Number of methods.
const METHODS: usize = 12;

/// Every method, at little cost.
fn all_methods() -> Config {
    let cheap = |method| match method {
        Method::IntegratedGradients(_) => {
            Method::IntegratedGradients(IntegratedGradients { steps: 3 })
        }
        Method::Occlusion(_) => Method::Occlusion(Occlusion { width: 3, stride: 2 }),
        Method::Lime(of) => Method::Lime(Lime { samples: 8, kernel_width: 0.25, ..of }),
        Method::KernelShap(of) => Method::KernelShap(KernelShap { samples: 8, ..of }),
        Method::OptimizedMask(of) => Method::OptimizedMask(OptimizedMask { steps: 4, ..of }),
        other => other,
    };
    Config {
        methods: Method::all().into_iter().map(cheap).collect(),
        ..config(Method::GradientInput)
    }
}

#[test]
fn every_method_masks_every_window_in_the_order_of_the_table() {
    let table = rows(30, &tokenization());
    let folder = Folder::new(&table);
    folder.run("a", &all_methods(), Shard::WHOLE).unwrap();
    let masks = folder.masks("a");
    assert_eq!(masks.len(), 30 * METHODS);
    for (row, masks) in table.iter().zip(masks.chunks(METHODS)) {
        for (method, mask) in Method::all().iter().zip(masks) {
            assert_eq!((&mask.id, mask.window), (&row.id, row.window));
            assert_eq!(mask.method, method.name());
            let is_drawn = matches!(method, Method::RandomTokens | Method::RandomBlocks);
            let kind = if is_drawn { MethodKind::Control } else { MethodKind::Attribution };
            assert_eq!((mask.method_kind, mask.replicate), (kind, 1));
            assert_eq!((&mask.rank, &mask.target), (&Ranks::All, &None));
            assert_eq!(mask.target_kind, TargetKind::Predicted);
            assert_eq!((mask.mask.len(), mask.hard.len()), (row.tokens.len() - 1, mask.mask.len()));
            let kept = mask.hard.iter().filter(|&&hard| hard).count();
            assert_eq!(kept, (0.25 * mask.hard.len() as f64).round() as usize, "{method}");
            let mean = mask.mask.iter().sum::<f32>() / mask.mask.len() as f32;
            assert!((mask.area - mean).abs() < 1e-6);
            assert!(mask.mask.iter().all(|m| (0.0..=1.0).contains(m)), "{method}");
            let least = mask.mask.iter().zip(&mask.hard).filter(|(_, h)| **h).map(|(m, _)| *m);
            let most = mask.mask.iter().zip(&mask.hard).filter(|(_, h)| !**h).map(|(m, _)| *m);
            assert!(least.fold(1.0, f32::min) >= most.fold(0.0, f32::max), "{method}");
        }
    }
    for method in 0..METHODS {
        let of_method = masks.iter().skip(method).step_by(METHODS);
        let distinct: std::collections::HashSet<String> =
            of_method.map(|mask| format!("{:?}", mask.mask)).collect();
        // A block of three has nine places or so.
        let name = Method::all()[method].name();
        let least = if name == "random_blocks" { 8 } else { 20 };
        assert!(distinct.len() > least, "{name}: every window has the same mask");
    }
}

#[test]
fn a_rank_has_its_own_mask_and_target() {
    let table = rows(20, &tokenization());
    let folder = Folder::new(&table);
    folder.run("a", &Config { mask_per_rank: true, ..all_methods() }, Shard::WHOLE).unwrap();
    let classifier =
        load_classifier(&folder.path("classifier"), &candle_core::Device::Cpu).unwrap();
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let predictions = predict(&classifier, &tokens, None).unwrap();
    let masks = folder.masks("a");
    assert_eq!(masks.len(), 20 * 2 * METHODS);
    for (masks, prediction) in masks.chunks(2 * METHODS).zip(predictions) {
        for (masks, method) in masks.chunks(2).zip(Method::all()) {
            for (rank, mask) in masks.iter().enumerate() {
                let taxon = &classifier.config().ranks[rank].taxa[most_likely(&prediction[rank])];
                assert_eq!((mask.rank.name(), mask.target.as_ref()), (RANKS[rank], Some(taxon)));
                assert_eq!(mask.method, method.name());
            }
            let differ = masks[0].mask != masks[1].mask;
            // Attention knows no target; every other method does. Blocks are drawn again, and may
            // come out the same.
            let knows_target = method != Method::AttentionRollout;
            assert!(differ == knows_target || method == Method::RandomBlocks, "{method}");
        }
    }
}

#[test]
fn shards_are_the_whole_in_parts_and_a_limit_is_a_sample() {
    let table = rows(700, &tokenization());
    let folder = Folder::new(&table);
    let cheap = Config {
        methods: vec![Method::RandomTokens, Method::GradientInput],
        split: Some(Split::Train),
        limit: Some(300),
        ..config(Method::GradientInput)
    };
    folder.run("whole", &cheap, Shard::WHOLE).unwrap();
    let whole = folder.masks("whole");
    assert_eq!(whole.len(), 2 * 300);
    // In the order of the table, all of the split, not only its first.
    let places: Vec<usize> = whole
        .chunks(2)
        .map(|masks| {
            let is_it = |row: &TokenRow| (&row.id, row.window) == (&masks[0].id, masks[0].window);
            table.iter().position(is_it).unwrap()
        })
        .collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(places.iter().all(|&place| table[place].split == Some(Split::Train)));
    assert!(places[299] > 600, "the first windows only");
    for count in [2, 3, 7] {
        let mut joined = Vec::new();
        for index in 1..=count {
            let name = format!("{index}of{count}");
            folder.run(&name, &cheap, Shard { index, count }).unwrap();
            joined.extend(folder.masks(&name));
        }
        assert!(joined == whole, "{count} shards give other masks");
    }
    folder.run("other", &Config { seed: 2, ..cheap.clone() }, Shard::WHOLE).unwrap();
    let ids =
        |masks: &[MaskRow]| masks.iter().map(|m| (m.id.clone(), m.window)).collect::<Vec<_>>();
    assert!(ids(&folder.masks("other")) != ids(&whole), "another seed draws the same windows");
    folder.run("more", &Config { limit: Some(5000), ..cheap }, Shard::WHOLE).unwrap();
    assert_eq!(folder.masks("more").len(), 2 * 420);
}

#[test]
fn scores_are_averaged_in_blocks() {
    let table = rows(10, &tokenization());
    let folder = Folder::new(&table);
    folder
        .run(
            "a",
            &Config { averaging: Averaging { patch: 4, ..Averaging::NONE }, ..all_methods() },
            Shard::WHOLE,
        )
        .unwrap();
    for mask in folder.masks("a") {
        let blocks: Vec<&[f32]> = mask.mask.chunks(4).collect();
        assert!(blocks.iter().all(|block| block.iter().all(|m| m == &block[0])), "{}", mask.method);
        assert!(blocks.iter().any(|block| block[0] != blocks[0][0]), "{}: flat", mask.method);
    }
    folder
        .run(
            "b",
            &Config { averaging: Averaging { smoothing: 5, ..Averaging::NONE }, ..all_methods() },
            Shard::WHOLE,
        )
        .unwrap();
    folder.run("c", &all_methods(), Shard::WHOLE).unwrap();
    let steps = |mask: &MaskRow| mask.mask.windows(2).map(|w| (w[0] - w[1]).abs()).sum::<f32>();
    let (smooth, rough) = (folder.masks("b"), folder.masks("c"));
    let sum = |masks: &[MaskRow]| masks.iter().map(steps).sum::<f32>();
    assert!(sum(&smooth) < 0.7 * sum(&rough));
}

#[test]
fn windows_of_one_token_and_of_none_have_masks() {
    for cls in [true, false] {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, 3, cls).unwrap();
        let mut table = rows(6, &tokenization);
        for (row, tokens) in table.iter_mut().zip([1, 0, 2, 3, 1, 0]) {
            row.tokens.truncate(usize::from(cls) + tokens);
            row.end = row.start + 3 * tokens as u32;
        }
        let shape = ClassifierConfig { tokenization: tokenization.clone(), ..classifier_shape() };
        let folder = Folder::of(&table, tokenization, &shape);
        folder.run("a", &all_methods(), Shard::WHOLE).unwrap();
        let masks = folder.masks("a");
        assert_eq!(masks.len(), 6 * METHODS);
        for (row, masks) in table.iter().zip(masks.chunks(METHODS)) {
            for mask in masks {
                assert_eq!(mask.hard.len(), row.tokens.len() - usize::from(cls), "{}", mask.method);
                let kept = mask.hard.iter().filter(|&&hard| hard).count();
                assert_eq!(kept, usize::from(!mask.hard.is_empty()), "{}", mask.method);
                assert!(mask.area.is_finite() && mask.mask.iter().all(|m| m.is_finite()));
            }
        }
    }
}

#[test]
fn costs_count_the_passes() {
    // Eleven to fourteen tokens each.
    let table = rows(12, &tokenization());
    let folder = Folder::new(&table);
    let tokens = |count: fn(usize) -> usize| {
        table.iter().map(|row| count(row.tokens.len() - 1) as f64).sum::<f64>() / 12.0
    };
    for (name, ranks) in [("all", 1.0), ("ranks", 2.0)] {
        let config = Config { mask_per_rank: ranks > 1.0, ..all_methods() };
        folder.run(name, &config, Shard::WHOLE).unwrap();
        let costs = folder.costs(name);
        let passes = [
            ("random_tokens", 0.0, 0.0),
            ("random_blocks", 0.0, 0.0),
            ("gradient_input", ranks, ranks),
            ("integrated_gradients", 3.0 * ranks, 3.0 * ranks),
            ("path_contribution", 4.0, 4.0),
            ("class_query", 0.0, 0.0),
            // The whole, and stretches of three at every second token.
            ("occlusion", 1.0 + tokens(|n| (n - 3).div_ceil(2) + 1), 0.0),
            ("leave_one_out", 1.0 + tokens(|n| n), 0.0),
            ("attention_rollout", 1.0, 0.0),
            ("lime", 8.0, 0.0),
            ("kernel_shap", 10.0, 0.0),
            ("optimized_mask", 8.0 * ranks, 8.0 * ranks),
        ];
        assert_eq!(costs.len(), passes.len());
        for (cost, (method, forward, backward)) in costs.iter().zip(passes) {
            assert_eq!((cost.method.as_str(), cost.windows), (method, 12));
            assert!((cost.forward_passes - forward).abs() < 1e-9, "{cost:?}, not {forward}");
            assert!((cost.backward_passes - backward).abs() < 1e-9, "{cost:?}, not {backward}");
            assert!(cost.seconds > 0.0 && cost.seconds < 10.0 && cost.threads > 0, "{cost:?}");
            let is_path = method == "integrated_gradients";
            assert_eq!(cost.completeness_error.is_some(), is_path, "{cost:?}");
        }
    }
    let error = |steps: usize| {
        let config = config(Method::IntegratedGradients(IntegratedGradients { steps }));
        folder.run("path", &config, Shard::WHOLE).unwrap();
        folder.costs("path")[0].completeness_error.unwrap()
    };
    let (few, many) = (error(2), error(100));
    assert!(many < few / 10.0 && many < 0.01, "{few} with 2 steps, {many} with 100");
}

#[test]
fn an_empty_table_gives_empty_tables() {
    let folder = Folder::new(&[]);
    folder.run("a", &Config { split: Some(Split::Test), ..all_methods() }, Shard::WHOLE).unwrap();
    assert!(folder.masks("a").is_empty());
    assert!(folder.costs("a").iter().all(|cost| cost.windows == 0 && cost.seconds == 0.0));
    folder.run("b", &all_methods(), Shard { index: 2, count: 3 }).unwrap();
    assert!(folder.masks("b").is_empty());
}

fn refused(folder: &Folder, config: &Config, code: ExitCode, parts: &[&str]) {
    let fault = folder.run("a", config, Shard::WHOLE).unwrap_err();
    assert_eq!(fault.exit_code(), code, "{fault}");
    for part in parts {
        assert!(fault.to_string().contains(part), "{fault} does not name {part}");
    }
    let names = std::fs::read_dir(folder.0.path()).unwrap().map(|f| f.unwrap().file_name());
    assert_eq!(names.count(), 2, "{fault}: something is left");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let table = rows(20, &tokenization());
    let other = Tokenization::new(Alphabet::Dna, 3, 2, true).unwrap();
    let folder = Folder::of(&rows(10, &other), other, &classifier_shape());
    refused(&folder, &all_methods(), ExitCode::BadInput, &["tokens.parquet", "tokenization"]);

    let mut long = table.clone();
    long[6].tokens.extend([5; 20]);
    long[6].end += 60;
    let folder = Folder::new(&long);
    refused(&folder, &all_methods(), ExitCode::BadInput, &["tokens.parquet", "row 6", "20 tokens"]);
    // A row that is not chosen may be long.
    assert_eq!(long[6].split, Some(Split::Train));
    let test = Config { split: Some(Split::Test), ..all_methods() };
    folder.run("test", &test, Shard::WHOLE).unwrap();

    let mut without = table.clone();
    without.retain(|row| row.split != Some(Split::Valid));
    let nowhere = Config { split: Some(Split::Valid), ..all_methods() };
    let parts = ["tokens.parquet", "split valid"];
    refused(&Folder::new(&without), &nowhere, ExitCode::BadInput, &parts);

    let folder = Folder::new(&table);
    std::fs::remove_dir_all(folder.path("classifier")).unwrap();
    std::fs::create_dir(folder.path("classifier")).unwrap();
    refused(&folder, &all_methods(), ExitCode::BadInput, &["classifier"]);
}

#[test]
fn values_that_cannot_work_are_refused() {
    let folder = Folder::new(&rows(10, &tokenization()));
    let refused = |change: fn(&mut Config), name: &str| {
        let mut config = all_methods();
        change(&mut config);
        refused(&folder, &config, ExitCode::Usage, &[name]);
    };
    refused(|c| c.methods.clear(), "method");
    refused(|c| c.methods.push(Method::Lime(Lime::default())), "names lime twice");
    refused(|c| c.area = 0.0, "area");
    refused(|c| c.area = f64::NAN, "area");
    refused(|c| c.limit = Some(0), "limit");
    refused(|c| c.averaging.patch = 0, "patch");
    refused(|c| c.averaging.smoothing = 4, "smoothing");
    refused(
        |c| c.methods = vec![Method::IntegratedGradients(IntegratedGradients { steps: 0 })],
        "integrated_gradients: steps must be a whole number",
    );
    refused(
        |c| c.methods = vec![Method::Occlusion(Occlusion { width: 3, stride: 4 })],
        "stride must be at most the width of 3",
    );
    refused(
        |c| c.methods = vec![Method::Lime(Lime { ridge: f64::INFINITY, ..Lime::default() })],
        "lime: ridge must be a number above 0",
    );
}

#[test]
fn a_wrong_class_is_another_windows_and_the_same_for_every_method_and_shard() {
    let table = rows(300, &tokenization());
    let folder = Folder::new(&table);
    let methods = vec![Method::GradientInput, Method::PathContribution];
    let own = Config { methods: methods.clone(), mask_per_rank: true, ..config(methods[0]) };
    let wrong = Config { wrong_class: Some(3), ..own.clone() };
    folder.run("own", &own, Shard::WHOLE).unwrap();
    folder.run("wrong", &wrong, Shard::WHOLE).unwrap();
    let device = DeviceKind::Cpu.open(readlens_nn::Precision::F32).unwrap();
    let classifier = load_classifier(&folder.path("classifier"), &device).unwrap();
    let ranks = &classifier.config().ranks;
    let (own, masks) = (folder.masks("own"), folder.masks("wrong"));
    let mut differ = 0;
    for (own, wrong) in own.chunks(2).zip(masks.chunks(2)) {
        for (rank, (own, wrong)) in own.iter().zip(wrong).enumerate() {
            assert_eq!(own.target_kind, TargetKind::Predicted);
            assert_eq!(wrong.target_kind, TargetKind::Other);
            assert!(own.asked.is_empty());
            let asked = &ranks[rank].taxa[wrong.asked[rank] as usize];
            assert_eq!(wrong.target.as_ref(), Some(asked));
            differ += usize::from(own.mask != wrong.mask);
        }
        assert_ne!(own[1].target, wrong[1].target, "the last rank is never the window's own");
    }
    assert!(differ > masks.len() / 2);
    for masks in masks.chunks(4) {
        assert_eq!(masks[0].asked, masks[2].asked);
    }
    let second = Shard { index: 2, count: 3 };
    folder.run("shard", &wrong, second).unwrap();
    let shard = folder.masks("shard");
    assert!(!shard.is_empty() && shard.iter().all(|mask| masks.contains(mask)));
    let random = Config { methods: vec![Method::RandomTokens], ..wrong };
    let fault = folder.run("none", &random, Shard::WHOLE).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
    assert!(fault.to_string().contains("random_tokens asks for none"), "{fault}");
}
