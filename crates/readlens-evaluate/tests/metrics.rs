//! Every metric against a value computed by hand.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod tables;

use readlens_evaluate::{Config, TruthNames, paper_table};
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MethodKind, Metric, Name, Operator, Over, Ranks, Split};
use tables::{Bench, assert_figure, find, mask, name, text, token, under, unmasked};

/// Five records: A is the majority of train; the labels of test are A, B, B and one unknown.
fn tokens() -> Vec<TokenRow> {
    vec![
        token("train1", Some("train"), Some("A")),
        token("train2", Some("train"), Some("A")),
        token("train3", Some("train"), Some("B")),
        token("t1", Some("test"), Some("A")),
        token("t2", Some("test"), Some("B")),
        token("t3", Some("test"), Some("B")),
        token("t4", Some("test"), None),
        token("v1", Some("valid"), Some("B")),
    ]
}

/// Of the test records t1 and t2 are right without masks; under the hard mask t1 stays right,
/// t2 changes to A, t3 changes to B and so becomes right, t4 keeps its prediction.
fn perturbations() -> Vec<PerturbationRow> {
    let t1 = unmasked("t1", "test", "A", Some("A"));
    let t2 = unmasked("t2", "test", "B", Some("B"));
    let t3 = unmasked("t3", "test", "A", Some("B"));
    let t4 = unmasked("t4", "test", "A", None);
    let v1 = unmasked("v1", "valid", "B", Some("B"));
    vec![
        under(&t1, "hard_masked", "A", 0.9),
        t1,
        under(&t2, "hard_masked", "A", 0.1),
        t2,
        under(&t3, "hard_masked", "B", 0.3),
        t3,
        under(&t4, "hard_masked", "A", 0.7),
        t4,
        v1,
    ]
}

fn masks() -> Vec<MaskRow> {
    vec![
        // Hard 1100, one run of 2; TV (0 + .75 + .25) / 3, area .5.
        mask("t1", &[1.0, 1.0, 0.25, 0.0]),
        // Hard 1010: two runs of 1; TV 3 / 3, area .5.
        mask("t2", &[1.0, 0.0, 1.0, 0.0]),
        // Hard 0000: no run; TV 0, area .25.
        mask("t3", &[0.25; 4]),
    ]
}

#[test]
fn predictions_are_counted_as_by_hand() {
    let rows = Bench::new().evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    let figure = |place: [&str; 3], value, n| assert_figure(&rows, place, value, n);
    figure(["unmasked", "test", "accuracy"], 2.0 / 3.0, 3);
    figure(["unmasked", "valid", "accuracy"], 1.0, 1);
    figure(["unmasked", "all", "accuracy"], 3.0 / 4.0, 4);
    // Recall of A 1/1, of B 1/2; over all splits of B 2/3.
    figure(["unmasked", "test", "accuracy_macro"], 0.75, 3);
    figure(["unmasked", "all", "accuracy_macro"], (1.0 + 2.0 / 3.0) / 2.0, 4);
    figure(["unmasked", "test", "agreement"], 1.0, 4);
    figure(["hard_masked", "test", "accuracy"], 2.0 / 3.0, 3);
    // t2 and t3 changed; the record without a label counts.
    figure(["hard_masked", "test", "agreement"], 0.5, 4);
    figure(["hard_masked", "test", "p_target"], 0.5, 4);
    figure(["hard_masked", "test", "entropy"], 0.25, 4);
    figure(["hard_masked", "test", "kept_area"], 0.5, 4);
    // A is the most frequent in train, but only one of three in test and none in valid.
    figure(["majority_class", "test", "accuracy"], 1.0 / 3.0, 3);
    figure(["majority_class", "valid", "accuracy"], 0.0, 1);
    figure(["majority_class", "all", "accuracy"], 0.25, 4);
}

#[test]
fn without_a_train_split_the_majority_is_that_of_all_windows() {
    let tokens: Vec<TokenRow> =
        tokens().into_iter().filter(|row| row.split != Some(Split::Train)).collect();
    let rows = Bench::new().evaluate(&tokens, &masks(), &perturbations()).unwrap();
    assert_figure(&rows, ["majority_class", "test", "accuracy"], 2.0 / 3.0, 3);
}

#[test]
fn masks_are_measured_as_by_hand() {
    let rows = Bench::new().evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    let figure = |metric, value, n| assert_figure(&rows, ["mask", "test", metric], value, n);
    figure("area", (0.5625 + 0.5 + 0.25) / 3.0, 3);
    figure("hard_area", (0.5 + 0.5 + 0.0) / 3.0, 3);
    figure("total_variation", (1.0 / 3.0 + 1.0 + 0.0) / 3.0, 3);
    figure("hard_total_variation", (1.0 / 3.0 + 1.0 + 0.0) / 3.0, 3);
    figure("segments", (1.0 + 2.0 + 0.0) / 3.0, 3);
    // t3 has no run: 2 and 1 tokens, 12 and 6 nt.
    figure("segment_length_tokens", 1.5, 2);
    figure("segment_length_nt", 9.0, 2);
    figure("segment_length_tokens_max", 1.5, 2);
    figure("segment_length_nt_max", 9.0, 2);
    // Ascending 0 .25 1 1: (-3·0 - .25 + 1 + 3) / (4 · 2.25); 0 0 1 1: 4 / (4 · 2); constant: 0.
    figure("gini", (3.75 / 9.0 + 0.5 + 0.0) / 3.0, 3);
    // numpy: q = array([1, 1, .25]) / 2.25; exp(-(q * log(q)).sum()) == 2.6246903390462624
    figure("effective_tokens", (2.624_690_339_046_262_4 + 2.0 + 4.0) / 3.0, 3);
    assert!(rows.iter().all(|row| row.metric != Metric::Auprc), "no truth was given");
    assert_eq!(find(&rows, "mask", "test", "area").rank, Ranks::All);
}

#[test]
fn masks_are_compared_with_the_truth_as_by_hand() {
    let mut bench = Bench::new();
    // t1: tokens 0 and 2; t2: token 3, by half of its bases; t3: none, as 2 of 6 bases are few.
    bench.truth = Some(text(
        "id\tstart\tend\tname\nt1\t0\t6\tA\nt1\t12\t18\tB\nt2\t21\t24\tB\nt3\t22\t24\tB\n",
    ));
    let rows = bench.evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    let figure = |metric, value, n| assert_figure(&rows, ["mask", "test", metric], value, n);
    // t1: the two 1.0 pass together with one hit (½ · ½), then .25 is the other (½ · ⅔).
    // t2: the two 1.0 pass without a hit, the two 0.0 with the only one: precision ¼.
    figure("auprc", (7.0 / 12.0 + 0.25) / 2.0, 2);
    // t1: {0, 1} and {0, 2}: 1 of 3; t2: {0, 2} and {3}: none.
    figure("iou", (1.0 / 3.0 + 0.0) / 2.0, 2);
    figure("pointing", (0.5 + 0.0) / 2.0, 2);
    figure("mass", (1.25 / 2.25 + 0.0) / 2.0, 2);
    figure("prevalence", (0.5 + 0.25) / 2.0, 2);
    figure("auprc_over_prevalence", (7.0 / 12.0 + 0.25) / 0.75, 2);
    figure("iou_over_prevalence", (1.0 / 3.0) / 0.75, 2);
    figure("pointing_over_prevalence", 0.5 / 0.75, 2);
    figure("mass_over_prevalence", (1.25 / 2.25) / 0.75, 2);

    bench.config.truth_names = TruthNames::Label;
    let rows = bench.evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    // t1 is of A: token 0 alone; t2 of B as before.
    assert_figure(&rows, ["mask", "test", "prevalence"], 0.25, 2);
    assert_figure(&rows, ["mask", "test", "auprc"], (0.5 + 0.25) / 2.0, 2);

    bench.config.truth_names = TruthNames::Target;
    let masks: Vec<MaskRow> =
        masks().into_iter().map(|row| MaskRow { target: Some(text("B")), ..row }).collect();
    let rows = bench.evaluate(&tokens(), &masks, &perturbations()).unwrap();
    // t1 for B: token 2, the third of the ranking.
    assert_figure(&rows, ["mask", "test", "auprc"], (1.0 / 3.0 + 0.25) / 2.0, 2);
}

#[test]
fn several_methods_and_ranks_are_kept_apart() {
    let masks: Vec<MaskRow> = masks()
        .into_iter()
        .flat_map(|row| {
            let mut random = row.clone();
            random.method = name("random");
            random.method_kind = MethodKind::Control;
            random.mask = vec![0.0; 4];
            let genus = MaskRow { rank: Ranks::One(name("genus")), ..row.clone() };
            [row, genus, random]
        })
        .collect();
    let rows = Bench::new().evaluate(&tokens(), &masks, &perturbations()).unwrap();
    let areas: Vec<(String, f64)> = rows
        .iter()
        .filter(|row| row.metric == Metric::Area && row.split == Over::Split(Split::Test))
        .map(|row| (row.mask_name().unwrap().to_string(), row.value))
        .collect();
    let area = 1.3125 / 3.0;
    assert_eq!(
        areas,
        [
            (text("explainer for genus"), area),
            (text("explainer for all ranks"), area),
            (text("random for all ranks"), 0.0),
        ]
    );
}

#[test]
fn a_window_without_tokens_has_no_figures() {
    let short = TokenRow { tokens: vec![2], end: 5, ..token("t0", Some("test"), Some("A")) };
    let tokens = [vec![short], tokens()].concat();
    let masks = [vec![mask("t0", &[])], masks()].concat();
    let rows = Bench::new().evaluate(&tokens, &masks, &perturbations()).unwrap();
    assert_eq!(find(&rows, "mask", "test", "area").n, 3);
}

#[test]
fn empty_tables_give_an_empty_table() {
    let bench = Bench::new();
    let rows = bench.evaluate(&[], &[], &[]).unwrap();
    assert!(rows.is_empty());
    assert_eq!(Reader::<MetricRow>::open(&bench.path("metrics.parquet")).unwrap().count(), 0);
    assert!(paper_table(&rows, None).starts_with("accuracy in %"));
}

/// 600 records, more than one update of the bootstrap; 40 % are right.
fn many() -> (Vec<TokenRow>, Vec<MaskRow>, Vec<PerturbationRow>) {
    let ids: Vec<String> = (0..600).map(|i| format!("r{i}")).collect();
    let tokens = ids.iter().map(|id| token(id, Some("test"), Some("A"))).collect();
    let masks = ids.iter().map(|id| mask(id, &[1.0, 0.0, 0.0, 0.0])).collect();
    let perturbations = ids
        .iter()
        .enumerate()
        .flat_map(|(i, id)| {
            let row = unmasked(id, "test", if i % 5 < 2 { "A" } else { "B" }, Some("A"));
            [under(&row, "masked", &row.predicted, 0.5), row]
        })
        .collect();
    (tokens, masks, perturbations)
}

#[test]
fn intervals_have_their_closed_form_width() {
    let (tokens, masks, perturbations) = many();
    let mut bench = Bench::new();
    bench.config = Config::default();
    let rows = bench.evaluate(&tokens, &masks, &perturbations).unwrap();
    let row = find(&rows, "unmasked", "test", "accuracy");
    let half = 1.96 * (0.4_f64 * 0.6 / 600.0).sqrt();
    assert!((row.value - 0.4).abs() < 1e-12);
    assert!((row.ci_low.unwrap() - (0.4 - half)).abs() < 0.15 * half, "{row:?}");
    assert!((row.ci_high.unwrap() - (0.4 + half)).abs() < 0.15 * half, "{row:?}");
    // All figures share the replicates: equal series have equal intervals.
    let masked = find(&rows, "masked", "test", "accuracy");
    assert_eq!((masked.ci_low, masked.ci_high), (row.ci_low, row.ci_high));
    let all = find(&rows, "unmasked", "all", "accuracy");
    assert_eq!((all.ci_low, all.ci_high), (row.ci_low, row.ci_high));
    let area = find(&rows, "mask", "test", "area");
    assert_eq!((area.ci_low, area.ci_high), (Some(0.25), Some(0.25)));
}

#[test]
fn windows_of_a_record_are_resampled_together() {
    let (tokens, masks, perturbations) = many();
    let once = Bench::new().evaluate(&tokens, &masks, &perturbations).unwrap();
    let tokens: Vec<TokenRow> = tokens
        .into_iter()
        .flat_map(|row| [0, 1, 2].map(|window| TokenRow { window, ..row.clone() }))
        .collect();
    let perturbations: Vec<PerturbationRow> = perturbations
        .chunks(2)
        .flat_map(|pair| {
            [0, 1, 2].into_iter().flat_map(|window| {
                pair.iter().map(move |row| PerturbationRow { window, ..row.clone() })
            })
        })
        .collect();
    let thrice = Bench::new().evaluate(&tokens, &masks, &perturbations).unwrap();
    let [a, b] = [&once, &thrice].map(|rows| find(rows, "unmasked", "test", "accuracy"));
    assert_eq!((a.n, b.n), (600, 1800));
    assert!((a.ci_low.unwrap() - b.ci_low.unwrap()).abs() < 1e-9);
    assert!((a.ci_high.unwrap() - b.ci_high.unwrap()).abs() < 1e-9);
}

#[test]
fn a_single_record_and_no_replicates_have_no_interval() {
    let rows = Bench::new().evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    let valid = find(&rows, "unmasked", "valid", "accuracy");
    assert_eq!((valid.ci_low, valid.ci_high), (None, None));
    assert!(find(&rows, "unmasked", "test", "accuracy").ci_low.is_some());
    let mut bench = Bench::new();
    bench.config.replicates = 0;
    let rows = bench.evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    assert!(rows.iter().all(|row| row.ci_low.is_none()));
}

#[test]
fn seed_and_threads_change_no_figure() {
    let (tokens, masks, perturbations) = many();
    let outputs = [1, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bench = Bench::new();
        pool.install(|| bench.evaluate(&tokens, &masks, &perturbations)).unwrap();
        ["metrics.parquet", "metrics.json"].map(|name| std::fs::read(bench.path(name)).unwrap())
    });
    assert!(outputs[0] == outputs[1]);
    let [one, two] = [1, 2].map(|seed| {
        let mut bench = Bench::new();
        bench.seed = seed;
        bench.evaluate(&tokens, &masks, &perturbations).unwrap()
    });
    assert!(one.iter().zip(&two).all(|(a, b)| a.value == b.value && a.n == b.n));
    assert!(one.iter().zip(&two).any(|(a, b)| a.ci_low != b.ci_low));
}

#[test]
fn the_files_say_what_was_returned() {
    let bench = Bench::new();
    let rows = bench.evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    let reader = Reader::<MetricRow>::open(&bench.path("metrics.parquet")).unwrap();
    let manifest = reader.manifest().unwrap().unwrap();
    assert_eq!((manifest.stage.as_str(), manifest.seed), ("evaluate", Some(1)));
    let roles: Vec<&str> = manifest.inputs.iter().map(|input| input.role.as_str()).collect();
    assert_eq!(roles, ["tokens", "perturbations", "masks"]);
    assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), rows);
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path("metrics.json")).unwrap()).unwrap();
    assert_eq!(json["manifest"], serde_json::to_value(&manifest).unwrap());
    assert_eq!(json["metrics"].as_array().unwrap().len(), rows.len());
    assert_eq!(json["metrics"][0]["value"].as_f64(), Some(rows[0].value));
    let line = &json["table"]["sections"][0]["ranks"][0];
    assert_eq!(line["rank"], "genus");
    assert_eq!(line["accuracy"]["hard_masked"].as_f64(), Some(2.0 / 3.0));
    assert_eq!(line["accuracy"]["majority_class"].as_f64(), Some(1.0 / 3.0));
    assert!(line["accuracy"]["inverse"].is_null());
    assert_eq!(json["table"]["sections"][0]["mask"]["hard_area"].as_f64(), Some(1.0 / 3.0));
}

#[test]
fn the_papers_table_is_aligned_text() {
    let mut bench = Bench::new();
    bench.truth = Some(text("id\tstart\tend\nt1\t0\t6\n"));
    let rows = bench.evaluate(&tokens(), &masks(), &perturbations()).unwrap();
    insta::assert_snapshot!(paper_table(&rows, None), @r"
    accuracy in %, split test, masks of explainer for all ranks
    area 0.438, hard_area 0.333, segments 1.000, auprc 0.500, iou 0.500, prevalence 0.250
    operator        genus (n=3)
    unmasked               66.7
    hard_masked            66.7
    majority_class         33.3
    ");
}

#[test]
fn beside_an_explainer_other_methods_have_a_line_each() {
    let lime = || Name::new("lime").unwrap();
    // The rival is right on every window that has a label.
    let of_rival = |row: &PerturbationRow| PerturbationRow {
        method: Some(lime()),
        method_kind: Some(MethodKind::Attribution),
        predicted: row.label.clone().unwrap_or_else(|| row.predicted.clone()),
        correct: row.label.as_ref().map(|_| true),
        ..row.clone()
    };
    let with_rival = |row: PerturbationRow| {
        let rival = (row.operator == Operator::HardMasked).then(|| of_rival(&row));
        rival.into_iter().chain([row])
    };
    let perturbations: Vec<PerturbationRow> =
        perturbations().into_iter().flat_map(with_rival).collect();
    let of_lime = |mask: &MaskRow| MaskRow {
        method: lime(),
        method_kind: MethodKind::Attribution,
        ..mask.clone()
    };
    let masks: Vec<MaskRow> = masks().into_iter().flat_map(|mask| [of_lime(&mask), mask]).collect();
    let rows = Bench::new().evaluate(&tokens(), &masks, &perturbations).unwrap();
    insta::assert_snapshot!(paper_table(&rows, None), @r"
    accuracy in %, split test, masks of explainer for all ranks
    area 0.438, hard_area 0.333, segments 1.000
    operator        genus (n=3)
    unmasked               66.7
    hard_masked            66.7
    majority_class         33.3

    following the masks, split test, accuracy in %
    masks      rank   hard_masked  hard_area
    explainer  genus         66.7      0.333
    lime       genus        100.0      0.333
    ");
}
