//! Graded, drawn and judged operators, other removals, samples and shards.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;

use bench::{Folder, assert_predictions, everything, masks_of, of, under};
use readlens_batch::predict;
use readlens_batch::{Shard, as_read};
use readlens_fault::ExitCode;
use readlens_kmer::{Alphabet, Tokenization};
use readlens_nn::{MaskSite, WindowTokens};
use readlens_perturb::{Config, Paths, SHARES};
use readlens_tables::masks::MaskRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::vocabulary::{Name, Operator, Ranks, Removal, TargetKind};
use readlens_tests::{
    RANKS, classifier_shape, rows, tokenization, tokenization_metadata, write_classifier,
    write_masks, write_rows,
};

#[test]
fn graded_operators_keep_and_remove_the_largest_values_under_every_removal() {
    let table = rows(12, &tokenization());
    let masks = masks_of(&table);
    let folder = Folder::new(&table, &masks);
    let found = folder.run("p", &everything()).unwrap();
    let own = folder.classifier("classifier");
    let mean = folder.classifier("classifier").with_mask_site(MaskSite::Mean).unwrap();
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
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
                    std::iter::once(tokens.ids[0])
                        .chain(tokens.ids[1..].iter().zip(factors).map(hide))
                        .collect()
                })
                .collect();
            let unknown: Vec<WindowTokens> =
                unknown.iter().map(|ids| WindowTokens::unframed(ids)).collect();
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
    let mean = folder.classifier("classifier").with_mask_site(MaskSite::Mean).unwrap();
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let nothing: Vec<Vec<f32>> = tokens.iter().map(|t| vec![0.0; t.ids.len() - 1]).collect();
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
    let judge = |paths: &mut Paths| paths.judge = Some(paths.tokens.with_file_name("judge"));
    let found = folder.run_with("p", &Config::default(), Shard::WHOLE, judge).unwrap();
    let judge_itself = folder.classifier("judge");
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
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
    assert!(fault.to_string().contains("taxa of genus in their order"), "{fault}");
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

#[test]
fn masks_for_other_taxa_are_judged_by_those_taxa_and_change_no_other_row() {
    let table = rows(12, &tokenization());
    let folder = Folder::new(&table, &masks_of(&table));
    let classifier = folder.classifier("classifier");
    let ranks = &classifier.config().ranks;
    let asked = |row: usize| -> Vec<u32> {
        ranks.iter().map(|rank| (row % rank.taxa.len()) as u32).collect()
    };
    // The window's own mask turned round, so that it is told apart.
    let wrong = |(row, mask): (usize, MaskRow)| MaskRow {
        mask: mask.mask.iter().rev().copied().collect(),
        hard: mask.hard.iter().rev().copied().collect(),
        target_kind: TargetKind::Other,
        asked: asked(row),
        ..mask
    };
    let wrong: Vec<MaskRow> = masks_of(&table).into_iter().enumerate().map(wrong).collect();
    let second = folder.path("wrong.parquet");
    write_masks(&second, &wrong);
    let add = |paths: &mut Paths| paths.masks.push(second.clone());
    let found = folder.run_with("p", &everything(), Shard::WHOLE, add).unwrap();
    let is_wrong = |row: &&PerturbationRow| {
        [Operator::WrongClass, Operator::WrongClassBlock].iter().any(|o| row.operator == *o)
    };
    let own: Vec<PerturbationRow> = found.iter().filter(|row| !is_wrong(row)).cloned().collect();
    let alone = folder.run("alone", &everything()).unwrap();
    assert_eq!(own.len(), alone.len());
    for (own, alone) in own.iter().zip(&alone) {
        assert_eq!((&own.id, own.operator.name()), (&alone.id, alone.operator.name()));
        assert_eq!(
            (own.share, own.removal, own.kept_area),
            (alone.share, alone.removal, alone.kept_area)
        );
        // Batches are others.
        assert!((own.p_target - alone.p_target).abs() < 1e-5);
    }
    let tokens: Vec<WindowTokens> = table.iter().map(as_read).collect();
    let hard = |mask: &MaskRow| mask.hard.iter().map(|&h| f32::from(u8::from(h))).collect();
    let factors: Vec<Vec<f32>> = wrong.iter().map(hard).collect();
    let predictions = predict(&classifier, &tokens, Some(&factors)).unwrap();
    let rows = of(&found, "wrong_class");
    let blocks = of(&found, "wrong_class_block");
    assert_eq!((rows.len(), blocks.len()), (12 * RANKS.len(), 12 * RANKS.len()));
    for (place, (row, block)) in rows.iter().zip(&blocks).enumerate() {
        let (window, rank) = (place / RANKS.len(), place % RANKS.len());
        let class = asked(window)[rank] as usize;
        assert_eq!(row.target, ranks[rank].taxa[class]);
        assert!((row.p_target - predictions[window][rank][class]).abs() < 1e-5);
        assert_eq!((&block.target, block.kept_area), (&row.target, row.kept_area));
    }
    // A class that the classifier does not have.
    let odd = MaskRow { asked: vec![0, 1 << 20], ..wrong[3].clone() };
    let odd = [&wrong[..3], &[odd]].concat();
    write_masks(&second, &odd);
    let fault = folder.run_with("q", &everything(), Shard::WHOLE, add).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput);
    assert!(fault.to_string().contains("asked"), "{fault}");
}
