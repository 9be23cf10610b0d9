use std::collections::HashMap;

use readlens_figures::{Bootstrap, Formula, Observation, Panel};
use readlens_tables::metrics::MetricRow;

use crate::windows::Windows;

/// The rows of one baseline and rank: accuracy and its mean over taxa on the test split.
///
/// `places` are the labelled windows and `right` says which of them are predicted right.
pub(crate) fn rows(
    operator: &str,
    rank: (usize, &str),
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
    let row = |(panel, metric): (&Panel, &str)| {
        let figure = panel.figure(Formula::Mean(0));
        MetricRow {
            method: "none".to_owned(),
            mask_rank: "none".to_owned(),
            operator: operator.to_owned(),
            share: None,
            split: "test".to_owned(),
            rank: rank.1.to_owned(),
            metric: metric.to_owned(),
            value: figure.value,
            ci_low: figure.interval.map(|ends| ends.0),
            ci_high: figure.interval.map(|ends| ends.1),
            n: u32::try_from(figure.windows).unwrap_or(u32::MAX),
        }
    };
    panels.iter().zip(["accuracy", "accuracy_macro"]).map(row).collect()
}
