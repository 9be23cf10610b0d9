use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use rayon::prelude::*;
use readlens_fault::{Fault, InputFault};
use readlens_tables::vocabulary::Over;

use crate::bootstrap::Bootstrap;
use crate::panel::{MAX_VALUES, Observation, Panel};

/// Maximum of the numbers that all sums and their replicates may take: 2 GiB.
///
/// A hostile table could name endlessly many operators. 45 masks per window (fifteen methods, three
/// ranks) with graded operators under four removals, three ranks and two splits take 1.8e8 of them at
/// 1000 replicates.
const MAX_CELLS: usize = 1 << 28;
/// Maximum of the replicates behind the intervals of a curve's points, of which there are many.
const CURVE_REPLICATES: usize = 250;
/// Records between two updates of the replicates.
const RECORDS_PER_UPDATE: usize = 256;
/// Observations between two updates of the replicates.
const OBSERVATIONS_PER_UPDATE: usize = 1 << 18;

/// What the figures of a panel are about, in a form that is cheap to copy.
pub trait Subject: Copy + Eq + Hash + Send + Sync + fmt::Debug {
    /// How many sums its panel keeps.
    fn sums(&self) -> usize;

    /// Whether it is one of many points of a curve, whose intervals need fewer replicates.
    fn is_point(&self) -> bool;

    /// Whether the figure of all windows is made of the sums of the splits. It is observed by itself
    /// otherwise.
    fn adds_up(&self) -> bool;

    /// The windows.
    fn over(&self) -> Over;

    /// The same over other windows.
    fn with_over(self, over: Over) -> Self;
}

/// A table asks for more figures than anyone can mean.
#[derive(Debug)]
pub struct TooMany;

impl TooMany {
    /// The fault about the row that was one too many; `remedy` says how to ask for fewer.
    pub fn at(self, row: InputFault, remedy: &str) -> Fault {
        row.expected(format!(
            "at most {MAX_CELLS} sums of combinations of methods, operators and ranks"
        ))
        .found("more")
        .remedy(remedy)
        .into()
    }
}

/// All figures of a table in the making.
///
/// Observations are kept back and added panel by panel, in their order, on all threads: the sums
/// are then the same for any number of threads.
#[derive(Debug)]
pub struct Ledger<S> {
    bootstrap: Bootstrap,
    panels: Vec<(S, Panel, Vec<Observation>)>,
    places: HashMap<S, usize>,
    /// Ids of the records that observations are kept back of; the last is the current one.
    records: Vec<String>,
    /// Ordinal of the first of them.
    first_record: u64,
    kept_back: usize,
    /// Numbers that the panels keep.
    cells: usize,
}

impl<S: Subject> Ledger<S> {
    /// No figures yet.
    pub fn new(bootstrap: Bootstrap) -> Self {
        Self {
            bootstrap,
            panels: Vec::new(),
            places: HashMap::new(),
            records: Vec::new(),
            first_record: 0,
            kept_back: 0,
            cells: 0,
        }
    }

    /// What is observed next belongs to the record `id`; its windows come one after another.
    pub fn begin_record(&mut self, id: &str) {
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

    /// Adds a window of the current record to the sums of `subject`, with the weight `importance`;
    /// one value per sum, at most [`MAX_VALUES`].
    ///
    /// # Errors
    /// There would be more sums than memory is for.
    pub fn observe(&mut self, subject: S, importance: f64, values: &[f64]) -> Result<(), TooMany> {
        self.observe_at(subject, importance, 0, values)
    }

    /// Adds a window to the sums from the one at `first` on; what it adds to the others is 0.
    ///
    /// # Errors
    /// As [`Self::observe`].
    pub fn observe_at(
        &mut self,
        subject: S,
        importance: f64,
        first: usize,
        values: &[f64],
    ) -> Result<(), TooMany> {
        let place = match self.places.get(&subject) {
            Some(&place) => place,
            None => self.add_panel(subject)?,
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

    fn add_panel(&mut self, subject: S) -> Result<usize, TooMany> {
        let replicates = match subject.is_point() {
            true => self.bootstrap.replicates().min(CURVE_REPLICATES),
            false => self.bootstrap.replicates(),
        };
        let sums = subject.sums();
        self.cells += Panel::cells(sums, replicates);
        if self.cells > MAX_CELLS {
            return Err(TooMany);
        }
        let place = self.panels.len();
        self.places.insert(subject, place);
        self.panels.push((subject, Panel::new(sums, replicates), Vec::new()));
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

    /// What `figures` makes of each panel, of the splits and of all windows together, in no order.
    pub fn finish<T: Send>(mut self, figures: impl Fn(&S, &Panel) -> T + Sync) -> Vec<(S, T)> {
        self.update();
        let panels = self.panels;
        let mut groups: HashMap<S, Vec<usize>> = HashMap::new();
        for (place, (subject, ..)) in panels.iter().enumerate() {
            if subject.adds_up() {
                groups.entry(subject.with_over(Over::All)).or_default().push(place);
            }
        }
        let single = |(subject, panel, _): &(S, Panel, _)| (*subject, figures(subject, panel));
        let mut found: Vec<(S, T)> = panels.par_iter().map(single).collect();
        let all_splits = |(subject, mut places): (S, Vec<usize>)| {
            // Sums of floats depend on their order, which is that of the splits.
            places.sort_unstable_by_key(|&place| panels[place].0.over());
            let (first, others) = places.split_first()?;
            if others.is_empty() {
                return Some((subject, figures(&subject, &panels[*first].1)));
            }
            let mut all = panels[*first].1.clone();
            others.iter().for_each(|&place| all.merge(&panels[place].1));
            Some((subject, figures(&subject, &all)))
        };
        found.par_extend(groups.into_par_iter().filter_map(all_splits));
        found
    }
}
