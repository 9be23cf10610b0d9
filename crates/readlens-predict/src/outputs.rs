//! Everything that is written, whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::Result;
use readlens_nn::RankClasses;
use readlens_provenance::{Manifest, NewFile, commit_together, put_json};
use readlens_tables::Writer;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::vocabulary::{Name, Split};

use crate::answer::Answer;
use crate::config::Paths;
use crate::kraken::report;
use crate::saved::Saved;
use crate::tally::Tally;
use crate::text::{head, krona, put_cells, row};

/// Whose prediction it is.
#[derive(Clone, Debug)]
pub(crate) struct Whose {
    pub(crate) id: String,
    /// Ordinal of the window; none for a record.
    pub(crate) window: Option<u32>,
    pub(crate) split: Option<Split>,
    pub(crate) windows: u32,
}

/// The prediction of a record.
#[derive(Clone, Debug)]
pub(crate) struct OfRecord {
    pub(crate) whose: Whose,
    /// By rank, each with its votes.
    pub(crate) answers: Vec<(Answer, u32)>,
}

/// What classes are called in the tables, and which are named.
#[derive(Clone, Debug)]
pub(crate) struct Naming<'a> {
    pub(crate) ranks: &'a [RankClasses],
    pub(crate) names: Vec<Name>,
    pub(crate) min_probability: f32,
}

impl Naming<'_> {
    /// Rows of the table, one per rank.
    pub(crate) fn rows(&self, whose: &Whose, answers: &[(Answer, u32)]) -> Vec<PredictionRow> {
        let ranks = self.ranks.iter().zip(&self.names).zip(answers);
        let of_rank = |((rank, name), (answer, votes)): ((&RankClasses, &Name), &(Answer, u32))| {
            let taxon = |class: usize| rank.taxa[class].clone();
            PredictionRow {
                id: whose.id.clone(),
                window: whose.window,
                split: whose.split,
                windows: whose.windows,
                rank: name.clone(),
                taxon: self.is_named(answer).then(|| taxon(answer.class)),
                probability: answer.probability,
                runner_up: answer.runner_up.map(|(class, _)| taxon(class)),
                runner_up_probability: answer.runner_up.map(|(_, p)| p),
                entropy: answer.entropy,
                confidence: answer.confidence,
                votes: *votes,
            }
        };
        ranks.map(of_rank).collect()
    }

    fn is_named(&self, answer: &Answer) -> bool {
        answer.probability >= self.min_probability
    }

    /// Classes of the taxa from the highest rank down to the first that is not named.
    fn lineage(&self, answers: &[(Answer, u32)]) -> Vec<usize> {
        let named = answers.iter().take_while(|(answer, _)| self.is_named(answer));
        named.map(|(answer, _)| answer.class).collect()
    }
}

/// The files of one run.
pub(crate) struct Outputs<'a> {
    naming: &'a Naming<'a>,
    paths: &'a Paths,
    windows: Writer<PredictionRow>,
    records: Option<Writer<PredictionRow>>,
    tsv: Option<NewFile>,
    calibration: Option<NewFile>,
    tally: Tally,
    count: u64,
}

impl<'a> Outputs<'a> {
    pub(crate) fn create(
        paths: &'a Paths,
        naming: &'a Naming<'a>,
        manifest: &Manifest,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let table = |path| Writer::create(path, &[], manifest, metadata);
        let mut tsv = paths.tsv.as_deref().map(NewFile::create).transpose()?;
        if let Some(tsv) = &mut tsv {
            put_cells(tsv, &head(naming.ranks))?;
        }
        Ok(Self {
            naming,
            paths,
            windows: table(&paths.output)?,
            records: paths.records.as_deref().map(table).transpose()?,
            tsv,
            calibration: None,
            tally: Tally::default(),
            count: 0,
        })
    }

    /// Adds the file of temperatures.
    pub(crate) fn calibration(&mut self, path: &Path, saved: &Saved) -> Result<()> {
        let mut file = NewFile::create(path)?;
        put_json(&mut file, saved)?;
        self.calibration = Some(file);
        Ok(())
    }

    /// Adds rows of windows.
    pub(crate) fn windows(&mut self, rows: &[PredictionRow]) -> Result<()> {
        rows.iter().try_for_each(|row| self.windows.push(row))
    }

    /// Adds a record.
    pub(crate) fn record(&mut self, OfRecord { whose, answers }: &OfRecord) -> Result<()> {
        self.count += 1;
        if let Some(records) = &mut self.records {
            let rows = self.naming.rows(whose, answers);
            rows.iter().try_for_each(|row| records.push(row))?;
        }
        if self.paths.want_texts() {
            let lineage = self.naming.lineage(answers);
            if let Some(tsv) = &mut self.tsv {
                let confidences = answers.iter().map(|(answer, _)| answer.confidence);
                put_cells(tsv, &row(&whose.id, &lineage, confidences, self.naming.ranks))?;
            }
            self.tally.add(lineage);
        }
        Ok(())
    }

    /// Rows of windows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.windows.rows()
    }

    /// Records so far.
    pub(crate) fn records(&self) -> u64 {
        self.count
    }

    /// Gives all files their names.
    pub(crate) fn finish(self) -> Result<()> {
        let text = |path: &Path, text: String| -> Result<NewFile> {
            let mut file = NewFile::create(path)?;
            file.put(text.as_bytes())?;
            Ok(file)
        };
        let (tally, ranks) = (&self.tally, self.naming.ranks);
        let kraken = self.paths.kraken_report.as_deref();
        let kraken = kraken.map(|path| text(path, report(tally, ranks))).transpose()?;
        let krona_file = self.paths.krona.as_deref();
        let krona_file = krona_file.map(|path| text(path, krona(tally, ranks))).transpose()?;
        let records = self.records.map(Writer::complete).transpose()?;
        let others = records.into_iter().chain(self.tsv).chain(kraken).chain(krona_file);
        let others = others.chain(self.calibration);
        commit_together([self.windows.complete()?].into_iter().chain(others))
    }
}
