//! Every window under its masks and controls: rows, factors and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;

use readlens_nn::WindowTokens;
use std::collections::{BTreeMap, BTreeSet};

use bench::{Folder, masks_of, of};
use readlens_batch::{as_read, most_likely, predict};
use readlens_fault::ExitCode;
use readlens_perturb::{Config, LEVELS, OF_OWN_MASK};
use readlens_provenance::{InputDigest, Manifest};
use readlens_tables::Writer;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::Split;
use readlens_tests::{RANKS, rows, tokenization, write_tokens};

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
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
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
