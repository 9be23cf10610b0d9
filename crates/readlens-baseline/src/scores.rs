use std::collections::HashMap;

use readlens_metrics::{About, Bootstrap, Formula, Observation, Panel};
use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{Metric, Name, Operator, Over, Ranks, Split};

use crate::windows::Windows;

/// The rows of one baseline and rank: accuracy and its mean over taxa on the test split.
///
/// `places` are the labelled windows and `right` says which of them are predicted right.
pub(crate) fn rows(
    operator: Operator,
    rank: (usize, &Name),
    test: &Windows,
    places: &[usize],
    right: &[bool],
    bootstrap: &Bootstrap,
) -> Vec<MetricRow> {
    let label = |place: usize| test.taxa[place][rank.0].as_deref().unwrap_or_default();
    let mut windows: HashMap<&str, u32> = HashMap::new();
    places.iter().for_each(|&place| *windows.entry(label(place)).or_default() += 1);
    let mut panels = [Panel::new(1, bootstrap.replicates()), Panel::new(1, bootstrap.replicates())];
    let mut weights = Vec::new();
    let (mut record, mut last) = (0, None);
    for (&place, &is_right) in places.iter().zip(right) {
        let id = test.ids[place].as_str();
        if last != Some(id) {
            weights = bootstrap.weights(id);
            record += 1;
            last = Some(id);
        }
        let value = f64::from(u8::from(is_right));
        let of_taxon = windows.get(label(place)).copied().unwrap_or(1);
        for (panel, importance) in panels.iter_mut().zip([1.0, 1.0 / f64::from(of_taxon)]) {
            panel.add(&Observation::new(record, importance, &[value]), &weights);
        }
    }
    let about = About {
        over: Over::Split(Split::Test),
        ranks: Ranks::One(rank.1.clone()),
        ..About::new(None, operator)
    };
    let row = |(panel, metric): (&Panel, _)| about.row(metric, panel.figure(Formula::Mean(0)));
    panels.iter().zip([Metric::Accuracy, Metric::AccuracyMacro]).map(row).collect()
}
