//! Tables, masks and networks of a test in a folder.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses some of it")]

use std::path::PathBuf;

use readlens_batch::most_likely;
use readlens_batch::{ModelSource, Shard};
use readlens_fault::Result;
use readlens_nn::{Classifier, DeviceKind, Precision, load_classifier};
use readlens_perturb::{Config, Paths, run};
use readlens_stage::Context;
use readlens_tables::masks::MaskRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{MethodKind, Name, Ranks, Removal, TargetKind, Word};
use readlens_tests::{
    RANKS, classifier_shape, read_rows, tokenization, write_classifier, write_masks, write_tokens,
};
/// A mask per window: values that differ, and hard where they are above 1/2.
pub fn masks_of(rows: &[TokenRow]) -> Vec<MaskRow> {
    let mask = |(i, row): (usize, &TokenRow)| {
        let value = |t: usize| ((i * 7 + t * 5) % 11) as f32 / 10.0;
        let mask: Vec<f32> = (0..row.tokens.len() - 1).map(value).collect();
        MaskRow {
            id: row.id.clone(),
            window: row.window,
            method: Name::new("planted").unwrap(),
            method_kind: MethodKind::Attribution,
            replicate: 1,
            rank: Ranks::All,
            target: None,
            target_kind: TargetKind::Predicted,
            asked: Vec::new(),
            hard: mask.iter().map(|&m| m > 0.5).collect(),
            deviation: Vec::new(),
            area: mask.iter().sum::<f32>() / mask.len() as f32,
            mask,
        }
    };
    rows.iter().enumerate().map(mask).collect()
}

pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new(rows: &[TokenRow], masks: &[MaskRow]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_tokens(&directory.path().join("tokens.parquet"), rows, &tokenization());
        write_masks(&directory.path().join("masks.parquet"), masks);
        write_classifier(&directory.path().join("classifier"), &classifier_shape(), 2);
        Self(directory)
    }

    pub fn run(&self, name: &str, config: &Config) -> Result<Vec<PerturbationRow>> {
        self.run_with(name, config, Shard::WHOLE, |_| ())
    }

    pub fn run_with(
        &self,
        name: &str,
        config: &Config,
        shard: Shard,
        change: impl FnOnce(&mut Paths),
    ) -> Result<Vec<PerturbationRow>> {
        let mut paths = Paths {
            tokens: self.path("tokens.parquet"),
            model: ModelSource::Directory(self.path("classifier")),
            masks: vec![self.path("masks.parquet")],
            judge: None,
            output: self.path(name),
        };
        change(&mut paths);
        run(config, &paths, shard, DeviceKind::Cpu, &Context::silent())?;
        Ok(read_rows(&paths.output))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn classifier(&self, name: &str) -> Classifier {
        let device = DeviceKind::Cpu.open(Precision::F32).unwrap();
        load_classifier(&self.path(name), &device).unwrap()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }
}

pub fn of<'a>(rows: &'a [PerturbationRow], operator: &str) -> Vec<&'a PerturbationRow> {
    rows.iter().filter(|row| row.operator == Word::of(operator)).collect()
}

/// Everything that can be asked for.
pub fn everything() -> Config {
    Config {
        graded: true,
        removals: vec![Removal::Own, Removal::Mean, Removal::Unknown, Removal::Shuffled],
        soft_draws: 40,
        subsets: 5,
        ..Config::default()
    }
}

/// Rows of an operator under a removal, window by window and rank by rank within.
pub fn under<'a>(
    rows: &'a [PerturbationRow],
    operator: &str,
    removal: Removal,
    share: Option<f32>,
) -> Vec<&'a PerturbationRow> {
    let is_it = |row: &&PerturbationRow| {
        row.operator == Word::of(operator) && row.removal == removal && row.share == share
    };
    rows.iter().filter(is_it).collect()
}

#[track_caller]
pub fn assert_predictions(rows: &[&PerturbationRow], predictions: &[Vec<Vec<f32>>]) {
    assert_eq!(rows.len(), predictions.len() * RANKS.len());
    for (i, row) in rows.iter().enumerate() {
        let p = &predictions[i / RANKS.len()][i % RANKS.len()];
        assert!((row.p_predicted - p[most_likely(p)]).abs() < 1e-5, "{row:?} {p:?}");
    }
}
