//! Rows that reach every corner of every table: empty text and lists, nulls, extremes.
#![allow(dead_code, reason = "each test file uses some of it")]

use readlens_provenance::Manifest;
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::{Record, Table};

/// A table with rows to try it on.
pub trait Example: Record + PartialEq + std::fmt::Debug + Clone {
    /// Rank columns, where the table has them.
    fn ranks() -> Vec<String> {
        Vec::new()
    }
    /// Three rows or more.
    fn rows() -> Vec<Self>;
}

pub fn manifest() -> Manifest {
    let config = std::collections::BTreeMap::from([("k", 6), ("stride", 6)]);
    Manifest::new("tokenize", &config, Some(1), Vec::new()).unwrap()
}

pub fn metadata() -> std::collections::BTreeMap<String, String> {
    [("readlens.tokenization".to_owned(), r#"{"k":6}"#.to_owned())].into()
}

/// Calls `$call::<Row>()` for the row type of every table.
#[macro_export]
macro_rules! for_every_table {
    ($call:ident) => {{
        use readlens_tables::*;
        let tables = [
            $call::<tokens::TokenRow>(),
            $call::<training::TrainingRow>(),
            $call::<masks::MaskRow>(),
            $call::<bases::BaseRow>(),
            $call::<perturbations::PerturbationRow>(),
            $call::<metrics::MetricRow>(),
        ];
        // A table that is declared but not tried would be noticed here.
        assert_eq!(tables.map(|table: &Table| table.name), TABLES.map(|table| table.name));
    }};
}

pub fn table_of<R: Record>() -> &'static Table {
    R::TABLE
}

fn text(text: &str) -> String {
    text.to_owned()
}

impl Example for TokenRow {
    fn ranks() -> Vec<String> {
        vec![text("superkingdom"), text("genus")]
    }

    fn rows() -> Vec<Self> {
        let row = TokenRow {
            id: text("NR_074334.1"),
            window: 0,
            start: 0,
            end: 18,
            strand: text("+"),
            tokens: vec![2, 5, 4100, 1],
            split: Some(text("train")),
            taxa: vec![Some(text("Bacteria")), Some(text("Treponema"))],
        };
        vec![
            row.clone(),
            TokenRow { split: None, taxa: vec![Some(text("Bacteria")), None], ..row.clone() },
            TokenRow {
                id: text("ключ|\"<&>\u{1b}"),
                window: u32::MAX,
                end: u32::MAX,
                strand: text("-"),
                tokens: vec![],
                split: None,
                taxa: vec![None, None],
                ..row.clone()
            },
            TokenRow { id: String::new(), taxa: vec![None, Some(String::new())], ..row },
        ]
    }
}

impl Example for TrainingRow {
    fn rows() -> Vec<Self> {
        let row = TrainingRow {
            epoch: 1,
            step: Some(1),
            split: text("train"),
            rank: None,
            term: text("loss"),
            value: 2.484_906_649_788,
        };
        vec![
            row.clone(),
            TrainingRow { step: None, rank: Some(text("genus")), value: f64::MIN, ..row.clone() },
            TrainingRow { step: None, value: -0.0, ..row.clone() },
            TrainingRow { value: f64::INFINITY, ..row },
        ]
    }
}

impl Example for MaskRow {
    fn rows() -> Vec<Self> {
        let row = MaskRow {
            id: text("NR_074334.1"),
            window: 0,
            method: text("explainer"),
            rank: text("genus"),
            target: Some(text("Treponema")),
            target_kind: text("predicted"),
            mask: vec![0.0, 0.1, 1.0],
            hard: vec![false, false, true],
            area: 0.366_666_67,
        };
        vec![
            row.clone(),
            MaskRow { rank: text("all"), target: None, ..row.clone() },
            MaskRow { window: 1, mask: vec![], hard: vec![], area: 0.0, ..row.clone() },
            MaskRow { mask: vec![f32::MIN_POSITIVE; 9], hard: vec![true; 9], ..row },
        ]
    }
}

impl Example for BaseRow {
    fn rows() -> Vec<Self> {
        let row = BaseRow {
            id: text("NR_074334.1"),
            window: 0,
            start: 100,
            end: 104,
            strand: text("-"),
            method: text("explainer"),
            rank: text("all"),
            mask: vec![0.0, 0.25, 0.5, 1.0],
        };
        vec![
            row.clone(),
            BaseRow { end: 100, mask: vec![], ..row.clone() },
            BaseRow { strand: text("+"), window: 7, ..row },
        ]
    }
}

impl Example for PerturbationRow {
    fn rows() -> Vec<Self> {
        let row = PerturbationRow {
            id: text("NR_074334.1"),
            window: 0,
            split: Some(text("test")),
            method: text("explainer"),
            mask_rank: text("all"),
            operator: text("hard_masked"),
            share: None,
            removal: text("own"),
            kept_area: 0.1,
            hidden_mask: Some(0.05),
            rank: text("genus"),
            predicted: text("Treponema"),
            label: Some(text("Treponema")),
            target: text("Treponema"),
            p_predicted: 0.9,
            p_target: 0.9,
            entropy: 0.05,
            correct: Some(true),
        };
        vec![
            row.clone(),
            PerturbationRow { correct: Some(false), predicted: text("Vibrio"), ..row.clone() },
            PerturbationRow {
                operator: text("keep_top"),
                share: Some(0.2),
                removal: text("shuffled"),
                ..row.clone()
            },
            PerturbationRow { split: None, hidden_mask: None, label: None, correct: None, ..row },
        ]
    }
}

impl Example for MetricRow {
    fn rows() -> Vec<Self> {
        let row = MetricRow {
            method: text("explainer"),
            mask_rank: text("all"),
            operator: text("hard_masked"),
            share: None,
            split: text("test"),
            rank: text("genus"),
            metric: text("accuracy"),
            value: 0.898,
            ci_low: Some(0.87),
            ci_high: Some(0.92),
            n: 1200,
        };
        vec![
            row.clone(),
            MetricRow { ci_low: None, ci_high: None, n: 1, ..row.clone() },
            MetricRow { operator: text("keep_top"), share: Some(0.05), ..row.clone() },
            MetricRow { value: 0.0, n: 0, ..row },
        ]
    }
}
