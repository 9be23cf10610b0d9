use readlens_fault::{Fault, InputFault};
use readlens_metrics::{Bootstrap, Figure, Panel, TooMany};
use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{MaskName, Operator, Ranks, Word};

use crate::key::{Key, KeyNames};

/// Maximum number of different names: a hostile table could have endlessly many.
const MAX_NAMES: usize = 4096;

/// The fault about a row that names one thing too many.
pub(crate) fn too_many(row: InputFault) -> impl FnOnce(TooMany) -> Fault {
    move |found| found.at(row, "evaluate fewer methods at a time, or with fewer --replicates")
}

/// All figures in the making, and the names of what they are about.
#[derive(Debug)]
pub(crate) struct Ledger {
    names: KeyNames,
    figures: readlens_metrics::Ledger<Key>,
}

impl Ledger {
    pub(crate) fn new(bootstrap: Bootstrap) -> Self {
        Self { names: KeyNames::default(), figures: readlens_metrics::Ledger::new(bootstrap) }
    }

    /// The number of masks in the keys.
    pub(crate) fn mask(&mut self, name: &MaskName) -> Result<u32, TooMany> {
        let number = self.names.masks.number(name);
        self.checked(number)
    }

    /// The number of an operator in the keys.
    pub(crate) fn operator(&mut self, operator: &Word<Operator>) -> Result<u32, TooMany> {
        let number = self.names.operators.number(operator);
        self.checked(number)
    }

    /// The number of a rank in the keys.
    pub(crate) fn rank(&mut self, ranks: &Ranks) -> Result<u32, TooMany> {
        let number = self.names.ranks.number(ranks);
        self.checked(number)
    }

    fn checked(&self, number: u32) -> Result<u32, TooMany> {
        if self.names.len() > MAX_NAMES { Err(TooMany::Names(MAX_NAMES)) } else { Ok(number) }
    }

    /// What is observed next belongs to the record `id`; its windows come one after another.
    pub(crate) fn begin_record(&mut self, id: &str) {
        self.figures.begin_record(id);
    }

    /// Adds a window of the current record to the sums of `key`; see
    /// [`readlens_metrics::Ledger::observe`].
    pub(crate) fn observe(
        &mut self,
        key: Key,
        importance: f64,
        values: &[f64],
    ) -> Result<(), TooMany> {
        self.figures.observe(key, importance, values)
    }

    /// Adds a window to the sums from the one at `first` on.
    pub(crate) fn observe_at(
        &mut self,
        key: Key,
        importance: f64,
        first: usize,
        values: &[f64],
    ) -> Result<(), TooMany> {
        self.figures.observe_at(key, importance, first, values)
    }

    /// All figures, in an order that depends on the names alone; `ranks` are the tokens table's.
    pub(crate) fn finish(self, ranks: &[String]) -> Vec<MetricRow> {
        let Self { names, figures } = self;
        let mut found = figures.finish(of_panel);
        found.sort_by(|(a, _), (b, _)| names.compare(ranks, a, b));
        let rows = found.iter().flat_map(|(key, figures)| {
            let about = names.about(key);
            let metrics = key.kind.metrics().iter().zip(figures);
            metrics.map(move |(&metric, &figure)| about.row(metric, figure))
        });
        rows.collect()
    }
}

/// The figures of a panel, in the order of their metrics.
fn of_panel(key: &Key, panel: &Panel) -> Vec<Figure> {
    (0..key.kind.metrics().len()).map(|place| panel.figure(key.kind.formula(place))).collect()
}
