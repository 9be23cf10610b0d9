//! Every check with figures that pass it, that fail it, and without them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use readlens_evaluate::{Check, Checks, Verdict, check, verdicts};
use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Removal, Split, Word,
};

const RANK: &str = "genus";
const EXPLAINER: Option<&str> = Some("explainer");

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// The operator and the variant of a label such as `randomized:1`.
fn parts(label: &str) -> (Word<Operator>, Option<String>) {
    match label.split_once(':') {
        Some((operator, variant)) => (Word::of(operator), Some(variant.to_owned())),
        None => (Word::of(label), None),
    }
}

/// A figure with an interval of ±.01, of the masks of an Explainer or, without `method`, of the
/// classifier alone.
fn row(method: Option<&str>, label: &str, rank: &str, metric: &str, value: f64) -> MetricRow {
    let (operator, variant) = parts(label);
    MetricRow {
        method: method.map(name),
        method_kind: method.map(|_| MethodKind::Explainer),
        replicate: method.map(|_| 1),
        mask_rank: method.map(|_| Ranks::All),
        operator,
        variant,
        removal: Removal::Own,
        share: None,
        split: Over::Split(Split::Test),
        rank: rank.parse().unwrap(),
        metric: metric.parse().unwrap(),
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
        ("wrong_class", 0.3),
        ("wrong_class_block", 0.05),
        ("judge_hard_masked", 0.85),
        ("judge_random_block", 0.4),
    ];
    let mut rows = vec![
        row(None, "unmasked", RANK, "accuracy", 0.9),
        row(None, "judge_unmasked", RANK, "agreement", 0.9),
        row(None, "all_zero", RANK, "entropy", 0.8),
    ];
    let agreement = |(operator, value)| row(EXPLAINER, operator, RANK, "agreement", value);
    rows.extend(agreements.map(agreement));
    for (level, value) in [(0.0, 0.1), (0.2, 0.4), (0.4, 0.8), (1.0, 1.0)] {
        let constant = row(None, "constant", RANK, "agreement", value);
        rows.push(MetricRow { share: Some(level), ..constant });
    }
    let of_mask = [
        ("area", 0.3),
        ("auprc", 0.7),
        ("mass", 0.6),
        ("prevalence", 0.2),
        ("mask_correlation", 0.1),
    ];
    rows.extend(of_mask.map(|(metric, value)| row(EXPLAINER, "mask", "all", metric, value)));
    rows
}

/// Figures of the other stages.
fn evidence() -> Vec<MetricRow> {
    let spearman = |(operator, value)| row(EXPLAINER, operator, "all", "spearman", value);
    let compared = [
        ("seed", 0.8),
        ("reverse_complement", 0.9),
        ("frame_shift", 0.85),
        ("randomized:1", 0.3),
        ("randomized:2", 0.1),
        ("permuted", 0.2),
    ];
    let mut rows: Vec<MetricRow> = compared.map(spearman).into();
    rows.extend([
        row(EXPLAINER, "probe", RANK, "accuracy", 0.26),
        row(EXPLAINER, "probe", RANK, "majority_accuracy", 0.25),
        row(None, "kmer_logistic_regression", RANK, "accuracy", 0.7),
        row(None, "kmer_naive_bayes", RANK, "accuracy", 0.6),
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
    for (label, metric, value) in changes {
        let (operator, variant) = parts(label);
        let wanted: Metric = metric.parse().unwrap();
        let is_it = |row: &&mut MetricRow| {
            row.operator == operator && row.variant == variant && row.metric == wanted
        };
        let changed: Vec<&mut MetricRow> = rows.iter_mut().filter(is_it).collect();
        assert!(!changed.is_empty(), "no {label} {metric}");
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

/// Figures of a rank at which the classifier knows one taxon: all of them perfect.
fn of_one_taxon(rank: &str) -> Vec<MetricRow> {
    let operators = [
        "hard_masked",
        "random_block",
        "random_segments",
        "shifted",
        "shuffled",
        "masked",
        "hard_inverse",
        "random_block_inverse",
        "random_segments_inverse",
        "foreign",
        "wrong_class",
        "wrong_class_block",
        "all_zero",
        "judge_hard_masked",
        "judge_random_block",
    ];
    let of = |operator| {
        let of = |metric, value| row(EXPLAINER, operator, rank, metric, value);
        [of("agreement", 1.0), of("p_target", 1.0), of("entropy", 0.0)]
    };
    operators.into_iter().flat_map(of).collect()
}

#[test]
fn a_rank_of_one_taxon_takes_no_part_and_the_sentence_says_so() {
    let honest = check(&metrics(), &evidence(), &Checks::default());
    let rows = [metrics(), of_one_taxon("superkingdom")].concat();
    let checks = check(&rows, &evidence(), &Checks::default());
    assert_eq!(checks.len(), honest.len());
    let by_ranks = [
        "nothing_left",
        "kmer_baselines",
        "controls",
        "inverse",
        "soft_and_hard",
        "dose_response",
        "foreign",
        "wrong_class",
        "judge",
        "probe",
    ];
    for (check, honest) in checks.iter().zip(&honest) {
        assert_eq!(check.verdict, Verdict::Passed, "{}: {}", check.name, check.sentence);
        assert_eq!(check.figures, honest.figures, "{}", check.name);
        let says = "; without superkingdom, of which the classifier knows one taxon";
        let more = if by_ranks.contains(&check.name) { says } else { "" };
        assert_eq!(check.sentence, format!("{}{more}", honest.sentence));
    }
    // A classifier that is sure for once is not one of a single taxon.
    let mut rows = rows;
    rows.iter_mut().find(|row| row.metric == Metric::PTarget).unwrap().value = 0.99;
    let controls = check(&rows, &evidence(), &Checks::default()).remove(2);
    assert_eq!((controls.name, controls.verdict), ("controls", Verdict::Failed));
}

#[test]
fn a_classifier_of_one_taxon_has_nothing_to_compare() {
    let rows = of_one_taxon("superkingdom");
    let rows: Vec<MetricRow> =
        rows.into_iter().chain([row(EXPLAINER, "mask", "all", "area", 0.3)]).collect();
    let check = found(&rows, "controls");
    assert_eq!(check.verdict, Verdict::NotMeasured);
    assert_eq!(
        check.sentence,
        "the classifier knows one taxon of superkingdom, so there is nothing to compare"
    );
}

#[test]
fn an_honest_mask_passes_every_check() {
    let checks = check(&metrics(), &evidence(), &Checks::default());
    assert_eq!(checks.len(), 17);
    for check in &checks {
        assert_eq!(check.verdict, Verdict::Passed, "{}: {}", check.name, check.sentence);
        let whose = check.mask.as_ref().map(ToString::to_string);
        assert!(matches!(whose.as_deref(), None | Some("explainer for all ranks")), "{whose:?}");
    }
    let text = verdicts(&checks);
    assert!(text.ends_with("17 passed, 0 failed, 0 noted, 0 not measured\n"), "{text}");
    assert!(
        text.contains("checks of the masks of explainer for all ranks\n  passed        controls: ")
    );
    assert!(text.contains("(closest: hard_masked 95.0 %, random_block 50.0 % at genus)"), "{text}");
}

#[test]
fn without_figures_nothing_is_measured_and_nothing_passes() {
    let area = [row(EXPLAINER, "mask", "all", "hard_area", 0.3)];
    let checks = check(&area, &[], &Checks::default());
    assert_eq!(checks.len(), 17);
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
    rows.retain(|row| row.operator != Operator::Shuffled);
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
    let constant = dose.figures.iter().find(|f| f.operator == Operator::Constant).unwrap();
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

#[test]
fn a_mask_for_another_taxon_must_not_make_the_classifier_say_it() {
    let honest = found(&all(), "wrong_class");
    assert_eq!(honest.verdict, Verdict::Passed);
    assert!(honest.sentence.contains("under a random block of its area in 5.0 %"), "{honest:?}");
    assert_eq!(honest.figures.len(), 2);
    fails(&[("wrong_class", "agreement", 0.8)], "wrong_class", "proves little");
    // The interval reaches down to half of the windows.
    let near = [("wrong_class", "agreement", 0.505)];
    with(&near, "wrong_class", Verdict::Passed, "50.5 %");
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
    fails(&[("randomized:1", "spearman", 0.79)], "randomized_classifier", "randomized (1) 0.79");
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
    let phylum = |row: &MetricRow| MetricRow { rank: Ranks::One(name("phylum")), ..row.clone() };
    let mut rows = all();
    let genus = Ranks::One(name(RANK));
    let mut above: Vec<MetricRow> =
        rows.iter().filter(|row| row.rank == genus).map(phylum).collect();
    let shifted = above.iter_mut().find(|row| row.operator == Operator::Shifted).unwrap();
    (shifted.value, shifted.ci_high) = (0.97, Some(0.98));
    rows.extend(above);
    let check = found(&rows, "controls");
    assert_eq!(check.verdict, Verdict::Failed);
    assert!(check.sentence.contains("shifted 97.0 % at phylum"), "{}", check.sentence);
    // The same masks for the genus alone: the phylum is not theirs to keep.
    for row in rows.iter_mut().filter(|row| row.method.is_some()) {
        row.mask_rank = Some(genus.clone());
    }
    assert_eq!(found(&rows, "controls").verdict, Verdict::Passed);
}

#[test]
fn methods_and_splits_are_chosen() {
    let lime = |row: &MetricRow| MetricRow {
        method: row.method.as_ref().map(|_| name("lime")),
        method_kind: row.method_kind.map(|_| MethodKind::Attribution),
        ..row.clone()
    };
    let mut rows = all();
    rows.extend(all().iter().filter(|row| row.method.is_some()).map(lime));
    let methods = |rows: &[MetricRow], chosen: &[&str]| {
        let checks = Checks { methods: chosen.iter().map(|method| name(method)).collect() };
        let of = |check: Check| check.mask.map(|mask| mask.method.name.to_string());
        let mut found: Vec<Option<String>> =
            check(rows, &[], &checks).into_iter().map(of).collect();
        found.dedup();
        found
    };
    let alone_and = |method: &str| [None, Some(method.to_owned())];
    assert_eq!(methods(&rows, &[]), alone_and("explainer"));
    assert_eq!(methods(&rows, &["lime"]), alone_and("lime"));
    let others: Vec<MetricRow> = all().iter().map(lime).collect();
    assert_eq!(methods(&others, &[]), alone_and("lime"));
    // Figures of the split test decide where there are any, whatever those of train say.
    let mut train: Vec<MetricRow> = all();
    for row in &mut train {
        row.split = Over::Split(Split::Train);
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
