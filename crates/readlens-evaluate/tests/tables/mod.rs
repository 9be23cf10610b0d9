//! Small tables to evaluate.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use readlens_evaluate::{Config, Evaluated, Inputs, Outputs, run};
use readlens_fault::Result;
use readlens_provenance::Manifest;
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::{KEY_TOKENIZATION, TokenRow};
use readlens_tables::vocabulary::{
    MethodKind, Metric, Name, Operator, Over, Ranks, Removal, Split, TargetKind, Vocabulary, Word,
};
use readlens_tables::{Record, Writer};

pub const TOKENIZATION: &str = r#"{"alphabet":"dna","k":6,"stride":6,"cls":true}"#;

pub fn text(text: &str) -> String {
    text.to_owned()
}

pub fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// A window of four 6-mers side by side, bases 0 to 24.
pub fn token(id: &str, split: Option<&str>, genus: Option<&str>) -> TokenRow {
    TokenRow {
        id: text(id),
        window: 0,
        start: 0,
        end: 24,
        strand: text("+"),
        tokens: vec![2, 5, 6, 7, 8],
        split: split.map(|split| Split::named(split).unwrap()),
        taxa: vec![genus.map(text)],
        phase: None,
        frame_gap: None,
    }
}

pub fn mask(id: &str, mask: &[f32]) -> MaskRow {
    MaskRow {
        id: text(id),
        window: 0,
        method: name("explainer"),
        method_kind: MethodKind::Explainer,
        replicate: 1,
        rank: Ranks::All,
        target: None,
        target_kind: TargetKind::Predicted,
        asked: Vec::new(),
        mask: mask.to_vec(),
        hard: mask.iter().map(|&m| m > 0.5).collect(),
        deviation: Vec::new(),
        area: mask.iter().sum::<f32>() / mask.len() as f32,
    }
}

/// A prediction of the genus for the untouched input.
pub fn unmasked(id: &str, split: &str, predicted: &str, label: Option<&str>) -> PerturbationRow {
    PerturbationRow {
        id: text(id),
        window: 0,
        split: Some(Split::named(split).unwrap()),
        method: None,
        method_kind: None,
        replicate: None,
        mask_rank: None,
        operator: Operator::Unmasked.into(),
        share: None,
        removal: Removal::Own,
        kept_area: 1.0,
        hidden_mask: None,
        rank: name("genus"),
        predicted: text(predicted),
        label: label.map(text),
        target: text(predicted),
        p_predicted: 0.75,
        p_target: 0.75,
        entropy: 0.25,
        correct: label.map(|label| label == predicted),
    }
}

/// The same window under a mask.
pub fn under(row: &PerturbationRow, operator: &str, predicted: &str, p: f32) -> PerturbationRow {
    PerturbationRow {
        method: Some(name("explainer")),
        method_kind: Some(MethodKind::Explainer),
        replicate: Some(1),
        mask_rank: Some(Ranks::All),
        operator: Word::of(operator),
        kept_area: 0.5,
        hidden_mask: Some(0.5),
        predicted: text(predicted),
        p_target: p,
        correct: row.label.as_ref().map(|label| label == predicted),
        ..row.clone()
    }
}

/// Tables on disk and what comes of them.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub config: Config,
    pub seed: u64,
    pub tokenization: Option<String>,
    pub truth: Option<String>,
    /// Names of metrics tables that are there already.
    pub evidence: Vec<String>,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            config: Config { replicates: 200, ..Config::default() },
            seed: 1,
            tokenization: Some(text(TOKENIZATION)),
            truth: None,
            evidence: Vec::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write<R: Record>(&self, name: &str, ranks: &[&str], rows: &[R]) {
        let manifest = Manifest::new("test", &(), None, Vec::new()).unwrap();
        let metadata: BTreeMap<String, String> =
            self.tokenization.iter().map(|json| (text(KEY_TOKENIZATION), json.clone())).collect();
        let ranks: Vec<String> = ranks.iter().map(|rank| text(rank)).collect();
        let mut writer = Writer::create(&self.path(name), &ranks, &manifest, &metadata).unwrap();
        rows.iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap();
    }

    pub fn inputs(&self) -> Inputs {
        let truth = self.truth.as_ref().map(|truth| {
            std::fs::write(self.path("truth.tsv"), truth).unwrap();
            self.path("truth.tsv")
        });
        Inputs {
            tokens: self.path("tokens.parquet"),
            masks: vec![self.path("masks.parquet")],
            perturbations: self.path("perturbations.parquet"),
            truth,
            evidence: self.evidence.iter().map(|name| self.path(name)).collect(),
        }
    }

    pub fn outputs(&self) -> Outputs {
        Outputs { metrics: self.path("metrics.parquet"), json: Some(self.path("metrics.json")) }
    }

    pub fn evaluated(&self) -> Result<Evaluated> {
        run(&self.config, self.seed, &self.inputs(), &self.outputs(), &Context::silent())
    }

    pub fn run(&self) -> Result<Vec<MetricRow>> {
        let evaluated = self.evaluated()?;
        Ok(evaluated.metrics)
    }

    /// Writes the three tables and evaluates them.
    pub fn evaluate(
        &self,
        tokens: &[TokenRow],
        masks: &[MaskRow],
        perturbations: &[PerturbationRow],
    ) -> Result<Vec<MetricRow>> {
        self.write("tokens.parquet", &["genus"], tokens);
        self.write("masks.parquet", &[], masks);
        self.write("perturbations.parquet", &[], perturbations);
        self.run()
    }
}

/// The one row of a metric under the classifier's own removal.
#[track_caller]
pub fn find<'a>(rows: &'a [MetricRow], operator: &str, split: &str, metric: &str) -> &'a MetricRow {
    find_under(rows, Removal::Own, operator, split, metric)
}

/// The one row of a metric under a removal.
#[track_caller]
pub fn find_under<'a>(
    rows: &'a [MetricRow],
    removal: Removal,
    operator: &str,
    split: &str,
    metric: &str,
) -> &'a MetricRow {
    let over = Over::named(split).unwrap();
    let wanted: Metric = metric.parse().unwrap();
    let is_it = |row: &&MetricRow| {
        row.operator.name() == operator
            && row.removal == removal
            && row.split == over
            && row.metric == wanted
    };
    let found: Vec<&MetricRow> = rows.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{operator} {removal} {split} {metric}: {found:?}");
    found[0]
}

#[track_caller]
pub fn assert_figure(rows: &[MetricRow], place: [&str; 3], value: f64, n: u32) {
    assert_figure_under(rows, Removal::Own, place, value, n);
}

#[track_caller]
pub fn assert_figure_under(
    rows: &[MetricRow],
    removal: Removal,
    place: [&str; 3],
    value: f64,
    n: u32,
) {
    let row = find_under(rows, removal, place[0], place[1], place[2]);
    // Values pass through 32 bits.
    assert!((row.value - value).abs() < 1e-6, "{place:?} is {} and not {value}", row.value);
    assert_eq!(row.n, n, "{place:?}");
}
