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
/// ranks) with graded operators under four removals, three ranks and two splits take 1.8e8 of them
/// at 1000 replicates.
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

    /// Whether the figure of all windows is made of the sums of the splits. It is observed by
    /// itself otherwise.
    fn adds_up(&self) -> bool;

    /// The windows.
    fn over(&self) -> Over;

    /// The same over other windows.
    fn with_over(self, over: Over) -> Self;
}

/// A table asks for more figures than anyone can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// More methods, operators and ranks than this maximum.
    Names(usize),
    /// More sums of their combinations than memory is for.
    Sums,
}

impl TooMany {
    /// The fault about the row that was one too many; `remedy` says how to ask for fewer.
    pub fn at(self, row: InputFault, remedy: &str) -> Fault {
        let expected = match self {
            Self::Names(maximum) => format!("at most {maximum} methods, operators and ranks"),
            Self::Sums => {
                format!("at most {MAX_CELLS} sums of combinations of methods, operators and ranks")
            }
        };
        row.expected(expected).found("more").remedy(remedy).into()
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
            return Err(TooMany::Sums);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::Formula;
    use crate::panel::Figure;
    use readlens_tables::vocabulary::Split;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct Key {
        name: u32,
        adds_up: bool,
        over: Over,
    }

    impl Subject for Key {
        fn sums(&self) -> usize {
            2
        }

        fn is_point(&self) -> bool {
            false
        }

        fn adds_up(&self) -> bool {
            self.adds_up
        }

        fn over(&self) -> Over {
            self.over
        }

        fn with_over(self, over: Over) -> Self {
            Self { over, ..self }
        }
    }

    const OVER: [Over; 3] = [Over::Split(Split::Train), Over::Split(Split::Test), Over::Unassigned];

    fn key(name: u32, over: Over) -> Key {
        Key { name, adds_up: true, over }
    }

    /// Two windows of each of 900 records, more than one update of the replicates; all numbers are
    /// sums of powers of two, so that no order of adding them rounds.
    fn windows() -> impl Iterator<Item = (String, Over, [f64; 2])> {
        (0..1800_usize).map(|window| {
            let (record, value) = (window / 2, (window * 7 % 8) as f64 / 8.0);
            (format!("r{record}"), OVER[record % 3], [value, 1.0 - value])
        })
    }

    fn figures(_: &Key, panel: &Panel) -> [Figure; 2] {
        [panel.figure(Formula::Mean(0)), panel.figure(Formula::Ratio(1, 0))]
    }

    fn found(ledger: Ledger<Key>) -> HashMap<Key, [Figure; 2]> {
        let found = ledger.finish(figures);
        let count = found.len();
        let found: HashMap<Key, [Figure; 2]> = found.into_iter().collect();
        assert_eq!(found.len(), count, "a key has two figures");
        found
    }

    #[test]
    fn sums_over_splits_are_those_of_one_panel_over_all() -> Result<(), TooMany> {
        let bootstrap = Bootstrap::new(3, 100);
        let mut ledger = Ledger::new(bootstrap.clone());
        let mut panels: HashMap<Over, Panel> = HashMap::new();
        for (ordinal, (id, over, values)) in windows().enumerate() {
            ledger.begin_record(&id);
            ledger.observe(key(1, over), 1.0, &values)?;
            for over in [over, Over::All] {
                let panel = panels.entry(over).or_insert_with(|| Panel::new(2, 100));
                let observation = Observation::new(ordinal as u64 / 2, 1.0, &values);
                panel.add(&observation, &bootstrap.weights(&id));
            }
        }
        let found = found(ledger);
        assert_eq!(found.len(), 4);
        for (over, panel) in panels {
            assert_eq!(found[&key(1, over)], figures(&key(1, over), &panel), "{over}");
        }
        let [mean, _] = found[&key(1, Over::All)];
        assert!(mean.windows == 1800 && mean.interval.is_some());
        Ok(())
    }

    #[test]
    fn a_figure_that_does_not_add_up_is_over_what_it_was_observed_over() -> Result<(), TooMany> {
        let mut ledger = Ledger::new(Bootstrap::new(3, 10));
        for (id, over, values) in windows() {
            ledger.begin_record(&id);
            ledger.observe(Key { adds_up: false, ..key(1, over) }, 1.0, &values)?;
            // One split alone is all windows too.
            if over == OVER[1] {
                ledger.observe_at(key(2, over), 0.5, 1, &values[..1])?;
            }
        }
        let found = found(ledger);
        assert_eq!(found.len(), 3 + 2);
        assert!(found.keys().all(|key| key.adds_up || key.over != Over::All));
        let [one, all] = [OVER[1], Over::All].map(|over| found[&key(2, over)]);
        assert_eq!(one[0], all[0]);
        // The first of the two sums was left out.
        assert_eq!((one[0].value, one[0].windows), (0.0, 600));
        Ok(())
    }

    #[test]
    fn endless_figures_are_refused() {
        let mut ledger = Ledger::new(Bootstrap::new(3, 100_000));
        ledger.begin_record("r");
        let mut refused =
            (0..).map(|name| ledger.observe(key(name, Over::All), 1.0, &[0.0]).is_err());
        // 300,003 numbers each.
        assert_eq!(refused.position(|is_refused| is_refused), Some(MAX_CELLS / 300_003));
    }
}
