use std::collections::HashMap;

use rayon::prelude::*;
use readlens_fault::{Fault, InputFault};
use readlens_figures::{Bootstrap, MAX_METRICS, Observation, Panel};
use readlens_tables::metrics::MetricRow;

use crate::key::{Key, Kind, Names, Share, Split};

/// Most combinations of method, operator, rank, split and kind of metric: memory is in
/// proportion to it, and a hostile table could name endlessly many.
const MAX_PANELS: usize = 16_384;
/// Most different names.
const MAX_NAMES: usize = 4096;
/// Records between two updates of the replicates.
const RECORDS_PER_UPDATE: usize = 256;
/// Observations between two updates of the replicates.
const OBSERVATIONS_PER_UPDATE: usize = 1 << 18;

/// A table names more methods, operators or ranks than anyone can mean.
#[derive(Debug)]
pub(crate) struct TooMany;

impl TooMany {
    /// The fault about the row that was one too many.
    pub(crate) fn at(self, row: InputFault) -> Fault {
        row.expected(format!(
            "at most {MAX_NAMES} methods, operators and ranks in {MAX_PANELS} combinations"
        ))
        .found("more")
        .remedy("evaluate fewer methods at a time")
        .into()
    }
}

/// All figures in the making.
///
/// Observations are kept back and added panel by panel, in their order, on all threads: the sums
/// are then the same for any number of threads.
#[derive(Debug)]
pub(crate) struct Ledger {
    names: Names,
    bootstrap: Bootstrap,
    panels: Vec<(Key, Panel, Vec<Observation>)>,
    places: HashMap<Key, usize>,
    /// Ids of the records that observations are kept back of; the last is the current one.
    records: Vec<String>,
    /// Ordinal of the first of them.
    first_record: u64,
    kept_back: usize,
}

impl Ledger {
    pub(crate) fn new(bootstrap: Bootstrap) -> Self {
        Self {
            names: Names::default(),
            bootstrap,
            panels: Vec::new(),
            places: HashMap::new(),
            records: Vec::new(),
            first_record: 0,
            kept_back: 0,
        }
    }

    /// The place of a method, operator or rank in the keys.
    pub(crate) fn place(&mut self, name: &str) -> Result<u32, TooMany> {
        let place = self.names.place(name);
        if self.names.len() > MAX_NAMES { Err(TooMany) } else { Ok(place) }
    }

    /// What is observed next belongs to the record `id`; its windows come one after another.
    pub(crate) fn begin_record(&mut self, id: &str) {
        if self.records.last().is_some_and(|last| last == id) {
            return;
        }
        if self.records.len() >= RECORDS_PER_UPDATE {
            self.update();
            self.first_record += self.records.len() as u64;
            self.records.clear();
        }
        self.records.push(id.to_owned());
    }

    /// Adds a window of the current record to the means of `key`, with the weight `importance`.
    pub(crate) fn observe(
        &mut self,
        key: Key,
        importance: f64,
        values: &[f64],
    ) -> Result<(), TooMany> {
        let place = match self.places.get(&key) {
            Some(&place) => place,
            None if self.panels.len() == MAX_PANELS => return Err(TooMany),
            None => {
                let panel = Panel::new(key.kind.metrics().len(), self.bootstrap.replicates());
                self.places.insert(key, self.panels.len());
                self.panels.push((key, panel, Vec::new()));
                self.panels.len() - 1
            }
        };
        let record = self.first_record + (self.records.len() as u64).saturating_sub(1);
        let mut kept = [0.0; MAX_METRICS];
        kept[..values.len()].copy_from_slice(values);
        self.panels[place].2.push(Observation { record, importance, values: kept });
        self.kept_back += 1;
        if self.kept_back == OBSERVATIONS_PER_UPDATE {
            self.update();
        }
        Ok(())
    }

    fn update(&mut self) {
        let bootstrap = &self.bootstrap;
        let weights: Vec<Vec<f64>> =
            self.records.par_iter().map(|id| bootstrap.weights(id)).collect();
        let first = self.first_record;
        self.panels.par_iter_mut().for_each(|(_, panel, observations)| {
            for observation in observations.drain(..) {
                panel.add(&observation, &weights[(observation.record - first) as usize]);
            }
        });
        self.kept_back = 0;
    }

    /// All figures, in an order that depends on the names alone; `ranks` are the tokens table's.
    pub(crate) fn finish(mut self, ranks: &[String]) -> Vec<MetricRow> {
        self.update();
        let names = self.names;
        let mut panels: Vec<(Key, Panel)> =
            self.panels.into_iter().map(|(key, panel, _)| (key, panel)).collect();
        panels.sort_by(|(a, _), (b, _)| names.compare(ranks, a, b));
        panels.extend(all_splits(&panels));
        panels.sort_by(|(a, _), (b, _)| names.compare(ranks, a, b));
        let rows = panels.iter().flat_map(|(key, panel)| {
            let metrics = key.kind.metrics().iter().enumerate();
            metrics.map(|(metric, name)| {
                let figure = panel.figure(metric);
                MetricRow {
                    method: names.name(key.method).to_owned(),
                    mask_rank: names.name(key.mask_rank).to_owned(),
                    operator: names.name(key.operator).to_owned(),
                    share: key.share.map(Share::value),
                    split: key.split.name().to_owned(),
                    rank: names.name(key.rank).to_owned(),
                    metric: (*name).to_owned(),
                    value: figure.value,
                    ci_low: figure.interval.map(|ends| ends.0),
                    ci_high: figure.interval.map(|ends| ends.1),
                    n: u32::try_from(figure.windows).unwrap_or(u32::MAX),
                }
            })
        });
        rows.collect()
    }
}

/// The panels over all splits, from those of the splits. The mean over taxa is no sum over
/// splits: it is observed for all splits directly.
fn all_splits(panels: &[(Key, Panel)]) -> Vec<(Key, Panel)> {
    let mut all: Vec<(Key, Panel)> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for (key, panel) in panels {
        if key.kind == Kind::AccuracyMacro {
            continue;
        }
        let key = Key { split: Split::All, ..*key };
        match places.get(&key) {
            Some(&place) => all[place].1.merge(panel),
            None => {
                places.insert(key, all.len());
                all.push((key, panel.clone()));
            }
        }
    }
    all
}
