//! Tables and classifiers of a test in a folder.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses some of it")]

use std::path::PathBuf;

use readlens_batch::{ModelSource, Shard, as_read, predict};
use readlens_fault::Result;
use readlens_nn::{
    Classifier, ClassifierConfig, DeviceKind, LineageDecoding, Precision, WindowTokens,
    load_classifier,
};
use readlens_predict::{Config, Paths, run};
use readlens_stage::Context;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;
use readlens_tests::{
    classifier_shape, read_rows, rows, tokenization, write_classifier, write_tokens,
};

/// The same with the lineages of [`rows`] and temperatures.
pub fn decoding_shape() -> ClassifierConfig {
    let parents = vec![vec![Some(0), Some(0), Some(1), Some(1)]];
    let decoding = Some(LineageDecoding { parents, above: 1.0, below: 1.0 });
    ClassifierConfig { decoding, temperatures: Some(vec![0.5, 2.0]), ..classifier_shape() }
}

/// Windows of records of 1 to 4 windows that know no chunk, one of them of 1,400.
pub fn table(count: usize) -> Vec<TokenRow> {
    let mut table = rows(count, &tokenization());
    let (mut record, mut window) = (0, 0);
    for (i, row) in table.iter_mut().enumerate() {
        let is_contig = (900..2300).contains(&i);
        let is_next = if is_contig { i == 900 } else { window > record % 4 || i == 2300 };
        if i > 0 && is_next {
            (record, window) = (record + 1, 0);
        }
        row.id = if is_contig { "contig".to_owned() } else { format!("read{record}") };
        row.window = window;
        window += 1;
    }
    table
}

pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new(rows: &[TokenRow], shape: &ClassifierConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_tokens(&directory.path().join("tokens.parquet"), rows, &tokenization());
        write_classifier(&directory.path().join("classifier"), shape, 2);
        Self(directory)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn paths(&self) -> Paths {
        Paths {
            tokens: self.path("tokens.parquet"),
            model: ModelSource::Directory(self.path("classifier")),
            calibration: None,
            save_calibration: None,
            output: self.path("windows"),
            records: Some(self.path("records")),
            tsv: None,
            kraken_report: None,
            krona: None,
        }
    }

    /// Predictions of windows and of records.
    pub fn run(&self, config: &Config) -> (Vec<PredictionRow>, Vec<PredictionRow>) {
        self.run_with(config, Shard::WHOLE, |_| ()).unwrap()
    }

    pub fn run_with(
        &self,
        config: &Config,
        shard: Shard,
        change: impl FnOnce(&mut Paths),
    ) -> Result<(Vec<PredictionRow>, Vec<PredictionRow>)> {
        let mut paths = self.paths();
        change(&mut paths);
        run(config, &paths, shard, DeviceKind::Cpu, &Context::silent())?;
        let records = paths.records.map(|path| read_rows(&path)).unwrap_or_default();
        Ok((read_rows(&paths.output), records))
    }

    pub fn classifier(&self) -> Classifier {
        let device = DeviceKind::Cpu.open(Precision::F32).unwrap();
        load_classifier(&self.path("classifier"), &device).unwrap()
    }

    /// Probabilities per window, rank and taxon, as every stage computes them.
    pub fn probabilities(&self, rows: &[TokenRow]) -> Vec<Vec<Vec<f32>>> {
        let windows: Vec<WindowTokens> = rows.iter().map(as_read).collect();
        predict(&self.classifier(), &windows, None).unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}
