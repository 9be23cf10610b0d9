//! Metrics of several predictions of a window against values computed elsewhere.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod tables;

use readlens_evaluate::{Inputs, paper_table};
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{
    MethodKind, Metric, Operator, Over, Ranks, Removal, Role, Split,
};
use tables::{
    Bench, assert_figure, assert_figure_under, find, mask, name, text, token, under, unmasked,
};

const SHARES: [f32; 6] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
/// Per window: untouched, empty, kept and removed at [`SHARES`].
const WINDOWS: [(f32, f32, [f32; 6], [f32; 6]); 2] = [
    (0.9, 0.1, [0.1, 0.15, 0.3, 0.5, 0.7, 0.85], [0.88, 0.8, 0.7, 0.6, 0.35, 0.2]),
    (0.8, 0.2, [0.25, 0.3, 0.35, 0.6, 0.9, 0.8], [0.8, 0.75, 0.7, 0.5, 0.45, 0.1]),
];

fn tokens() -> Vec<TokenRow> {
    ["w0", "w1"].map(|id| token(id, Some("test"), Some("A"))).to_vec()
}

fn masks() -> Vec<MaskRow> {
    vec![mask("w0", &[1.0, 0.0, 0.5, 0.0]), mask("w1", &[0.0, 0.25, 1.0, 0.0])]
}

fn without_mask(row: PerturbationRow) -> PerturbationRow {
    PerturbationRow {
        method: None,
        method_kind: None,
        replicate: None,
        mask_rank: None,
        hidden_mask: None,
        ..row
    }
}

/// The predictions of [`WINDOWS`], under the classifier's own masking and, the same figures, under
/// unknown tokens.
fn graded() -> Vec<PerturbationRow> {
    let mut rows = Vec::new();
    for (i, (p0, nothing, kept, removed)) in WINDOWS.iter().enumerate() {
        let whole = PerturbationRow {
            p_predicted: *p0,
            p_target: *p0,
            ..unmasked(&format!("w{i}"), "test", "A", Some("A"))
        };
        let at = |operator: &str, removal: Removal, p: f32, share: Option<f32>| PerturbationRow {
            share,
            removal,
            ..under(&whole, operator, "A", p)
        };
        rows.push(whole.clone());
        rows.push(without_mask(at("all_zero", Removal::Own, *nothing, None)));
        rows.push(without_mask(at("all_unknown", Removal::Unknown, *nothing, None)));
        for removal in [Removal::Own, Removal::Unknown] {
            for (share, (kept, removed)) in SHARES.iter().zip(kept.iter().zip(removed)) {
                rows.push(at("keep_top", removal, *kept, Some(*share)));
                rows.push(at("remove_top", removal, *removed, Some(*share)));
            }
        }
        for (share, kept) in SHARES.iter().zip(kept) {
            rows.push(without_mask(at("keep_block", Removal::Own, *kept, Some(*share))));
        }
    }
    rows
}

#[track_caller]
fn at_share(rows: &[MetricRow], operator: &str, removal: Removal, share: f32, metric: &str) -> f64 {
    let wanted: Metric = metric.parse().unwrap();
    let is_it = |row: &&MetricRow| {
        row.operator.name() == operator
            && row.removal == removal
            && row.share == Some(share)
            && row.metric == wanted
            && row.split == Over::Split(Split::Test)
    };
    let found: Vec<&MetricRow> = rows.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{operator} {removal} {share} {metric}");
    assert_eq!(found[0].n, 2);
    assert!(found[0].ci_low.is_some());
    found[0].value
}

/// numpy over the arrays above; the areas with sklearn.metrics.auc([0] + shares + [1], [p0] +
/// removed + [nothing]) and the reverse for what is kept; AOPC over .01, .05, .1, .2 and .5.
#[test]
fn graded_figures_agree_with_numpy_and_sklearn() {
    let rows = Bench::new().evaluate(&tokens(), &masks(), &graded()).unwrap();
    for removal in [Removal::Own, Removal::Unknown] {
        let figure = |operator: &str, metric, value| {
            assert_figure_under(&rows, removal, [operator, "test", metric], value, 2);
        };
        figure("aopc", "sufficiency", 0.315);
        figure("aopc", "comprehensiveness", 0.322);
        figure("aopc", "log_odds", -0.638_613_210_631_191);
        figure("remove_top", "deletion_auc", 0.2749);
        figure("keep_top", "insertion_auc", 0.763_75);
    }
    assert_figure(&rows, ["aopc_block", "test", "sufficiency"], 0.315, 2);
    assert_figure(&rows, ["keep_block", "test", "insertion_auc"], 0.763_75, 2);
    assert_eq!(find(&rows, "aopc_block", "test", "sufficiency").mask_name(), None);
    let close = |operator, removal, metric, wanted: f64| {
        let found = at_share(&rows, operator, removal, 0.2, metric);
        assert!((found - wanted).abs() < 1e-6, "{operator} {removal} {metric} {found}");
    };
    close("remove_top", Removal::Own, "comprehensiveness", 0.45);
    close("remove_top", Removal::Unknown, "log_odds", -0.759_912_876_872_206_7);
    close("keep_top", Removal::Own, "sufficiency", 0.05);
    close("keep_top", Removal::Own, "p_target", 0.8);
    close("keep_top", Removal::Own, "agreement", 1.0);
    close("keep_top", Removal::Own, "accuracy", 1.0);
    // The share of the curve goes with each row, and no mean over taxa is taken there.
    assert!(rows.iter().all(|row| row.metric != Metric::AccuracyMacro || row.share.is_none()));
}

#[test]
fn a_part_of_the_grid_has_no_mean_over_it_and_no_ends_no_area() {
    let mut some = graded();
    some.retain(|row| row.share != Some(0.1) && row.operator != Operator::AllZero);
    let rows = Bench::new().evaluate(&tokens(), &masks(), &some).unwrap();
    assert!(rows.iter().all(|row| row.operator.known().map(Operator::role) != Some(Role::Mean)));
    let is_area =
        |row: &&MetricRow| matches!(row.metric, Metric::DeletionAuc | Metric::InsertionAuc);
    let areas: Vec<Removal> = rows.iter().filter(is_area).map(|row| row.removal).collect();
    assert!(areas.iter().all(|removal| *removal == Removal::Unknown) && !areas.is_empty());
}

/// Untouched .9 and .8, empty .1 and .2: S₀ loses .8 and .6. Hard .7 and .8 keep 1 − .2/.8 and 1;
/// the inverse .5 and .2 lose .4/.8 and .6/.6. The soft draws .9, .5 lose .2 on average of .8, and
/// .8, .2 lose .3 of .6.
#[test]
fn normalised_figures_are_those_of_the_hand() {
    let mut rows = Vec::new();
    let hard = [(0.7, 0.5, [0.9, 0.5]), (0.8, 0.2, [0.8, 0.2])];
    for (i, ((p0, nothing, ..), (kept, removed, soft))) in WINDOWS.iter().zip(hard).enumerate() {
        let whole =
            PerturbationRow { p_target: *p0, ..unmasked(&format!("w{i}"), "test", "A", Some("A")) };
        let at = |operator: &str, p: f32| under(&whole, operator, "A", p);
        rows.push(without_mask(at("all_zero", *nothing)));
        rows.push(at("hard_masked", kept));
        rows.push(at("hard_inverse", removed));
        for p in soft {
            rows.push(at("soft_keep", p));
            rows.push(at("soft_remove", p));
        }
        rows.push(whole);
    }
    let found = Bench::new().evaluate(&tokens(), &masks(), &rows).unwrap();
    let figure =
        |operator, metric, value| assert_figure(&found, [operator, "test", metric], value, 2);
    figure("hard_masked", "normalized_sufficiency", (0.75 + 1.0) / 2.0);
    figure("hard_masked", "sufficiency", (0.2 + 0.0) / 2.0);
    figure("hard_inverse", "normalized_comprehensiveness", (0.5 + 1.0) / 2.0);
    figure("soft_keep", "soft_normalized_sufficiency", (0.75 + 0.5) / 2.0);
    figure("soft_remove", "soft_normalized_comprehensiveness", (0.25 + 0.5) / 2.0);
    // Draws have no figures of their own.
    let is_soft = |row: &&MetricRow| row.operator.name().starts_with("soft");
    assert!(found.iter().filter(is_soft).all(|row| row.metric.name().starts_with("soft")));
}

/// Hidden .2, .5, .9 of the mask and drops .1, .4, .3; numpy: ((a-b)**2).mean() ==
/// 0.12666666666666668 and, at the best scale, 0.013909090909090913. The other window drops by
/// exactly half of what is hidden.
#[test]
fn infidelity_is_that_of_the_draws() {
    let draws = [[(0.2, 0.1), (0.5, 0.4), (0.9, 0.3)], [(0.2, 0.1), (0.4, 0.2), (0.6, 0.3)]];
    let mut rows = Vec::new();
    for (i, draws) in draws.iter().enumerate() {
        let whole =
            PerturbationRow { p_target: 0.8, ..unmasked(&format!("w{i}"), "test", "A", Some("A")) };
        for (draw, (hidden, drop)) in draws.iter().enumerate() {
            rows.push(PerturbationRow {
                share: Some(draw as f32 / 4.0),
                hidden_mask: Some(*hidden),
                ..under(&whole, "random_subset", "A", 0.8 - drop)
            });
        }
        rows.push(whole);
    }
    let found = Bench::new().evaluate(&tokens(), &masks(), &rows).unwrap();
    let figure = |metric, value| assert_figure(&found, ["random_subset", "test", metric], value, 2);
    let plain = (0.01 + 0.04 + 0.09) / 3.0;
    figure("infidelity", (0.126_666_666_666_666_7 + plain) / 2.0);
    figure("infidelity_scaled", 0.013_909_090_909_090_913 / 2.0);
}

/// p = ((37 i) % 100) / 100 + .005 and correct where i² % 7 < 4, i < 100; numpy with 15 bins closed
/// above: sum((b==k).mean() * abs(c[b==k].mean() - p[b==k].mean()) for k in range(15)) ==
/// 0.32710000036284337
#[test]
fn calibration_agrees_with_numpy() {
    let ids: Vec<String> = (0..100).map(|i| format!("r{i}")).collect();
    let tokens: Vec<TokenRow> = ids.iter().map(|id| token(id, Some("test"), Some("A"))).collect();
    let rows: Vec<PerturbationRow> = ids
        .iter()
        .enumerate()
        .map(|(i, id)| PerturbationRow {
            p_predicted: (f64::from((i as u32 * 37) % 100) / 100.0 + 0.005) as f32,
            ..unmasked(id, "test", if (i * i) % 7 < 4 { "A" } else { "B" }, Some("A"))
        })
        .collect();
    let found = Bench::new().evaluate(&tokens, &[], &rows).unwrap();
    let figure = ["unmasked", "test", "expected_calibration_error"];
    assert_figure(&found, figure, 0.327_100_000_362_843_37, 100);
    let row = find(&found, figure[0], figure[1], figure[2]);
    assert!(row.ci_low.unwrap() < row.value && row.value < row.ci_high.unwrap() + 0.05);
}

/// Lineages P/A and Q/B exist; w0 says P/A untouched and P/B masked, w1 says Q/B both times.
#[test]
fn lineages_are_those_of_the_tokens_table() {
    let taxa = |phylum: &str, genus: &str| vec![Some(text(phylum)), Some(text(genus))];
    let tokens = [
        TokenRow { taxa: taxa("P", "A"), ..token("w0", Some("test"), None) },
        TokenRow { taxa: taxa("Q", "B"), ..token("w1", Some("test"), None) },
    ];
    let mut rows = Vec::new();
    for (id, untouched, masked) in [("w0", ["P", "A"], ["P", "B"]), ("w1", ["Q", "B"], ["Q", "B"])]
    {
        for (place, rank) in ["phylum", "genus"].into_iter().enumerate() {
            let row = unmasked(id, "test", untouched[place], None);
            let row = PerturbationRow { rank: name(rank), ..row };
            rows.push(under(&row, "hard_masked", masked[place], 0.5));
            rows.push(row);
        }
    }
    let bench = Bench::new();
    bench.write("tokens.parquet", &["phylum", "genus"], &tokens);
    bench.write("masks.parquet", &[], &masks());
    bench.write("perturbations.parquet", &[], &rows);
    let found = bench.run().unwrap();
    assert_figure(&found, ["unmasked", "test", "lineage_consistency"], 1.0, 2);
    assert_figure(&found, ["hard_masked", "test", "lineage_consistency"], 0.5, 2);
    assert_eq!(find(&found, "hard_masked", "test", "lineage_consistency").rank, Ranks::All);
}

/// The leave-one-out masks stand in a table of their own; tau-b of (1, 0, .5, 0) and (.9, .1, .8,
/// .2) is 5 / √(5 · 6) (one of six pairs is tied in the first), that of (0, .25, 1, 0) and (.1, .2,
/// .3, .4) is (3 − 2) / √30.
#[test]
fn leave_one_out_is_found_in_another_table() {
    let named = |row: MaskRow, method: &str, rank: &str| MaskRow {
        method: name(method),
        method_kind: MethodKind::Attribution,
        rank: rank.parse().unwrap(),
        ..row
    };
    let one_out = [mask("w0", &[0.9, 0.1, 0.8, 0.2]), mask("w1", &[0.1, 0.2, 0.3, 0.4])];
    let one_out: Vec<MaskRow> = one_out
        .into_iter()
        .flat_map(|row| {
            let reversed =
                MaskRow { mask: row.mask.iter().map(|m| 1.0 - m).collect(), ..row.clone() };
            // A mask for another rank is not compared with.
            [named(reversed, "leave_one_out", "genus"), named(row, "leave_one_out", "all")]
        })
        .collect();
    let bench = Bench::new();
    bench.write("tokens.parquet", &["genus"], &tokens());
    bench.write("masks.parquet", &[], &masks());
    bench.write("more.parquet", &[], &one_out);
    bench.write::<PerturbationRow>("perturbations.parquet", &[], &[]);
    let mut inputs = bench.inputs();
    inputs.masks.push(bench.path("more.parquet"));
    let run = |inputs: &Inputs| {
        let context = readlens_stage::Context::silent();
        readlens_evaluate::run(&bench.config, bench.seed, inputs, &bench.outputs(), &context)
    };
    let rows = run(&inputs).unwrap().metrics;
    let is_tau = |row: &&MetricRow| {
        row.metric == Metric::LeaveOneOutTau && row.split == Over::Split(Split::Test)
    };
    let tau: Vec<&MetricRow> = rows.iter().filter(is_tau).collect();
    assert_eq!(tau.len(), 1);
    let wanted = (5.0 / 30.0_f64.sqrt() + 1.0 / 30.0_f64.sqrt()) / 2.0;
    assert!((tau[0].value - wanted).abs() < 1e-12, "{:?}", tau[0]);
    let mask = tau[0].mask_name().unwrap().to_string();
    assert_eq!((mask.as_str(), tau[0].n), ("explainer for all ranks", 2));
    // The same method and rank in two tables.
    inputs.masks.push(bench.path("masks.parquet"));
    let fault = run(&inputs).unwrap_err();
    assert_eq!(fault.exit_code(), readlens_fault::ExitCode::BadInput);
    assert!(fault.to_string().contains("a second one of explainer for all"), "{fault}");
}

#[test]
fn one_line_per_method_follows_the_papers_table() {
    let mut perturbations = graded();
    perturbations.retain(|row| row.removal == Removal::Own);
    let rows = Bench::new().evaluate(&tokens(), &masks(), &perturbations).unwrap();
    insta::assert_snapshot!(paper_table(&rows, None), @r"
    accuracy in %, split test, masks of explainer for all ranks
    area 0.344, hard_area 0.250, segments 1.000
    operator        genus (n=2)
    unmasked              100.0
    all_zero              100.0
    majority_class        100.0

    following the masks, split test
    masks         rank   comprehensiveness  sufficiency  deletion_auc  insertion_auc  hard_area
    explainer     genus              0.322        0.315         0.275          0.764      0.250
    random_block  genus                  –        0.315             –          0.764          –
    ");
}
