use std::collections::HashMap;

use readlens_figures::{Bootstrap, Formula, Observation, Panel, Split};
use readlens_tables::metrics::MetricRow;

use crate::key::{Key, Metric};

/// Most figures: memory is in proportion to it, and a hostile table could name endlessly many
/// methods.
pub(crate) const MAX_FIGURES: usize = 16_384;
/// Rank of figures that belong to no single predicted rank.
const ALL: &str = "all";

/// All figures in the making.
#[derive(Debug)]
pub(crate) struct Ledger {
    bootstrap: Bootstrap,
    panels: HashMap<Key, Panel>,
    /// The current record with its ordinal and its weights.
    record: Option<(String, u64, Vec<f64>)>,
}

/// There are more figures than anyone can mean.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Ledger {
    pub(crate) fn new(bootstrap: Bootstrap) -> Self {
        Self { bootstrap, panels: HashMap::new(), record: None }
    }

    /// What is observed next belongs to the record `id`; its windows come one after another.
    pub(crate) fn begin_record(&mut self, id: &str) {
        let ordinal = match &self.record {
            Some((last, ..)) if last == id => return,
            Some((_, ordinal, _)) => ordinal + 1,
            None => 0,
        };
        self.record = Some((id.to_owned(), ordinal, self.bootstrap.weights(id)));
    }

    /// Adds the value of a window of the current record to the mean of `key`.
    pub(crate) fn observe(&mut self, key: Key, value: f64) -> Result<(), TooMany> {
        let Some((_, record, weights)) = &self.record else { return Ok(()) };
        if self.panels.len() == MAX_FIGURES && !self.panels.contains_key(&key) {
            return Err(TooMany);
        }
        let replicates = self.bootstrap.replicates();
        let panel = self.panels.entry(key).or_insert_with(|| Panel::new(1, replicates));
        panel.add(&Observation::new(*record, 1.0, &[value]), weights);
        Ok(())
    }

    /// All figures, of every split and of all together, in an order that depends on names alone.
    pub(crate) fn finish(
        self,
        ranks: &[String],
        labels: &[String],
        shares: &[f64],
    ) -> Vec<MetricRow> {
        let mut panels: Vec<(Key, Panel)> = self.panels.into_iter().collect();
        panels.sort_by(|(a, _), (b, _)| a.compare(b, ranks));
        // Sums of floats depend on their order, which is now that of the splits.
        let mut all: Vec<(Key, Panel)> = Vec::new();
        for (key, panel) in &panels {
            let key = Key { split: Split::All, ..key.clone() };
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some((_, sum)) => sum.merge(panel),
                None => all.push((key, panel.clone())),
            }
        }
        panels.extend(all);
        panels.sort_by(|(a, _), (b, _)| a.compare(b, ranks));
        let row = |(key, panel): (Key, Panel)| {
            let figure = panel.figure(Formula::Mean(0));
            MetricRow {
                method: key.method,
                mask_rank: key.mask_rank,
                operator: labels[key.label].clone(),
                share: match key.metric {
                    Metric::Jaccard(place) => Some(shares[place] as f32),
                    _ => None,
                },
                split: key.split.name().to_owned(),
                rank: ALL.to_owned(),
                metric: key.metric.name().to_owned(),
                value: figure.value,
                ci_low: figure.interval.map(|ends| ends.0),
                ci_high: figure.interval.map(|ends| ends.1),
                n: u32::try_from(figure.windows).unwrap_or(u32::MAX),
            }
        };
        panels.into_iter().map(row).collect()
    }
}
