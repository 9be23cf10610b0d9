//! Tables that do not belong together or break their contract: one message, no output.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod tables;

use std::collections::BTreeMap;

use readlens_evaluate::Config;
use readlens_fault::{ExitCode, Fault};
use readlens_provenance::{InputDigest, Manifest};
use readlens_tables::Writer;
use readlens_tables::masks::MaskRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Operator, Word};
use tables::{Bench, mask, text, token, under, unmasked};

struct Case {
    bench: Bench,
    tokens: Vec<TokenRow>,
    masks: Vec<MaskRow>,
    perturbations: Vec<PerturbationRow>,
}

impl Case {
    /// Tables that can be evaluated, to be spoilt.
    fn good() -> Self {
        let a = unmasked("a", "test", "A", Some("A"));
        let b = unmasked("b", "test", "B", Some("A"));
        Self {
            bench: Bench::new(),
            tokens: vec![token("a", Some("test"), Some("A")), token("b", Some("test"), Some("A"))],
            masks: vec![mask("a", &[1.0, 0.0, 0.5, 0.0]), mask("b", &[0.0, 0.0, 1.0, 0.0])],
            perturbations: vec![
                a.clone(),
                under(&a, "masked", "A", 0.5),
                b.clone(),
                under(&b, "masked", "B", 0.5),
            ],
        }
    }

    fn outcome(&self) -> readlens_fault::Result<usize> {
        self.bench.evaluate(&self.tokens, &self.masks, &self.perturbations).map(|rows| rows.len())
    }
}

#[track_caller]
fn assert_refused(fault: &Fault, bench: &Bench, code: ExitCode, parts: &[&str]) {
    assert_eq!(fault.exit_code(), code, "{fault}");
    for part in parts {
        assert!(fault.to_string().contains(part), "{fault} lacks {part}");
    }
    assert!(!bench.path("metrics.parquet").exists());
    assert!(!bench.path("metrics.json").exists());
}

#[track_caller]
fn refused(spoil: impl FnOnce(&mut Case), parts: &[&str]) {
    let mut case = Case::good();
    spoil(&mut case);
    assert_refused(&case.outcome().unwrap_err(), &case.bench, ExitCode::BadInput, parts);
}

#[test]
fn the_good_case_is_good() {
    assert!(Case::good().outcome().unwrap() > 0);
}

#[test]
fn masks_that_do_not_fit_the_tokens() {
    refused(|c| c.masks[1].id = text("z"), &["masks.parquet, row 1", "window 0 of z"]);
    refused(|c| c.masks[0].window = 3, &["masks.parquet, row 0", "window 3 of a"]);
    refused(|c| c.masks.swap(0, 1), &["masks.parquet, row 1", "in their order"]);
    refused(
        |c| {
            c.masks[1].mask.pop();
        },
        &["row 1", "4 values", "found 3 and 4"],
    );
    refused(|c| c.masks[0].hard.push(true), &["row 0", "found 4 and 5"]);
    refused(|c| c.masks.insert(1, c.masks[0].clone()), &["row 1", "a second one of explainer"]);
}

#[test]
fn masks_and_predictions_of_another_tokenization() {
    for table in ["masks.parquet", "perturbations.parquet"] {
        let case = Case::good();
        case.bench.write("tokens.parquet", &["genus"], &case.tokens);
        case.bench.write("masks.parquet", &[], &case.masks);
        case.bench.write("perturbations.parquet", &[], &case.perturbations);
        let mut other = Bench::new();
        other.tokenization = Some(tables::TOKENIZATION.replace("\"stride\":6", "\"stride\":3"));
        match table {
            "masks.parquet" => other.write(table, &[], &case.masks),
            _ => other.write(table, &[], &case.perturbations),
        }
        std::fs::copy(other.path(table), case.bench.path(table)).unwrap();
        let fault = case.bench.run().unwrap_err();
        let parts = [table, "readlens.tokenization", "\"stride\":6", "\"stride\":3"];
        assert_refused(&fault, &case.bench, ExitCode::BadInput, &parts);
    }
}

#[test]
fn masks_and_predictions_of_other_tokens() {
    for table in ["masks.parquet", "perturbations.parquet"] {
        let case = Case::good();
        let bench = &case.bench;
        case.outcome().unwrap();
        let write = |tokens: &str| {
            let digest = InputDigest::of("tokens", &bench.path(tokens)).unwrap();
            let manifest = Manifest::new("test", &(), None, vec![digest]).unwrap();
            let none = BTreeMap::new();
            if table == "masks.parquet" {
                let mut writer = Writer::create(&bench.path(table), &[], &manifest, &none).unwrap();
                case.masks.iter().for_each(|row| writer.push(row).unwrap());
                writer.finish().unwrap();
            } else {
                let mut writer = Writer::create(&bench.path(table), &[], &manifest, &none).unwrap();
                case.perturbations.iter().for_each(|row| writer.push(row).unwrap());
                writer.finish().unwrap();
            }
        };
        write("tokens.parquet");
        bench.run().unwrap();
        for output in ["metrics.parquet", "metrics.json"] {
            std::fs::remove_file(bench.path(output)).unwrap();
        }
        bench.write("others.parquet", &["genus"], &case.tokens[..1]);
        write("others.parquet");
        let fault = bench.run().unwrap_err();
        assert_refused(&fault, bench, ExitCode::BadInput, &[table, "made from another"]);
    }
}

#[test]
fn mask_values_outside_their_range() {
    for value in [f32::NAN, -0.1, 1.5, f32::INFINITY] {
        refused(
            |c| c.masks[1].mask[2] = value,
            &["masks.parquet, row 1", "from 0 to 1", &format!("{value} at token 2")],
        );
    }
}

#[test]
fn tokens_that_cannot_be_measured() {
    refused(|c| c.tokens[0].tokens[0] = 5, &["tokens.parquet, row 0", "leading CLS"]);
    refused(|c| c.tokens[1].tokens.clear(), &["tokens.parquet, row 1", "leading CLS"]);
    refused(|c| c.tokens[1].end = 23, &["tokens.parquet, row 1", "room for its 4 tokens"]);
    refused(|c| c.tokens[1].start = 25, &["tokens.parquet, row 1", "from 25 to 24"]);
    refused(|c| c.bench.tokenization = None, &["readlens.tokenization", "found none"]);
    refused(|c| c.bench.tokenization = Some(text("{}")), &["readlens.tokenization", "alphabet"]);
    refused(
        |c| c.bench.tokenization = Some(tables::TOKENIZATION.replace("\"k\":6", "\"k\":0")),
        &["readlens.tokenization", "k must be"],
    );
}

#[test]
fn predictions_that_do_not_fit() {
    let at = "perturbations.parquet, row ";
    refused(|c| c.perturbations[3].id = text("z"), &[at, "window 0 of z"]);
    refused(|c| c.perturbations.swap(1, 2), &["row 2", "in their order"]);
    refused(|c| c.perturbations[3] = c.perturbations[2].clone(), &["row 3", "a second one"]);
    refused(|c| c.perturbations[1].p_target = f32::NAN, &["row 1", "p_target from 0 to 1"]);
    refused(|c| c.perturbations[1].entropy = 1.1, &["row 1", "entropy from 0 to 1", "1.1"]);
    refused(|c| c.perturbations[1].kept_area = -0.5, &["row 1", "kept_area"]);
    refused(|c| c.perturbations[0].p_predicted = 2.0, &["row 0", "p_predicted"]);
    refused(|c| c.perturbations[1].share = Some(1.5), &["row 1", "share from 0 to 1", "1.5"]);
    refused(|c| c.perturbations[1].hidden_mask = Some(f32::NAN), &["row 1", "hidden_mask"]);
    refused(|c| c.perturbations[2].correct = Some(true), &["row 2", "correct to be Some(false)"]);
    refused(|c| c.perturbations[2].correct = None, &["row 2", "found None"]);
    refused(
        |c| c.perturbations[1].operator = Operator::MajorityClass.into(),
        &["row 1", "expected an operator on the input", "majority_class", "computed elsewhere"],
    );
    refused(|c| c.perturbations[1].method = None, &["row 1", "method_kind", "in all four"]);
    refused(|c| c.perturbations[0].replicate = Some(1), &["row 0", "found null in some of them"]);
}

#[test]
fn truth_that_does_not_fit() {
    let truth = |lines: &str| Some(format!("id\tstart\tend\n{lines}"));
    refused(
        |c| c.bench.truth = truth("a\t20\t25\n"),
        &["truth.tsv, intervals of a", "up to 24", "20 to 25"],
    );
    refused(|c| c.bench.truth = truth("z\t0\t6\n"), &["truth.tsv", "none of 1, such as z"]);
    refused(|c| c.bench.truth = truth("a\t6\t6\n"), &["truth.tsv, line 2", "start below end"]);
}

#[test]
fn endless_names_do_not_fill_the_memory() {
    refused(
        |c| {
            let row = c.perturbations[0].clone();
            c.perturbations = (0..5000)
                .map(|i| PerturbationRow {
                    operator: Word::Foreign(format!("operator{i}")),
                    ..row.clone()
                })
                .collect();
        },
        &["perturbations.parquet, row 40", "at most 4096"],
    );
}

#[test]
fn evidence_is_a_metrics_table() {
    let mut case = Case::good();
    case.bench.evidence = vec![text("tokens.parquet")];
    let fault = case.outcome().unwrap_err();
    let parts = ["tokens.parquet", "metrics"];
    assert_refused(&fault, &case.bench, ExitCode::BadInput, &parts);
    case.bench.evidence = vec![text("missing.parquet")];
    let fault = case.outcome().unwrap_err();
    assert_refused(&fault, &case.bench, ExitCode::BadInput, &["missing.parquet", "cannot open"]);
}

#[test]
fn files_that_are_missing_or_another_table() {
    let case = Case::good();
    case.outcome().unwrap();
    for name in ["tokens.parquet", "masks.parquet", "perturbations.parquet"] {
        let bench = Bench::new();
        bench.evaluate(&case.tokens, &case.masks, &case.perturbations).unwrap();
        for output in ["metrics.parquet", "metrics.json"] {
            std::fs::remove_file(bench.path(output)).unwrap();
        }
        std::fs::write(bench.path(name), ">not\nACGT\n").unwrap();
        assert_refused(&bench.run().unwrap_err(), &bench, ExitCode::BadInput, &[name, "Parquet"]);
        let other = if name == "masks.parquet" { "tokens.parquet" } else { "masks.parquet" };
        std::fs::copy(case.bench.path(other), bench.path(name)).unwrap();
        assert_refused(&bench.run().unwrap_err(), &bench, ExitCode::BadInput, &[name, "table"]);
        std::fs::remove_file(bench.path(name)).unwrap();
        assert_refused(
            &bench.run().unwrap_err(),
            &bench,
            ExitCode::BadInput,
            &[name, "cannot open"],
        );
    }
}

#[test]
fn options_that_cannot_work() {
    let mut case = Case::good();
    case.bench.config = Config { replicates: 100_001, ..Config::default() };
    let fault = case.outcome().unwrap_err();
    assert_refused(&fault, &case.bench, ExitCode::Usage, &["--replicates"]);
}
