//! Predictions under masks are those of the classifier, and masks of other windows are refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use readlens_batch::Shard;
use readlens_batch::{most_likely, predict};
use readlens_fault::{ExitCode, Result};
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{Classifier, DeviceKind, MaskSite, Precision, load_classifier};
use readlens_perturb::{Config, LEVELS, OF_OWN_MASK, Paths, SHARES, run};
use readlens_provenance::{InputDigest, Manifest};
use readlens_stage::Context;
use readlens_tables::Writer;
use readlens_tables::masks::MaskRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{
    MethodKind, Name, Operator, Ranks, Removal, Split, TargetKind, Word,
};
use readlens_tests::{
    RANKS, classifier_shape, read_rows, rows, tokenization, tokenization_metadata,
    write_classifier, write_masks, write_rows, write_tokens,
};

/// A mask per window: values that differ, and hard where they are above 1/2.
fn masks_of(rows: &[TokenRow]) -> Vec<MaskRow> {
    let mask = |(i, row): (usize, &TokenRow)| {
        let value = |t: usize| ((i * 7 + t * 5) % 11) as f32 / 10.0;
        let mask: Vec<f32> = (0..row.tokens.len() - 1).map(value).collect();
        MaskRow {
            id: row.id.clone(),
            window: row.window,
            method: Name::new("planted").unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            hard: mask.iter().map(|&m| m > 0.5).collect(),
            area: mask.iter().sum::<f32>() / mask.len() as f32,
            mask,
        }
    };
    rows.iter().enumerate().map(mask).collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(rows: &[TokenRow], masks: &[MaskRow]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_tokens(&directory.path().join("tokens.parquet"), rows, &tokenization());
        write_masks(&directory.path().join("masks.parquet"), masks);
        write_classifier(&directory.path().join("classifier"), &classifier_shape(), 2);
        Self(directory)
    }

    fn run(&self, name: &str, config: &Config) -> Result<Vec<PerturbationRow>> {
        self.run_with(name, config, Shard::WHOLE, |_| ())
    }

    fn run_with(
        &self,
        name: &str,
        config: &Config,
        shard: Shard,
        change: impl FnOnce(&mut Paths),
    ) -> Result<Vec<PerturbationRow>> {
        let mut paths = Paths {
            tokens: self.path("tokens.parquet"),
            classifier: self.path("classifier"),
            masks: vec![self.path("masks.parquet")],
            judge: None,
            output: self.path(name),
        };
        change(&mut paths);
        run(config, &paths, shard, DeviceKind::Cpu, &Context::silent())?;
        Ok(read_rows(&paths.output))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn classifier(&self, name: &str) -> Classifier {
        let device = DeviceKind::Cpu.open(Precision::F32).unwrap();
        load_classifier(&self.path(name), &device).unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }
}

fn of<'a>(rows: &'a [PerturbationRow], operator: &str) -> Vec<&'a PerturbationRow> {
    rows.iter().filter(|row| row.operator == Word::of(operator)).collect()
}

#[test]
fn every_window_rank_and_operator_has_its_row() {
    let table = rows(12, &tokenization());
    let found = Folder::new(&table, &masks_of(&table)).run("p", &Config::default()).unwrap();
    let operators: BTreeSet<&str> = found.iter().map(|row| row.operator.name()).collect();
    let mut expected: BTreeSet<&str> = OF_OWN_MASK.iter().map(|o| o.name()).collect();
    expected.extend(["unmasked", "all_zero", "all_mean", "constant", "foreign"]);
    assert_eq!(operators, expected);
    for operator in operators {
        let rows = of(&found, operator);
        let levels = if operator == "constant" { LEVELS.len() } else { 1 };
        assert_eq!(rows.len(), 12 * levels * RANKS.len(), "{operator}");
        let is_plain = ["unmasked", "all_zero", "all_mean", "constant"].contains(&operator);
        let name = if is_plain { None } else { Some(masks_of(&table)[0].name()) };
        for row in rows {
            assert_eq!(row.mask_name(), name, "{operator}");
            let has = [
                row.method.is_some(),
                row.method_kind.is_some(),
                row.replicate.is_some(),
                row.mask_rank.is_some(),
            ];
            assert_eq!(has, [!is_plain; 4], "{operator}");
        }
    }
    for row in &found {
        assert!((0.0..=1.0).contains(&row.p_predicted) && row.p_target <= row.p_predicted);
        assert!((0.0..=1.0).contains(&row.entropy) && (0.0..=1.0).contains(&row.kept_area));
        assert_eq!(row.correct, row.label.as_ref().map(|label| *label == row.predicted));
    }
}

#[test]
fn predictions_and_areas_are_those_of_the_factors() {
    let table = rows(12, &tokenization());
    let masks = masks_of(&table);
    let folder = Folder::new(&table, &masks);
    let found = folder.run("p", &Config::default()).unwrap();
    let classifier = folder.classifier("classifier");
    let tokens: Vec<&[u32]> = table.iter().map(|row| row.tokens.as_slice()).collect();
    let hard = |m: &MaskRow| m.hard.iter().map(|&h| f32::from(u8::from(h))).collect::<Vec<_>>();
    let inverse = |values: Vec<f32>| values.into_iter().map(|v| 1.0 - v).collect::<Vec<_>>();
    let whole = predict(&classifier, &tokens, None).unwrap();
    let factors: [(&str, Vec<Vec<f32>>); 6] = [
        ("unmasked", masks.iter().map(|m| vec![1.0; m.mask.len()]).collect()),
        ("all_zero", masks.iter().map(|m| vec![0.0; m.mask.len()]).collect()),
        ("masked", masks.iter().map(|m| m.mask.clone()).collect()),
        ("inverse", masks.iter().map(|m| inverse(m.mask.clone())).collect()),
        ("hard_masked", masks.iter().map(hard).collect()),
        ("hard_inverse", masks.iter().map(|m| inverse(hard(m))).collect()),
    ];
    for (operator, factors) in factors {
        let predictions = predict(&classifier, &tokens, Some(&factors)).unwrap();
        let rows = of(&found, operator);
        for (i, window) in table.iter().enumerate() {
            for (rank, shape) in classifier.config().ranks.iter().enumerate() {
                let row = rows[i * RANKS.len() + rank];
                let p = &predictions[i][rank];
                let target = most_likely(&whole[i][rank]);
                assert_eq!((&row.id, row.window), (&window.id, window.window));
                assert_eq!((row.rank.as_str(), row.split), (shape.rank.as_str(), window.split));
                assert_eq!(row.target, shape.taxa[target]);
                assert_eq!(row.label, window.taxa[rank]);
                assert!((row.p_target - p[target]).abs() < 1e-5, "{operator}");
                assert!((row.p_predicted - p[most_likely(p)]).abs() < 1e-5, "{operator}");
                let entropy: f32 = p.iter().map(|p| -p * p.ln()).sum::<f32>();
                let most = (p.len() as f32).ln();
                assert!((row.entropy - entropy / most).abs() < 1e-5, "{operator}");
                let area = factors[i].iter().sum::<f32>() / factors[i].len() as f32;
                assert!((row.kept_area - area).abs() < 1e-6, "{operator}");
            }
        }
    }
}

#[test]
fn controls_keep_the_hard_masks_area() {
    let table = rows(12, &tokenization());
    let masks = masks_of(&table);
    let found = Folder::new(&table, &masks).run("p", &Config::default()).unwrap();
    for operator in ["random_block", "random_segments", "shifted", "shuffled"] {
        for (i, row) in of(&found, operator).into_iter().enumerate() {
            let mask = &masks[i / RANKS.len()];
            let kept = mask.hard.iter().filter(|&&hard| hard).count();
            let area = kept as f32 / mask.hard.len() as f32;
            assert!((row.kept_area - area).abs() < 1e-6, "{operator}");
        }
    }
    for operator in ["random_block_inverse", "random_segments_inverse"] {
        let whole = operator.trim_end_matches("_inverse");
        for (inverse, kept) in of(&found, operator).iter().zip(of(&found, whole)) {
            assert!((inverse.kept_area + kept.kept_area - 1.0).abs() < 1e-6, "{operator}");
        }
    }
}

#[test]
fn the_seed_decides_the_controls_and_nothing_else() {
    let table = rows(30, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    let first = folder.run("first", &Config::default()).unwrap();
    folder.run("again", &Config::default()).unwrap();
    assert!(folder.bytes("first") == folder.bytes("again"));
    let other = folder.run("other", &Config { seed: 2, ..Config::default() }).unwrap();
    for operator in ["unmasked", "all_zero", "masked", "inverse", "hard_masked", "hard_inverse"] {
        assert_eq!(of(&first, operator), of(&other, operator), "{operator}");
    }
    for operator in ["random_block", "random_segments", "shifted", "shuffled"] {
        assert_ne!(of(&first, operator), of(&other, operator), "{operator}");
    }
}

#[test]
fn windows_without_a_mask_and_other_splits_are_left_out() {
    let table = rows(30, &tokenization());
    let is_test = |row: &&TokenRow| row.split == Some(Split::Test);
    let test = table.iter().filter(is_test).count();
    let folder = Folder::new(&table, &masks_of(&table));
    let found = folder.run("p", &Config { split: Some(Split::Test), ..Config::default() }).unwrap();
    assert_eq!(of(&found, "unmasked").len(), test * RANKS.len());
    assert!(found.iter().all(|row| row.split == Some(Split::Test)));
    // Masks of the test windows alone are as good.
    let mut masks = masks_of(&table);
    masks.retain(|m| {
        let of_mask = |row: &&TokenRow| row.id == m.id && row.window == m.window;
        table.iter().find(of_mask).as_ref().is_some_and(is_test)
    });
    let found = Folder::new(&table, &masks).run("p", &Config::default()).unwrap();
    assert_eq!(of(&found, "unmasked").len(), test * RANKS.len());
    // No mask at all gives an empty table.
    assert!(Folder::new(&table, &[]).run("p", &Config::default()).unwrap().is_empty());
}

#[test]
fn unlabelled_windows_have_no_verdict() {
    let mut table = rows(4, &tokenization());
    table.iter_mut().for_each(|row| row.taxa[1] = None);
    let found = Folder::new(&table, &masks_of(&table)).run("p", &Config::default()).unwrap();
    for row in found {
        assert_eq!(row.correct.is_none(), row.rank == "genus");
        assert_eq!(row.label.is_none(), row.rank == "genus");
    }
}

#[test]
fn masks_that_do_not_belong_are_refused_by_row() {
    type Damage = fn(&mut Vec<MaskRow>);
    let damages: [(&str, &str, Damage); 9] = [
        ("another table's id", "row 5", |m| m[5].id = "stranger".to_owned()),
        ("another window", "row 5", |m| m[5].window += 7),
        ("NaN", "row 5", |m| m[5].mask[0] = f32::NAN),
        ("above 1", "row 5", |m| m[5].mask[3] = 1.5),
        ("below 0", "row 5", |m| m[5].mask[3] = -0.5),
        ("infinite", "row 5", |m| m[5].mask[3] = f32::INFINITY),
        ("short mask", "row 5", |m| {
            m[5].mask.pop();
        }),
        ("long hard mask", "row 5", |m| m[5].hard.push(true)),
        ("out of order", "row 6", |m| m.swap(5, 6)),
    ];
    let table = rows(20, &tokenization());
    for (name, place, damage) in damages {
        let mut masks = masks_of(&table);
        damage(&mut masks);
        let folder = Folder::new(&table, &masks);
        let fault = folder.run("p", &Config::default()).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput, "{name}: {fault}");
        let message = fault.to_string();
        assert!(message.contains("masks.parquet") && message.contains(place), "{name}: {message}");
        let mut left: Vec<String> = std::fs::read_dir(folder.0.path())
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["classifier", "masks.parquet", "tokens.parquet"], "{name}");
    }
}

#[test]
fn records_that_share_an_id_keep_their_own_masks() {
    let mut table = rows(6, &tokenization());
    for row in &mut table {
        row.id = "twin".to_owned();
        row.window = 0;
    }
    let masks = masks_of(&table);
    let found = Folder::new(&table, &masks).run("p", &Config::default()).unwrap();
    for (row, mask) in of(&found, "masked").chunks(RANKS.len()).zip(&masks) {
        assert!((row[0].kept_area - mask.area).abs() < 1e-6);
    }
    assert_eq!(of(&found, "masked").len(), 6 * RANKS.len());
}

#[test]
fn masks_made_for_another_table_are_refused() {
    let table = rows(6, &tokenization());
    let folder = Folder::new(&table, &[]);
    let other = folder.0.path().join("other.parquet");
    write_tokens(&other, &rows(7, &tokenization()), &tokenization());
    let write = |tokens: &str| {
        let path = folder.0.path().join(tokens);
        let inputs = vec![InputDigest::of("tokens", &path).unwrap()];
        let manifest = Manifest::new("mask", &"test", None, inputs).unwrap();
        let path = folder.0.path().join("masks.parquet");
        let mut writer = Writer::create(&path, &[], &manifest, &BTreeMap::new()).unwrap();
        masks_of(&table).iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap();
    };
    write("tokens.parquet");
    assert!(!folder.run("p", &Config::default()).unwrap().is_empty());
    write("other.parquet");
    let fault = folder.run("q", &Config::default()).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    assert!(fault.to_string().contains("masks.parquet"), "{fault}");
}

/// Everything that can be asked for.
fn everything() -> Config {
    Config {
        graded: true,
        removals: vec![Removal::Own, Removal::Mean, Removal::Unknown, Removal::Shuffled],
        soft_draws: 40,
        subsets: 5,
        ..Config::default()
    }
}

/// Rows of an operator under a removal, window by window and rank by rank within.
fn under<'a>(
    rows: &'a [PerturbationRow],
    operator: &str,
    removal: Removal,
    share: Option<f32>,
) -> Vec<&'a PerturbationRow> {
    let is_it = |row: &&PerturbationRow| {
        row.operator == Word::of(operator) && row.removal == removal && row.share == share
    };
    rows.iter().filter(is_it).collect()
}

#[track_caller]
fn assert_predictions(rows: &[&PerturbationRow], predictions: &[Vec<Vec<f32>>]) {
    assert_eq!(rows.len(), predictions.len() * RANKS.len());
    for (i, row) in rows.iter().enumerate() {
        let p = &predictions[i / RANKS.len()][i % RANKS.len()];
        assert!((row.p_predicted - p[most_likely(p)]).abs() < 1e-5, "{row:?} {p:?}");
    }
}

#[test]
fn graded_operators_keep_and_remove_the_largest_values_under_every_removal() {
    let table = rows(12, &tokenization());
    let masks = masks_of(&table);
    let folder = Folder::new(&table, &masks);
    let found = folder.run("p", &everything()).unwrap();
    let own = folder.classifier("classifier");
    let mean = folder.classifier("classifier").with_mask_site(MaskSite::Mean);
    let tokens: Vec<&[u32]> = table.iter().map(|row| row.tokens.as_slice()).collect();
    for share in SHARES {
        let kept: Vec<Vec<f32>> = masks
            .iter()
            .map(|m| {
                let n = m.mask.len();
                let count = ((share * n as f32).round() as usize).max(1);
                let mut order: Vec<usize> = (0..n).collect();
                order.sort_by_key(|&t| ((-m.mask[t] * 1000.0) as i32, t));
                (0..n).map(|t| f32::from(u8::from(order[..count].contains(&t)))).collect()
            })
            .collect();
        let rest: Vec<Vec<f32>> =
            kept.iter().map(|k| k.iter().map(|f| 1.0 - f).collect()).collect();
        for (operator, factors) in [("keep_top", &kept), ("remove_top", &rest)] {
            for (removal, classifier) in [(Removal::Own, &own), (Removal::Mean, &mean)] {
                let rows = under(&found, operator, removal, Some(share));
                assert_predictions(&rows, &predict(classifier, &tokens, Some(factors)).unwrap());
                for (row, (factors, mask)) in
                    rows.iter().step_by(RANKS.len()).zip(factors.iter().zip(&masks))
                {
                    let area = factors.iter().sum::<f32>() / factors.len() as f32;
                    assert!((row.kept_area - area).abs() < 1e-6);
                    let pairs = factors.iter().zip(&mask.mask);
                    let hidden: f32 = pairs.map(|(f, m)| (1.0 - f) * m).sum();
                    let hidden = hidden / mask.mask.iter().sum::<f32>();
                    assert!((row.hidden_mask.unwrap() - hidden).abs() < 1e-6);
                }
            }
            let unknown: Vec<Vec<u32>> = (tokens.iter().zip(factors))
                .map(|(tokens, factors)| {
                    let hide =
                        |(&token, &factor): (&u32, &f32)| if factor > 0.5 { token } else { 1 };
                    std::iter::once(tokens[0])
                        .chain(tokens[1..].iter().zip(factors).map(hide))
                        .collect()
                })
                .collect();
            let unknown: Vec<&[u32]> = unknown.iter().map(Vec::as_slice).collect();
            let rows = under(&found, operator, Removal::Unknown, Some(share));
            assert_predictions(&rows, &predict(&own, &unknown, None).unwrap());
            assert_eq!(
                under(&found, operator, Removal::Shuffled, Some(share)).len(),
                table.len() * RANKS.len()
            );
        }
        // Blocks need no mask, keep as much, and leave what they keep to the inverse.
        let keep = under(&found, "keep_block", Removal::Own, Some(share));
        let remove = under(&found, "remove_block", Removal::Own, Some(share));
        for ((keep, remove), top) in
            keep.iter().zip(&remove).zip(under(&found, "keep_top", Removal::Own, Some(share)))
        {
            assert_eq!((keep.mask_name(), keep.hidden_mask), (None, None));
            assert_eq!(keep.kept_area, top.kept_area);
            assert!((keep.kept_area + remove.kept_area - 1.0).abs() < 1e-6);
        }
    }
    for removal in [Removal::Mean, Removal::Unknown, Removal::Shuffled] {
        for operator in ["hard_masked", "hard_inverse", "random_block", "random_block_inverse"] {
            let rows = under(&found, operator, removal, None);
            let own = under(&found, operator, Removal::Own, None);
            assert_eq!(rows.len(), own.len(), "{operator} {removal}");
            assert!(rows.iter().zip(own).all(|(a, b)| a.kept_area == b.kept_area));
        }
        let all = under(&found, &format!("all_{removal}"), removal, None);
        assert_eq!(all.len(), table.len() * RANKS.len(), "{removal}");
        assert!(all.iter().all(|row| row.kept_area == 0.0));
    }
}

#[test]
fn the_ends_of_the_constant_mask_are_everything_and_nothing() {
    let table = rows(12, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    let found = folder.run("p", &Config::default()).unwrap();
    let p = |rows: Vec<&PerturbationRow>| rows.iter().map(|row| row.p_target).collect::<Vec<_>>();
    let constant = |level| p(under(&found, "constant", Removal::Own, Some(level)));
    assert_eq!(constant(1.0), p(of(&found, "unmasked")));
    assert_eq!(constant(0.0), p(of(&found, "all_zero")));
    assert_ne!(constant(0.5), constant(0.0));
    let mean = folder.classifier("classifier").with_mask_site(MaskSite::Mean);
    let tokens: Vec<&[u32]> = table.iter().map(|row| row.tokens.as_slice()).collect();
    let nothing: Vec<Vec<f32>> = tokens.iter().map(|t| vec![0.0; t.len() - 1]).collect();
    let rows = under(&found, "all_mean", Removal::Mean, None);
    assert_predictions(&rows, &predict(&mean, &tokens, Some(&nothing)).unwrap());
    assert_ne!(p(rows), p(of(&found, "all_zero")));
}

#[test]
fn draws_keep_what_the_mask_and_the_share_say() {
    let table = rows(12, &tokenization());
    let masks = masks_of(&table);
    let found = Folder::new(&table, &masks).run("p", &everything()).unwrap();
    for (operator, keeps) in [("soft_keep", true), ("soft_remove", false)] {
        let rows = of(&found, operator);
        assert_eq!(rows.len(), 40 * 12 * RANKS.len());
        let kept = rows.iter().map(|row| row.kept_area).sum::<f32>() / rows.len() as f32;
        let area = masks.iter().map(|mask| mask.area).sum::<f32>() / 12.0;
        let wanted = if keeps { area } else { 1.0 - area };
        // 480 draws of 11 tokens or more: a standard error is at most .007.
        assert!((kept - wanted).abs() < 0.03, "{operator}: {kept} and not {wanted}");
    }
    for draw in 0..5 {
        let share = (draw as f32 + 0.5) / 5.0;
        let rows = under(&found, "random_subset", Removal::Own, Some(share));
        assert_eq!(rows.len(), 12 * RANKS.len());
        for row in rows {
            assert_eq!(row.method.as_deref(), Some("planted"));
            assert!((row.kept_area - share).abs() <= 0.5 / 11.0 + 1e-6, "{row:?}");
        }
    }
    for (row, mask) in of(&found, "foreign").iter().step_by(RANKS.len()).zip(&masks) {
        let kept = mask.hard.iter().filter(|&&hard| hard).count();
        assert!((row.kept_area - kept as f32 / mask.hard.len() as f32).abs() < 1e-6);
    }
}

#[test]
fn several_tables_of_masks_are_joined_and_share_what_needs_no_mask() {
    let table = rows(12, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    let of_method = |method: &str, rank: &str| -> Vec<MaskRow> {
        let (method, rank): (Name, Ranks) = (method.parse().unwrap(), rank.parse().unwrap());
        let named = |mask| MaskRow { method: method.clone(), rank: rank.clone(), ..mask };
        masks_of(&table).into_iter().map(named).collect()
    };
    let second = folder.path("second.parquet");
    write_masks(&second, &of_method("other", "genus"));
    let add = |paths: &mut Paths| paths.masks.push(second.clone());
    let found = folder.run_with("p", &everything(), Shard::WHOLE, add).unwrap();
    let alone = folder.run("alone", &everything()).unwrap();
    let is_first = |row: &&PerturbationRow| {
        row.method.as_deref() != Some("other") && row.operator != Operator::ForeignMask
    };
    let first: Vec<&PerturbationRow> = found.iter().filter(is_first).collect();
    let alone: Vec<&PerturbationRow> = alone.iter().filter(is_first).collect();
    assert_eq!(first.len(), alone.len());
    for (a, b) in first.iter().zip(alone) {
        assert_eq!((&a.operator, a.share, a.removal), (&b.operator, b.share, b.removal));
        // Batches are others.
        assert!((a.p_target - b.p_target).abs() < 1e-5, "{a:?} {b:?}");
    }
    assert_eq!(of(&found, "masked").len(), 2 * 12 * RANKS.len());

    let refused = |masks: &[MaskRow], parts: &[&str]| {
        write_masks(&second, masks);
        let fault = folder.run_with("q", &Config::default(), Shard::WHOLE, add).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
        parts.iter().for_each(|part| assert!(fault.to_string().contains(part), "{fault}"));
        assert!(!folder.path("q").exists());
    };
    refused(&of_method("planted", "all"), &["second.parquet, row 0", "planted for all"]);
    refused(&of_method("other", "family"), &["second.parquet, row 0", "phylum, genus", "family"]);
}

#[test]
fn masks_of_another_tokenization_are_refused() {
    let table = rows(6, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    let write = |stride| {
        let tokenization = Tokenization::new(Alphabet::Dna, 3, stride, true).unwrap();
        let metadata = tokenization_metadata(&tokenization);
        write_rows(&folder.path("masks.parquet"), &[], &masks_of(&table), &metadata);
    };
    write(3);
    assert!(!folder.run("p", &Config::default()).unwrap().is_empty());
    write(1);
    let fault = folder.run("q", &Config::default()).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    assert!(fault.to_string().contains("masks.parquet, metadata readlens.tokenization"), "{fault}");
}

#[test]
fn the_judge_predicts_and_the_classifier_names_the_target() {
    let table = rows(12, &tokenization());
    let masks = masks_of(&table);
    let folder = Folder::new(&table, &masks);
    write_classifier(&folder.path("judge"), &classifier_shape(), 9);
    let judge = |paths: &mut Paths| paths.judge = Some(paths.classifier.with_file_name("judge"));
    let found = folder.run_with("p", &Config::default(), Shard::WHOLE, judge).unwrap();
    let judge_itself = folder.classifier("judge");
    let tokens: Vec<&[u32]> = table.iter().map(|row| row.tokens.as_slice()).collect();
    let hard = |m: &MaskRow| m.hard.iter().map(|&h| f32::from(u8::from(h))).collect::<Vec<_>>();
    let hard: Vec<Vec<f32>> = masks.iter().map(hard).collect();
    let whole = of(&found, "judge_unmasked");
    assert_predictions(&whole, &predict(&judge_itself, &tokens, None).unwrap());
    assert_predictions(
        &of(&found, "judge_hard_masked"),
        &predict(&judge_itself, &tokens, Some(&hard)).unwrap(),
    );
    let block = of(&found, "random_block");
    for (judged, own) in of(&found, "judge_random_block").iter().zip(block) {
        assert_eq!((judged.kept_area, judged.hidden_mask), (own.kept_area, own.hidden_mask));
        assert_eq!(judged.target, own.target);
    }
    let mut shape = classifier_shape();
    shape.ranks[1].taxa.swap(0, 1);
    std::fs::remove_dir_all(folder.path("judge")).unwrap();
    write_classifier(&folder.path("judge"), &shape, 9);
    let fault = folder.run_with("q", &Config::default(), Shard::WHOLE, judge).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    assert!(fault.to_string().contains("ranks and taxa"), "{fault}");
}

#[test]
fn a_limit_draws_windows_by_seed() {
    let table = rows(60, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    let whole = folder.run("whole", &Config::default()).unwrap();
    let windows = |rows: &[PerturbationRow]| -> Vec<(String, u32)> {
        let rows = of(rows, "unmasked").into_iter().step_by(RANKS.len());
        rows.map(|row| (row.id.clone(), row.window)).collect()
    };
    let limited = |seed| {
        let config = Config { limit: Some(7), seed, ..Config::default() };
        folder.run(&format!("limited {seed}"), &config).unwrap()
    };
    let (first, other) = (limited(1), limited(2));
    assert_eq!(windows(&first).len(), 7);
    assert!(windows(&first) != windows(&other));
    let all = windows(&whole);
    let places: Vec<usize> =
        windows(&first).iter().map(|w| all.iter().position(|a| a == w).unwrap()).collect();
    assert!(places.is_sorted());
    for row in of(&first, "random_block") {
        let is_same =
            |r: &&&PerturbationRow| (&r.id, r.window, &r.rank) == (&row.id, row.window, &row.rank);
        let same = of(&whole, "random_block");
        let same = same.iter().find(is_same).unwrap();
        assert!((same.p_target - row.p_target).abs() < 1e-5);
    }
    let fault = folder.run("none", &Config { limit: Some(0), ..Config::default() }).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage);
}

#[test]
fn shards_together_are_the_whole() {
    let table = rows(90, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    // So many passes that a group is 15 windows.
    let config = Config { soft_draws: 450, ..everything() };
    let whole = folder.run("whole", &config).unwrap();
    let mut rows = Vec::new();
    for index in 1..=3 {
        let shard = Shard { index, count: 3 };
        let part = folder.run_with(&format!("part {index}"), &config, shard, |_| ()).unwrap();
        assert!(!part.is_empty());
        rows.extend(part);
    }
    assert!(rows == whole);
}
