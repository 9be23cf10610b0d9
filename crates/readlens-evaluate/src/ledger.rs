use std::collections::HashMap;

use rayon::prelude::*;
use readlens_fault::{Fault, InputFault};
use readlens_figures::{Bootstrap, Figure, MAX_VALUES, Names, Observation, Panel, Split};
use readlens_tables::metrics::MetricRow;

use crate::key::{Key, Share, compare};
use crate::kind::Kind;

/// Most numbers that all sums and their replicates may take: 2 GiB. A hostile table could name endlessly many
/// operators; 45 masks per window (fifteen methods, three ranks) with graded operators under four removals, three ranks
/// and two splits take 1.8e8 of them at 1000 replicates.
const MAX_CELLS: usize = 1 << 28;
/// Most replicates behind the intervals of graded operators, whose many points make one curve.
const GRADED_REPLICATES: usize = 250;
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
            "at most {MAX_NAMES} methods, operators and ranks, and {MAX_CELLS} sums of their combinations"
        ))
        .found("more")
        .remedy("evaluate fewer methods at a time, or with fewer --replicates")
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
    /// Numbers that the panels keep.
    cells: usize,
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
            cells: 0,
        }
    }

    /// The place of a method, operator or rank in the keys.
    pub(crate) fn place(&mut self, name: &str) -> Result<u32, TooMany> {
        let place = self.names.place(name);
        if self.names.iter().len() > MAX_NAMES { Err(TooMany) } else { Ok(place) }
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

    /// Adds a window of the current record to the sums of `key`, with the weight `importance`; one value per sum.
    pub(crate) fn observe(
        &mut self,
        key: Key,
        importance: f64,
        values: &[f64],
    ) -> Result<(), TooMany> {
        self.observe_at(key, importance, 0, values)
    }

    /// Adds a window to the sums from the one at `first` on; what it adds to the others is 0.
    pub(crate) fn observe_at(
        &mut self,
        key: Key,
        importance: f64,
        first: usize,
        values: &[f64],
    ) -> Result<(), TooMany> {
        let place = match self.places.get(&key) {
            Some(&place) => place,
            None => self.add_panel(key)?,
        };
        let record = self.first_record + (self.records.len() as u64).saturating_sub(1);
        let mut kept = [0.0; MAX_VALUES];
        kept[..values.len()].copy_from_slice(values);
        let (first, count) = (first as u8, values.len() as u8);
        self.panels[place].2.push(Observation {
            record,
            importance,
            place: first,
            count,
            values: kept,
        });
        self.kept_back += 1;
        if self.kept_back == OBSERVATIONS_PER_UPDATE {
            self.update();
        }
        Ok(())
    }

    fn add_panel(&mut self, key: Key) -> Result<usize, TooMany> {
        let replicates = match key.share {
            Some(_) => self.bootstrap.replicates().min(GRADED_REPLICATES),
            None => self.bootstrap.replicates(),
        };
        let sums = key.kind.sums();
        self.cells += Panel::cells(sums, replicates);
        if self.cells > MAX_CELLS {
            return Err(TooMany);
        }
        let place = self.panels.len();
        self.places.insert(key, place);
        self.panels.push((key, Panel::new(sums, replicates), Vec::new()));
        Ok(place)
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
        let panels = self.panels;
        let mut groups: HashMap<Key, Vec<usize>> = HashMap::new();
        for (place, (key, _, _)) in panels.iter().enumerate() {
            // The mean over taxa is no sum over splits: it was observed for all splits directly.
            if key.kind != Kind::AccuracyMacro {
                groups.entry(Key { split: Split::All, ..*key }).or_default().push(place);
            }
        }
        let single = |(key, panel, _): &(Key, Panel, _)| (*key, figures(*key, panel));
        let mut found: Vec<(Key, Vec<Figure>)> = panels.par_iter().map(single).collect();
        let all_splits = |(key, mut places): (Key, Vec<usize>)| {
            places.sort_unstable_by_key(|&place| panels[place].0.split);
            let (first, others) = places.split_first()?;
            if others.is_empty() {
                return Some((key, figures(key, &panels[*first].1)));
            }
            let mut all = panels[*first].1.clone();
            others.iter().for_each(|&place| all.merge(&panels[place].1));
            Some((key, figures(key, &all)))
        };
        found.par_extend(groups.into_par_iter().filter_map(all_splits));
        found.par_sort_by(|(a, _), (b, _)| compare(&names, ranks, a, b));
        let rows = found.iter().flat_map(|(key, figures)| {
            key.kind.names().iter().zip(figures).map(|(name, figure)| MetricRow {
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
            })
        });
        rows.collect()
    }
}

/// The figures of a panel, in the order of their names.
fn figures(key: Key, panel: &Panel) -> Vec<Figure> {
    (0..key.kind.names().len()).map(|place| panel.figure(key.kind.formula(place))).collect()
}
