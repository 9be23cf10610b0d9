use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Tensor;
use rand::seq::index::sample;
use readlens_batch::{
    Bound, Chunk, Shard, as_read, check_lengths, for_each_batch, most_likely, probabilities,
};
use readlens_fault::{Fault, Place, Result};
use readlens_metrics::Bootstrap;
use readlens_nn::{Classifier, DeviceKind, Pass, RankClasses, WindowTokens, masking};
use readlens_provenance::{Manifest, check_files};
use readlens_random::stream;
use readlens_stage::Context;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::vocabulary::{Name, Over};
use readlens_tables::{Reader, Writer};

use crate::config::Config;
use crate::confusion::Confusion;
use crate::figures::{Figures, Key, Names, Of};
use crate::inputs::{Input, WHOLE};

/// Where the stage reads and writes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Token table.
    pub tokens: PathBuf,
    /// Directory of the classifier.
    pub classifier: PathBuf,
    /// Table of figures to write.
    pub output: PathBuf,
    /// Table of confusions to write, if wanted.
    pub confusion: Option<PathBuf>,
}

/// Predicts the labelled windows of a split and writes how right the predictions are.
///
/// A label that is none of the classifier's taxa counts as wrong.
///
/// # Errors
/// An input cannot be read, no window has a label, the user interrupts, or the output cannot be
/// written.
pub fn run(config: &Config, paths: &Paths, device: DeviceKind, context: &Context) -> Result<()> {
    config.validate()?;
    let outputs = std::iter::once(&paths.output).chain(&paths.confusion);
    check_files(outputs, [&paths.tokens, &paths.classifier])?;
    let Bound { model: classifier, windows, inputs } =
        Bound::open(&paths.tokens, &paths.classifier, device, config.precision)?;
    let manifest = Manifest::made_from("assess", config, Some(config.seed), &inputs)?
        .computed_by(device.compute());
    let is_of_split = |row: &TokenRow| row.split == Some(config.split);
    let most = classifier.config().max_tokens();
    check_lengths(&paths.tokens, Shard::WHOLE, most, |_, row| is_of_split(row))?;
    let places = places_of(windows.reader(), &classifier.config().ranks);
    let chosen = Labels::read(paths, &classifier.config().ranks, &places, &is_of_split)?;
    let mut inputs = vec![WHOLE];
    inputs.extend(if config.masked > 0 { Input::masked(config) } else { Vec::new() });
    let names: Vec<String> =
        classifier.config().branches.iter().map(|branch| branch.name.clone()).collect();
    // A single branch is the classifier itself, but for its decoding.
    let branches = if names.len() > 1 { names } else { Vec::new() };
    let mut assessor = Assessor {
        config,
        classifier: &classifier,
        inputs: &inputs,
        branches: branches.len(),
        sampled: chosen.sample(config),
        majority: chosen.majority(),
        lineages: chosen.lineages,
        places,
        bootstrap: Bootstrap::new(config.seed, config.replicates as usize),
        figures: Figures::new(config.replicates as usize),
        confusion: paths.confusion.as_ref().map(|_| Confusion::of(&classifier.config().ranks)),
        record: None,
    };
    let progress = context.progress("windows", chosen.windows);
    for chunk in windows {
        let Chunk { first, rows } = chunk?;
        let rows: Vec<(u64, TokenRow)> =
            (first..).zip(rows).filter(|(_, row)| is_of_split(row)).collect();
        context.check_interrupt("nothing was written; start again")?;
        assessor.add(&rows)?;
        progress.advance(rows.len() as u64);
    }
    drop(progress);
    let ranks = classifier.config().ranks.iter().map(|rank| Ok(Name::new(&rank.rank)?));
    let ranks: Vec<Name> = ranks.collect::<Result<_>>()?;
    log_accuracies(&assessor.figures, &branches, &ranks);
    let over = Over::Split(config.split);
    let lengths = &config.lengths;
    let names = Names { branches: &branches, inputs: &inputs, lengths, ranks: &ranks, over };
    let rows = assessor.figures.rows(&names);
    let mut writer =
        Writer::<AssessmentRow>::create(&paths.output, &[], &manifest, &BTreeMap::new())?;
    rows.iter().try_for_each(|row| writer.push(row))?;
    if let (Some(path), Some(confusion)) = (&paths.confusion, &assessor.confusion) {
        confusion.write(path, over, &ranks, &manifest)?;
    }
    writer.finish()?;
    tracing::info!("wrote {} figures to {}", rows.len(), paths.output.display());
    Ok(())
}

/// Column of each rank of the classifier among the rank columns of the table.
fn places_of(reader: &Reader<TokenRow>, ranks: &[RankClasses]) -> Vec<Option<usize>> {
    let column = |rank: &RankClasses| reader.ranks().iter().position(|name| *name == rank.rank);
    ranks.iter().map(column).collect()
}

/// What the labels of the windows tell before any is predicted.
struct Labels {
    windows: u64,
    /// Rows of the windows.
    rows: Vec<u64>,
    /// How often each taxon is the label, by rank.
    counts: Vec<BTreeMap<String, u64>>,
    /// The taxa of all ranks of each window that is labelled at all of them.
    lineages: HashSet<Vec<String>>,
}

impl Labels {
    fn read(
        paths: &Paths,
        ranks: &[RankClasses],
        places: &[Option<usize>],
        is_of_split: &dyn Fn(&TokenRow) -> bool,
    ) -> Result<Self> {
        let mut labels = Self {
            windows: 0,
            rows: Vec::new(),
            counts: vec![BTreeMap::new(); ranks.len()],
            lineages: HashSet::new(),
        };
        let mut reader = Reader::<TokenRow>::open(&paths.tokens)?;
        while let Some(row) = reader.next() {
            let row = row?;
            // A lineage is real whatever the split that shows it.
            let taxa = places.iter().map(|place| row.taxa[(*place)?].clone());
            let taxa: Vec<Option<String>> = taxa.collect();
            if let Some(lineage) = taxa.iter().cloned().collect::<Option<Vec<String>>>() {
                labels.lineages.insert(lineage);
            }
            if !is_of_split(&row) {
                continue;
            }
            labels.windows += 1;
            labels.rows.push(reader.row_index());
            for (counts, taxon) in labels.counts.iter_mut().zip(taxa) {
                taxon.into_iter().for_each(|taxon| *counts.entry(taxon).or_default() += 1);
            }
        }
        if labels.counts.iter().all(BTreeMap::is_empty) {
            return Err(Fault::input(&paths.tokens)
                .at(Place::Part("taxa".to_owned()))
                .expected("windows of the split with a label at a rank of the classifier")
                .found("none")
                .remedy("choose another --split, or tokenize with --taxonomy and a split column")
                .into());
        }
        Ok(labels)
    }

    /// Rows that are also seen through masks.
    fn sample(&self, config: &Config) -> HashSet<u64> {
        if self.rows.len() <= config.masked {
            return self.rows.iter().copied().collect();
        }
        let mut rng = stream(config.seed, "windows seen through masks");
        let drawn = sample(&mut rng, self.rows.len(), config.masked);
        drawn.into_iter().map(|place| self.rows[place]).collect()
    }

    /// The most frequent label of each rank, the first of equally frequent ones.
    fn majority(&self) -> Vec<Option<String>> {
        let most = |counts: &BTreeMap<String, u64>| {
            let first = |a: &(&String, &u64), b: &(&String, &u64)| a.1.cmp(b.1).then(b.0.cmp(a.0));
            counts.iter().max_by(first).map(|(taxon, _)| taxon.clone())
        };
        self.counts.iter().map(most).collect()
    }
}

/// Predicted class and its probability at each rank.
type Answer = Vec<(usize, f64)>;

/// A record of which windows are predicted.
#[derive(Clone)]
struct Record {
    ordinal: u64,
    id: String,
    /// Its bootstrap weights.
    weights: Arc<[f64]>,
}

struct Assessor<'a> {
    config: &'a Config,
    classifier: &'a Classifier,
    inputs: &'a [Input],
    /// Branches that also answer alone.
    branches: usize,
    sampled: HashSet<u64>,
    majority: Vec<Option<String>>,
    lineages: HashSet<Vec<String>>,
    places: Vec<Option<usize>>,
    bootstrap: Bootstrap,
    figures: Figures,
    /// Only where it is wanted.
    confusion: Option<Confusion>,
    /// The record of the last window.
    record: Option<Record>,
}

impl Assessor<'_> {
    fn add(&mut self, rows: &[(u64, TokenRow)]) -> Result<()> {
        let records: Vec<Record> = rows.iter().map(|(_, row)| self.record_of(row)).collect();
        for (input, how) in self.inputs.iter().enumerate() {
            let is_seen = |place: &usize| *how == WHOLE || self.sampled.contains(&rows[*place].0);
            let seen: Vec<usize> = (0..rows.len()).filter(is_seen).collect();
            let windows: Vec<&TokenRow> = seen.iter().map(|place| &rows[*place].1).collect();
            let answers = self.answers(*how, &windows)?;
            for (place, answers) in seen.into_iter().zip(answers) {
                self.observe(input, &rows[place].1, &records[place], &answers);
            }
        }
        Ok(())
    }

    /// The record of a row; the rows of a record stand together.
    fn record_of(&mut self, row: &TokenRow) -> Record {
        match &self.record {
            Some(record) if record.id == row.id => record.clone(),
            last => {
                let ordinal = last.as_ref().map_or(0, |record| record.ordinal + 1);
                let weights = self.bootstrap.weights(&row.id).into();
                let record = Record { ordinal, id: row.id.clone(), weights };
                self.record.insert(record).clone()
            }
        }
    }

    /// The answers of the whole classifier and of each branch alone to every window.
    fn answers(&self, input: Input, rows: &[&TokenRow]) -> Result<Vec<Vec<Answer>>> {
        let windows: Vec<WindowTokens> = rows.iter().map(|row| as_read(row)).collect();
        let cls = usize::from(self.classifier.config().tokenization.cls);
        let key = |row: &TokenRow| format!("{}/{}", row.window, row.id);
        let factors: Vec<Vec<f32>> = match input == WHOLE {
            true => Vec::new(),
            false => rows
                .iter()
                .map(|row| input.factors(row.tokens.len() - cls, self.config.seed, &key(row)))
                .collect(),
        };
        let device = self.classifier.device();
        for_each_batch(&windows, device, "predicting taxa", |batch, indices| {
            let mask = (input != WHOLE).then(|| {
                let values: Vec<&[f32]> = indices.iter().map(|&i| factors[i].as_slice()).collect();
                masking::complete(&batch.place(&values)?, batch)
            });
            let components = self.classifier.components(
                batch,
                mask.transpose()?.as_ref(),
                &mut Pass::inference(),
            )?;
            let mut answers = vec![answers_of(&self.classifier.join(&components)?)?];
            for branch in 0..self.branches {
                answers.push(answers_of(&self.classifier.join_branch(branch, &components)?)?);
            }
            Ok((0..indices.len())
                .map(|i| answers.iter().map(|of_rows| of_rows[i].clone()).collect())
                .collect())
        })
    }

    fn observe(&mut self, input: usize, row: &TokenRow, record: &Record, answers: &[Answer]) {
        let Record { ordinal, weights, .. } = record;
        let ranks = &self.classifier.config().ranks;
        let labels: Vec<Option<&str>> =
            self.places.iter().map(|place| row.taxa[(*place)?].as_deref()).collect();
        let length = row.end - row.start;
        let class = self.config.lengths.partition_point(|bound| *bound <= length);
        let classes = [None, (!self.config.lengths.is_empty()).then_some(class)];
        let value = |is_right: bool| f64::from(u8::from(is_right));
        for (place, answer) in answers.iter().enumerate() {
            let branch = place.checked_sub(1);
            for (rank, (predicted, p)) in answer.iter().enumerate() {
                let Some(label) = labels[rank] else { continue };
                let is_right = ranks[rank].taxa[*predicted] == label;
                for (i, length) in classes.iter().enumerate() {
                    if i == 1 && (length.is_none() || self.inputs[input] != WHOLE) {
                        continue;
                    }
                    let key = Key {
                        branch,
                        input,
                        length: *length,
                        bin: None,
                        rank: Some(rank),
                        of: Of::Accuracy,
                    };
                    self.figures.add(key, *ordinal, value(is_right), weights);
                    if i == 0 && branch.is_none() && self.inputs[input] == WHOLE {
                        self.figures.calibrate(key, *ordinal, (*p, is_right), weights);
                        if let Some(confusion) = &mut self.confusion {
                            confusion.add(rank, label, *predicted, *p);
                        }
                        let key = Key { input: self.inputs.len(), ..key };
                        let most = self.majority[rank].as_deref() == Some(label);
                        self.figures.add(key, *ordinal, value(most), weights);
                    }
                }
            }
            // Without a window that is labelled at all ranks no lineage is known.
            if self.inputs[input] == WHOLE && ranks.len() > 1 && !self.lineages.is_empty() {
                let taxa = answer.iter().zip(ranks);
                let lineage: Vec<String> =
                    taxa.map(|((class, _), rank)| rank.taxa[*class].clone()).collect();
                let key =
                    Key { branch, input, length: None, bin: None, rank: None, of: Of::Lineages };
                self.figures.add(key, *ordinal, value(self.lineages.contains(&lineage)), weights);
            }
        }
    }
}

/// Predicted class and its probability at each rank, `[row][rank]`.
fn answers_of(logits: &[Tensor]) -> candle_core::Result<Vec<Answer>> {
    let mut answers: Vec<Answer> = vec![Vec::with_capacity(logits.len()); logits[0].dim(0)?];
    for logits in logits {
        for (answer, p) in answers.iter_mut().zip(probabilities(logits)?.to_vec2::<f32>()?) {
            let class = most_likely(&p);
            answer.push((class, f64::from(p[class])));
        }
    }
    Ok(answers)
}

fn log_accuracies(figures: &Figures, branches: &[String], ranks: &[Name]) {
    let line = |branch: Option<usize>| {
        let shown = ranks.iter().enumerate().filter_map(|(rank, name)| {
            let key = Key {
                branch,
                input: 0,
                length: None,
                bin: None,
                rank: Some(rank),
                of: Of::Accuracy,
            };
            let figure = figures.figure(key)?;
            Some(format!("{name} {:.1} %", 100.0 * figure.value))
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    for (i, branch) in branches.iter().enumerate() {
        tracing::info!("{branch} alone: {}", line(Some(i)));
    }
    tracing::info!("accuracy: {}", line(None));
}
