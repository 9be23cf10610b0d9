//! Every check with figures that pass it, that fail it, and without them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use readlens_evaluate::{Check, Checks, Verdict, check, verdicts};
use readlens_tables::metrics::MetricRow;

const RANK: &str = "genus";

/// A figure with an interval of ±.01.
fn row(method: &str, operator: &str, rank: &str, metric: &str, value: f64) -> MetricRow {
    let whose = if method == "none" { "none" } else { "all" };
    MetricRow {
        method: method.to_owned(),
        mask_rank: whose.to_owned(),
        operator: operator.to_owned(),
        share: None,
        split: "test".to_owned(),
        rank: rank.to_owned(),
        metric: metric.to_owned(),
        value,
        ci_low: Some(value - 0.01),
        ci_high: Some(value + 0.01),
        n: 1000,
    }
}

/// Figures of an evaluation, as an honest Explainer's may be.
fn metrics() -> Vec<MetricRow> {
    let agreements = [
        ("masked", 0.96),
        ("hard_masked", 0.95),
        ("hard_inverse", 0.2),
        ("random_block", 0.5),
        ("random_segments", 0.45),
        ("shifted", 0.44),
        ("shuffled", 0.3),
        ("random_block_inverse", 0.8),
        ("random_segments_inverse", 0.7),
        ("foreign", 0.46),
        ("judge_hard_masked", 0.85),
        ("judge_random_block", 0.4),
    ];
    let mut rows = vec![
        row("none", "unmasked", RANK, "accuracy", 0.9),
        row("none", "judge_unmasked", RANK, "agreement", 0.9),
        row("none", "all_zero", RANK, "entropy", 0.8),
    ];
    let agreement = |(operator, value)| row("explainer", operator, RANK, "agreement", value);
    rows.extend(agreements.map(agreement));
    for (level, value) in [(0.0, 0.1), (0.2, 0.4), (0.4, 0.8), (1.0, 1.0)] {
        let constant = row("none", "constant", RANK, "agreement", value);
        rows.push(MetricRow { share: Some(level), ..constant });
    }
    let of_mask = [
        ("area", 0.3),
        ("auprc", 0.7),
        ("mass", 0.6),
        ("prevalence", 0.2),
        ("mask_correlation", 0.1),
    ];
    rows.extend(of_mask.map(|(metric, value)| row("explainer", "mask", "all", metric, value)));
    rows
}

/// Figures of the other stages.
fn evidence() -> Vec<MetricRow> {
    let spearman = |(operator, value)| row("explainer", operator, "all", "spearman", value);
    let compared = [
        ("seed", 0.8),
        ("reverse_complement", 0.9),
        ("frame_shift", 0.85),
        ("randomized-1", 0.3),
        ("randomized-2", 0.1),
        ("permuted", 0.2),
    ];
    let mut rows: Vec<MetricRow> = compared.map(spearman).into();
    rows.extend([
        row("explainer", "probe", RANK, "accuracy", 0.26),
        row("explainer", "probe", RANK, "majority_accuracy", 0.25),
        row("none", "kmer_logistic_regression", RANK, "accuracy", 0.7),
        row("none", "kmer_naive_bayes", RANK, "accuracy", 0.6),
    ]);
    rows
}

fn all() -> Vec<MetricRow> {
    [metrics(), evidence()].concat()
}

fn found(rows: &[MetricRow], name: &str) -> Check {
    let checks = check(rows, &[], &Checks::default());
    checks.into_iter().find(|check| check.name == name).unwrap()
}

/// The verdict after the figures of some operators and metrics have become others.
#[track_caller]
fn with(changes: &[(&str, &str, f64)], name: &str, verdict: Verdict, part: &str) {
    let mut rows = all();
    for (operator, metric, value) in changes {
        let is_it = |row: &&mut MetricRow| row.operator == *operator && row.metric == *metric;
        let changed: Vec<&mut MetricRow> = rows.iter_mut().filter(is_it).collect();
        assert!(!changed.is_empty(), "no {operator} {metric}");
        for row in changed {
            row.value = *value;
            (row.ci_low, row.ci_high) = (Some(value - 0.01), Some(value + 0.01));
        }
    }
    let check = found(&rows, name);
    assert_eq!(check.verdict, verdict, "{name}: {}", check.sentence);
    assert!(check.sentence.contains(part), "{name}: {} lacks {part:?}", check.sentence);
    assert!(!check.figures.is_empty(), "{name}");
}

#[track_caller]
fn fails(changes: &[(&str, &str, f64)], name: &str, part: &str) {
    with(changes, name, Verdict::Failed, part);
}

#[test]
fn an_honest_mask_passes_every_check() {
    let checks = check(&metrics(), &evidence(), &Checks::default());
    assert_eq!(checks.len(), 16);
    for check in &checks {
        assert_eq!(check.verdict, Verdict::Passed, "{}: {}", check.name, check.sentence);
        let whose = (check.method.as_str(), check.mask_rank.as_str());
        assert!(matches!(whose, ("none", "none") | ("explainer", "all")), "{whose:?}");
    }
    let text = verdicts(&checks);
    assert!(text.ends_with("16 passed, 0 failed, 0 noted, 0 not measured\n"), "{text}");
    assert!(
        text.contains("checks of the masks of explainer for all ranks\n  passed        controls: ")
    );
    assert!(text.contains("(closest: hard_masked 95.0 %, random_block 50.0 % at genus)"), "{text}");
}

#[test]
fn without_figures_nothing_is_measured_and_nothing_passes() {
    let area = [row("explainer", "mask", "all", "hard_area", 0.3)];
    let checks = check(&area, &[], &Checks::default());
    assert_eq!(checks.len(), 16);
    for check in &checks {
        assert_eq!(check.verdict, Verdict::NotMeasured, "{}: {}", check.name, check.sentence);
        assert!(!check.sentence.is_empty());
    }
    // Nor without intervals, where intervals decide.
    let mut rows = all();
    rows.iter_mut().for_each(|row| (row.ci_low, row.ci_high) = (None, None));
    for name in ["controls", "inverse", "dose_response", "foreign", "probe", "kmer_baselines"] {
        assert_eq!(found(&rows, name).verdict, Verdict::NotMeasured, "{name}");
    }
}

#[test]
fn masks_must_beat_what_costs_nothing() {
    const KEPT: &str = "agreement";
    fails(&[("shifted", KEPT, 0.94)], "controls", "shifted 94.0 % at genus");
    // Better, but not beyond chance.
    fails(&[("hard_masked", KEPT, 0.51)], "controls", "random_block 50.0 %");
    let mut rows = all();
    rows.retain(|row| row.operator != "shuffled");
    let without = found(&rows, "controls");
    assert_eq!(without.verdict, Verdict::NotMeasured);
    assert!(without.sentence.ends_with("; without shuffled"), "{}", without.sentence);
    fails(&[("hard_inverse", KEPT, 0.69)], "inverse", "the evidence is redundant");
    fails(&[("hard_masked", KEPT, 0.8)], "soft_and_hard", "undoes the scaling");
    with(&[("hard_masked", KEPT, 0.87)], "soft_and_hard", Verdict::Passed, "at most 10 points");
}

/// The mean area .3 is in the middle of the levels .2 and .4: 60 % at .4 and .8.
#[test]
fn constant_masks_are_interpolated_at_the_mean_area() {
    let dose = found(&all(), "dose_response");
    let constant = dose.figures.iter().find(|f| f.operator == "constant").unwrap();
    assert!((constant.value - 0.6).abs() < 1e-6 && constant.share == Some(0.3));
    assert!((constant.ci_low.unwrap() - 0.59).abs() < 1e-6);
    let equal = ("masked", "agreement", 0.61);
    with(&[equal], "dose_response", Verdict::Noted, "the hard mask keeps up");
    fails(&[equal, ("hard_masked", "agreement", 0.4)], "dose_response", "scaling does not hide");
    // At a level itself, the figure of the level.
    with(&[("mask", "area", 0.4)], "dose_response", Verdict::Passed, "constant 80.0 %");
    with(&[("mask", "area", 0.95)], "dose_response", Verdict::Noted, "constant 98.3 %");
}

#[test]
fn masks_of_others_show_what_the_mask_carries() {
    const KEPT: &str = "agreement";
    fails(&[("foreign", KEPT, 0.94)], "foreign", "does not depend on the sequence");
    fails(&[("foreign", KEPT, 0.3)], "foreign", "carries the class");
}

/// The classifier keeps 95 % and the judge as much of its own 90 %.
#[test]
fn the_judge_reads_what_the_classifier_reads() {
    const KEPT: &str = "agreement";
    fails(&[("judge_hard_masked", KEPT, 0.5)], "judge", "this classifier alone");
    // 20 points behind, but as far behind under random blocks: a judge that is worse at masks.
    let behind = [("judge_hard_masked", KEPT, 0.675), ("judge_random_block", KEPT, 0.27)];
    with(&behind, "judge", Verdict::Passed, "no further behind");
    // A judge that agrees in half of the untouched windows keeps all of those.
    let weak = [
        ("judge_unmasked", KEPT, 0.5),
        ("judge_hard_masked", KEPT, 0.475),
        ("judge_random_block", KEPT, 0.25),
    ];
    with(&weak, "judge", Verdict::Passed, "95.0 % of those");
}

#[test]
fn masks_themselves_are_looked_at() {
    let hit = [("probe", "accuracy", 0.5)];
    with(&hit, "probe", Verdict::Noted, "suggestive");
    with(&[("probe", "accuracy", 0.2)], "probe", Verdict::Passed, "20.0 % against 25.0 %");
    fails(&[("mask", "mask_correlation", 0.96)], "collapse", "one mask whatever the sequence");
    fails(&[("mask", "auprc", 0.21)], "localisation", "auprc 0.21, prevalence 0.20");
    fails(&[("mask", "mass", 0.1)], "localisation", "mass 0.10");
}

#[test]
fn masks_must_agree_where_they_should_and_differ_where_they_should() {
    fails(&[("seed", "spearman", 0.49)], "seeds", "below 0.5");
    fails(&[("reverse_complement", "spearman", 0.69)], "strands", "below 0.7");
    fails(&[("frame_shift", "spearman", 0.69)], "frames", "below 0.7");
    fails(&[("randomized-1", "spearman", 0.79)], "randomized_classifier", "randomized-1 0.79");
    fails(&[("permuted", "spearman", 0.9)], "permuted_labels", "do not show");
}

#[test]
fn the_classifier_itself_is_looked_at() {
    with(&[("all_zero", "entropy", 0.3)], "nothing_left", Verdict::Noted, "entropy 0.30 of 1");
    let beaten = [("unmasked", "accuracy", 0.69)];
    fails(&beaten, "kmer_baselines", "kmer_logistic_regression 70.0 %");
    fails(&[("kmer_naive_bayes", "accuracy", 0.95)], "kmer_baselines", "kmer_naive_bayes 95.0 %");
}

#[test]
fn every_rank_decides_and_a_mask_for_one_rank_answers_for_that_rank() {
    let phylum = |row: &MetricRow| MetricRow { rank: "phylum".to_owned(), ..row.clone() };
    let mut rows = all();
    let mut above: Vec<MetricRow> =
        rows.iter().filter(|row| row.rank == RANK).map(phylum).collect();
    let shifted = above.iter_mut().find(|row| row.operator == "shifted").unwrap();
    (shifted.value, shifted.ci_high) = (0.97, Some(0.98));
    rows.extend(above);
    let check = found(&rows, "controls");
    assert_eq!(check.verdict, Verdict::Failed);
    assert!(check.sentence.contains("shifted 97.0 % at phylum"), "{}", check.sentence);
    // The same masks for the genus alone: the phylum is not theirs to keep.
    for row in rows.iter_mut().filter(|row| row.method != "none") {
        row.mask_rank = RANK.to_owned();
    }
    assert_eq!(found(&rows, "controls").verdict, Verdict::Passed);
}

#[test]
fn methods_and_splits_are_chosen() {
    let lime = |row: &MetricRow| match row.method.as_str() {
        "none" => row.clone(),
        _ => MetricRow { method: "lime".to_owned(), ..row.clone() },
    };
    let mut rows = all();
    rows.extend(all().iter().filter(|row| row.method != "none").map(lime));
    let methods = |rows: &[MetricRow], chosen: &[&str]| {
        let methods = chosen.iter().map(|method| (*method).to_owned()).collect();
        let mut found: Vec<String> =
            check(rows, &[], &Checks { methods }).into_iter().map(|check| check.method).collect();
        found.dedup();
        found
    };
    assert_eq!(methods(&rows, &[]), ["none", "explainer"]);
    assert_eq!(methods(&rows, &["lime"]), ["none", "lime"]);
    let others: Vec<MetricRow> = all().iter().map(lime).collect();
    assert_eq!(methods(&others, &[]), ["none", "lime"]);
    // Figures of the split test decide where there are any, whatever those of train say.
    let mut train: Vec<MetricRow> = all();
    for row in &mut train {
        row.split = "train".to_owned();
        row.value = 0.5;
    }
    let both = [train, all()].concat();
    assert_eq!(found(&both, "controls").verdict, Verdict::Passed);
    // Evidence about other windows does not outweigh the evaluation's own figures.
    let mut other = metrics();
    other.iter_mut().for_each(|row| (row.ci_low, row.ci_high) = (Some(0.0), Some(1.0)));
    let checks = check(&metrics(), &[evidence(), other].concat(), &Checks::default());
    assert!(checks.iter().all(|check| check.verdict == Verdict::Passed));
}
