//! Rows that reach every corner of every table: empty text and lists, nulls, extremes.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use readlens_provenance::Manifest;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::bases::BaseRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::stretches::StretchRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Removal, Split, TargetKind, Word,
};
use readlens_tables::{Record, Table};

/// A table with rows to try it on.
pub trait Example: Record + PartialEq + std::fmt::Debug + Clone {
    /// Rank columns, where the table has them.
    fn ranks() -> Vec<String> {
        Vec::new()
    }
    /// Three rows or more; those that an older version can hold stand first.
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
            $call::<assessment::AssessmentRow>(),
            $call::<confusion::ConfusionRow>(),
            $call::<predictions::PredictionRow>(),
            $call::<masks::MaskRow>(),
            $call::<bases::BaseRow>(),
            $call::<stretches::StretchRow>(),
            $call::<costs::CostRow>(),
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

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
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
            split: Some(Split::Train),
            taxa: vec![Some(text("Bacteria")), Some(text("Treponema"))],
            phase: None,
            frame_gap: None,
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
            split: Split::Train,
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

impl Example for AssessmentRow {
    fn rows() -> Vec<Self> {
        let row = AssessmentRow {
            branch: Some(text("channels")),
            operator: Operator::KeepBlock.into(),
            share: Some(0.3),
            shortest: Some(0),
            longest: Some(449),
            p_low: None,
            p_high: None,
            split: Over::Split(Split::Test),
            rank: Ranks::One(name("genus")),
            metric: Metric::Accuracy,
            value: 0.515,
            ci_low: Some(0.5),
            ci_high: Some(0.53),
            n: 1000,
        };
        vec![
            row.clone(),
            AssessmentRow { branch: None, share: None, longest: None, ..row.clone() },
            AssessmentRow {
                operator: Operator::MajorityClass.into(),
                shortest: None,
                longest: None,
                split: Over::All,
                rank: Ranks::All,
                ci_low: None,
                ci_high: None,
                n: u32::MAX,
                ..row.clone()
            },
            AssessmentRow { branch: Some(String::new()), value: f64::MIN_POSITIVE, ..row.clone() },
            AssessmentRow { p_low: Some(0.0), p_high: Some(1.0 / 15.0), ..row },
        ]
    }
}

impl Example for ConfusionRow {
    fn rows() -> Vec<Self> {
        let row = ConfusionRow {
            split: Over::Split(Split::Test),
            rank: name("genus"),
            label: text("Treponema"),
            predicted: text("Treponema"),
            known: true,
            windows: 30,
            label_windows: 40,
            predicted_windows: 50,
            share: Some(0.75),
            mean_probability: Some(0.875),
            precision: Some(0.6),
            recall: Some(0.75),
            f1: Some(2.0 / 3.0),
        };
        let none = ConfusionRow {
            windows: 0,
            label_windows: 0,
            predicted_windows: 0,
            share: None,
            mean_probability: None,
            precision: None,
            recall: None,
            f1: None,
            ..row.clone()
        };
        vec![
            row.clone(),
            ConfusionRow {
                predicted: text("Borrelia"),
                windows: 10,
                share: Some(0.25),
                precision: None,
                recall: None,
                f1: None,
                ..row.clone()
            },
            none.clone(),
            ConfusionRow {
                split: Over::All,
                label: text("ключ|\"<&>\u{1b}"),
                predicted: text("ключ|\"<&>\u{1b}"),
                known: false,
                label_windows: u32::MAX,
                share: Some(0.0),
                recall: Some(0.0),
                f1: Some(0.0),
                ..none.clone()
            },
            ConfusionRow { label: String::new(), predicted: String::new(), ..none },
        ]
    }
}

impl Example for PredictionRow {
    fn rows() -> Vec<Self> {
        let row = PredictionRow {
            id: text("NR_074334.1"),
            window: Some(0),
            split: Some(Split::Test),
            windows: 1,
            rank: name("genus"),
            taxon: Some(text("Treponema")),
            probability: 0.875,
            runner_up: Some(text("Borrelia")),
            runner_up_probability: Some(0.1),
            entropy: 0.125,
            confidence: 0.75,
            votes: 1,
        };
        vec![
            row.clone(),
            PredictionRow { window: None, windows: 12, votes: 9, split: None, ..row.clone() },
            PredictionRow {
                id: text("ключ|\"<&>\u{1b}"),
                window: Some(u32::MAX),
                rank: name("is_promoter"),
                probability: f32::MIN_POSITIVE,
                ..row.clone()
            },
            PredictionRow {
                id: String::new(),
                window: None,
                split: None,
                windows: u32::MAX,
                taxon: None,
                runner_up: None,
                runner_up_probability: None,
                votes: 0,
                ..row
            },
        ]
    }
}

impl Example for MaskRow {
    fn rows() -> Vec<Self> {
        let row = MaskRow {
            id: text("NR_074334.1"),
            window: 0,
            method: name("explainer"),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::One(name("genus")),
            target: Some(text("Treponema")),
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            mask: vec![0.0, 0.1, 1.0],
            hard: vec![false, false, true],
            deviation: Vec::new(),
            area: 0.366_666_67,
        };
        vec![
            row.clone(),
            MaskRow { rank: Ranks::All, target: None, ..row.clone() },
            MaskRow { window: 1, mask: vec![], hard: vec![], area: 0.0, ..row.clone() },
            MaskRow { mask: vec![f32::MIN_POSITIVE; 9], hard: vec![true; 9], ..row.clone() },
            MaskRow {
                method: name("random_blocks"),
                method_kind: MethodKind::Control,
                replicate: 3,
                target_kind: TargetKind::Label,
                ..row.clone()
            },
            MaskRow { target_kind: TargetKind::Other, asked: vec![0, 7, u32::MAX], ..row.clone() },
            MaskRow { deviation: vec![0.0, 0.25, 0.5], ..row },
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
            method: name("explainer"),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::All,
            mask: vec![0.0, 0.25, 0.5, 1.0],
        };
        vec![
            row.clone(),
            BaseRow { end: 100, mask: vec![], ..row.clone() },
            BaseRow { strand: text("+"), window: 7, ..row.clone() },
            BaseRow { method: name("distilled"), replicate: 2, ..row },
        ]
    }
}

impl Example for StretchRow {
    fn rows() -> Vec<Self> {
        let row = StretchRow {
            id: text("NR_074334.1"),
            start: 12,
            end: 24,
            strand: text("+"),
            method: name("explainer"),
            method_kind: MethodKind::Explainer,
            replicate: 1,
            rank: Ranks::One(name("genus")),
            taxon: Some(text("Treponema")),
            length: 12,
            mean: 0.75,
            peak: 1.0,
        };
        vec![
            row.clone(),
            StretchRow { strand: text("-"), rank: Ranks::All, taxon: None, ..row.clone() },
            StretchRow {
                id: text("ключ|\"<&>\u{1b}"),
                start: 0,
                end: u32::MAX,
                length: u32::MAX,
                strand: text("."),
                method: name("random_blocks"),
                method_kind: MethodKind::Control,
                replicate: u32::MAX,
                taxon: Some(String::new()),
                mean: f32::MIN_POSITIVE,
                peak: f32::MIN_POSITIVE,
                ..row.clone()
            },
            StretchRow { id: String::new(), start: u32::MAX - 1, end: u32::MAX, length: 1, ..row },
        ]
    }
}

impl Example for CostRow {
    fn rows() -> Vec<Self> {
        let row = CostRow {
            method: text("integrated_gradients"),
            windows: 200,
            forward_passes: 20.0,
            backward_passes: 20.0,
            seconds: 0.006,
            threads: 2,
            completeness_error: Some(0.007),
        };
        vec![
            row.clone(),
            CostRow { backward_passes: 0.0, completeness_error: None, ..row.clone() },
            CostRow {
                method: String::new(),
                windows: 0,
                seconds: f64::MIN_POSITIVE,
                completeness_error: None,
                ..row
            },
        ]
    }
}

impl Example for PerturbationRow {
    fn rows() -> Vec<Self> {
        let row = PerturbationRow {
            id: text("NR_074334.1"),
            window: 0,
            split: Some(Split::Test),
            method: Some(name("explainer")),
            method_kind: Some(MethodKind::Explainer),
            replicate: Some(1),
            mask_rank: Some(Ranks::All),
            operator: Operator::HardMasked.into(),
            share: None,
            removal: Removal::Own,
            kept_area: 0.1,
            hidden_mask: Some(0.05),
            rank: name("genus"),
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
                operator: Operator::KeepTop.into(),
                share: Some(0.2),
                removal: Removal::Shuffled,
                ..row.clone()
            },
            PerturbationRow {
                split: None,
                hidden_mask: None,
                label: None,
                correct: None,
                ..row.clone()
            },
            PerturbationRow {
                method: None,
                method_kind: None,
                replicate: None,
                mask_rank: None,
                operator: Operator::Unmasked.into(),
                ..row.clone()
            },
            PerturbationRow {
                method: Some(name("my own")),
                method_kind: Some(MethodKind::Attribution),
                replicate: Some(u32::MAX),
                mask_rank: Some(Ranks::One(name("genus"))),
                operator: Word::Foreign(text("of my own")),
                ..row
            },
        ]
    }
}

impl Example for MetricRow {
    fn rows() -> Vec<Self> {
        let row = MetricRow {
            method: Some(name("explainer")),
            method_kind: Some(MethodKind::Explainer),
            replicate: Some(1),
            mask_rank: Some(Ranks::All),
            operator: Operator::HardMasked.into(),
            variant: None,
            removal: Removal::Own,
            share: None,
            split: Over::Split(Split::Test),
            rank: Ranks::One(name("genus")),
            metric: Metric::Accuracy,
            value: 0.898,
            ci_low: Some(0.87),
            ci_high: Some(0.92),
            n: 1200,
        };
        vec![
            row.clone(),
            MetricRow { ci_low: None, ci_high: None, n: 1, ..row.clone() },
            MetricRow { operator: Operator::KeepTop.into(), share: Some(0.05), ..row.clone() },
            MetricRow { value: 0.0, n: 0, ..row.clone() },
            MetricRow {
                method: None,
                method_kind: None,
                replicate: None,
                mask_rank: None,
                operator: Operator::MajorityClass.into(),
                removal: Removal::Mean,
                split: Over::Unassigned,
                rank: Ranks::All,
                ..row.clone()
            },
            MetricRow {
                operator: Operator::Randomized.into(),
                variant: Some(text("3")),
                split: Over::All,
                metric: Metric::Spearman,
                ..row
            },
        ]
    }
}
