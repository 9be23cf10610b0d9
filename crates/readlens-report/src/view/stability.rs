//! How alike masks are that should be alike, and those that should not.

use super::axis::{Scale, Tick};
use super::curves::short_percent;
use crate::figures::{Figures, Similarity, mask_order, rounded};
use crate::methods::title_of;
use crate::text::{decimal, px, spaced};

const WIDTH: f64 = 1000.0;
const LABELS: f64 = 205.0;
const ROW: f64 = 24.0;
const GAP: f64 = 13.0;
const TOP: f64 = 30.0;
/// Most plots and most panels of one.
const MAX_PLOTS: usize = 24;
const MAX_PANELS: usize = 6;

/// Labels of the comparisons, their titles, and whether the masks should be alike; a label may go
/// on after these words.
const OPERATORS: [(&str, &str, Expected); 6] = [
    ("seed", "Other seeds of the Explainer", Expected::Alike),
    ("reverse_complement", "Reverse complement", Expected::Alike),
    ("frame_shift", "Shifted frame", Expected::Alike),
    ("substitution", "Some bases substituted", Expected::Alike),
    ("randomized", "Randomised classifier", Expected::Unlike),
    ("permuted", "Permuted labels", Expected::Unlike),
];

/// What a comparison should show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    Alike,
    Unlike,
    Other,
}

impl Expected {
    fn style(self) -> &'static str {
        match self {
            Self::Alike => "keep",
            Self::Unlike => "hide",
            Self::Other => "control",
        }
    }
}

/// One comparison by one measure.
#[derive(Clone, Debug)]
pub(crate) struct Dot {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) interval: Option<(String, String)>,
    pub(crate) style: &'static str,
    pub(crate) note: String,
}

/// One measure.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) left: String,
    pub(crate) right: String,
    pub(crate) middle: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) dots: Vec<Dot>,
    /// Where masks without anything in common are: place and value.
    pub(crate) chance: Option<(String, String)>,
}

/// The comparisons of the masks of one method for one rank.
#[derive(Clone, Debug)]
pub(crate) struct StabilityPlot {
    pub(crate) heading: String,
    pub(crate) description: String,
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) top: String,
    pub(crate) bottom: String,
    /// Place and title.
    pub(crate) rows: Vec<(String, String)>,
    pub(crate) panels: Vec<Panel>,
}

/// Title of a comparison and what it should show.
fn meaning(operator: &str) -> (String, Expected) {
    let known = OPERATORS.iter().find_map(|(name, title, expected)| {
        Some((operator.strip_prefix(name)?, *title, *expected))
    });
    match known {
        Some(("", title, expected)) => (title.to_owned(), expected),
        Some((rest, title, expected)) if rest.starts_with(['-', '_', '.']) => {
            (format!("{title} ({})", spaced(&rest[1..])), expected)
        }
        _ => (spaced(operator), Expected::Other),
    }
}

/// A plot per method and rank explained, and whether some are left out.
pub(crate) fn stability_plots(figures: &Figures, ranks: &[String]) -> (Vec<StabilityPlot>, bool) {
    let mut subjects: Vec<(&str, &str)> = Vec::new();
    for row in &figures.similarities {
        let subject = (row.method.as_str(), row.mask_rank.as_str());
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects.sort_by_key(|(_, mask_rank)| mask_order(mask_rank, ranks));
    let has_more = subjects.len() > MAX_PLOTS;
    let plots = subjects.into_iter().take(MAX_PLOTS).map(|subject| {
        let of = |row: &&Similarity| (row.method.as_str(), row.mask_rank.as_str()) == subject;
        let rows: Vec<&Similarity> = figures.similarities.iter().filter(of).collect();
        let rank = if subject.1 == "all" { "all ranks".to_owned() } else { spaced(subject.1) };
        plot(format!("{}, mask for {rank}", title_of(subject.0)), &rows)
    });
    (plots.collect(), has_more)
}

fn plot(heading: String, rows: &[&Similarity]) -> StabilityPlot {
    let mut operators: Vec<(&str, String, Expected)> = Vec::new();
    let mut measures: Vec<(&str, Option<f32>)> = Vec::new();
    for row in rows {
        if operators.iter().all(|(name, ..)| *name != row.operator) {
            let (title, expected) = meaning(&row.operator);
            operators.push((&row.operator, title, expected));
        }
        let measure = (row.metric.as_str(), row.share);
        if !measures.contains(&measure) {
            measures.push(measure);
        }
    }
    operators.sort_by_key(|(_, _, expected)| *expected);
    measures.sort_by_key(|(metric, _)| match *metric {
        "spearman" => 0,
        "jaccard" => 1,
        _ => 2,
    });
    measures.truncate(MAX_PANELS);
    let mut y = TOP;
    let mut places = Vec::new();
    for (i, (_, _, expected)) in operators.iter().enumerate() {
        if i > 0 && operators[i - 1].2 != *expected {
            y += GAP;
        }
        places.push(y + ROW / 2.0);
        y += ROW;
    }
    let bottom = y + 4.0;
    let step = (WIDTH - LABELS) / measures.len().max(1) as f64;
    let mut told = Vec::new();
    let panels: Vec<Panel> = measures
        .iter()
        .enumerate()
        .map(|(i, (metric, share))| {
            let of_measure = |row: &&&Similarity| row.metric == *metric && row.share == *share;
            let least = rows
                .iter()
                .filter(of_measure)
                .map(|row| row.figure.interval.map_or(row.figure.value, |(low, _)| low))
                .fold(0.0, f64::min);
            let left = LABELS + i as f64 * step + 16.0;
            let right = LABELS + (i + 1) as f64 * step - 16.0;
            // Correlations can be negative; overlaps cannot.
            let from = if least < 0.0 { ((least * 5.0).floor() / 5.0).max(-1.0) } else { 0.0 };
            let scale = Scale { from: (from, 1.0), to: (left, right) };
            let title = measure_title(metric, *share);
            let dots = operators.iter().zip(&places).filter_map(|((name, row_title, e), place)| {
                let row = rows.iter().filter(of_measure).find(|row| row.operator == *name)?;
                let value = row.figure.value;
                if !value.is_finite() {
                    return None;
                }
                let interval = row.figure.interval;
                let range = interval.map_or_else(String::new, |(low, high)| {
                    format!(" (95 % interval {} to {})", decimal(low), decimal(high))
                });
                let note = format!("{row_title}: {title} {}{range}", decimal(value));
                told.push(note.clone());
                Some(Dot {
                    x: scale.at(value),
                    y: px(*place),
                    interval: interval.map(|(low, high)| (scale.at(low), scale.at(high))),
                    style: e.style(),
                    note,
                })
            });
            let dots = dots.collect();
            let chance = match (*metric, share) {
                ("spearman", _) => Some(0.0),
                ("jaccard", Some(share)) => Some(jaccard_of_chance(rounded(*share))),
                _ => None,
            };
            Panel {
                left: px(left),
                right: px(right),
                middle: px((left + right) / 2.0),
                ticks: scale.ticks(if measures.len() > 3 { 3 } else { 5 }, 1.0, ""),
                chance: chance.map(|value| (scale.at(value), decimal(value))),
                title,
                dots,
            }
        })
        .collect();
    StabilityPlot {
        description: format!("{heading}: {}", told.join("; ")),
        heading,
        width: px(WIDTH),
        height: px(bottom + 24.0),
        top: px(TOP - 4.0),
        bottom: px(bottom),
        rows: operators
            .into_iter()
            .zip(places)
            .map(|((_, title, _), place)| (px(place), title))
            .collect(),
        panels,
    }
}

fn measure_title(metric: &str, share: Option<f32>) -> String {
    match (metric, share) {
        ("spearman", _) => "Spearman".to_owned(),
        ("jaccard", Some(share)) => format!("Jaccard, top {} %", short_percent(rounded(share))),
        ("iou", _) => "IoU of hard masks".to_owned(),
        _ => spaced(metric),
    }
}

/// Jaccard index of two independent sets that each hold `share` of many places: the intersection
/// holds s² and the union 2s − s² of them.
fn jaccard_of_chance(share: f64) -> f64 {
    share / (2.0 - share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figure;

    fn row(operator: &str, metric: &str, share: Option<f32>, value: f64) -> Similarity {
        Similarity {
            method: "explainer".to_owned(),
            mask_rank: "all".to_owned(),
            operator: operator.to_owned(),
            metric: metric.to_owned(),
            share,
            figure: Figure { value, interval: Some((value - 0.1, value + 0.1)), n: 5 },
        }
    }

    #[test]
    fn rows_stand_by_what_they_should_show_and_every_figure_has_a_dot() {
        let similarities = vec![
            row("permuted", "spearman", None, -0.15),
            row("randomized-all", "jaccard", Some(0.1), 0.05),
            row("own", "spearman", None, 0.5),
            row("seed", "spearman", None, 0.9),
            row("seed", "jaccard", Some(0.1), 0.7),
            row("seeds", "spearman", None, 0.9),
        ];
        let mut figures = Figures::default();
        figures.similarities = similarities;
        let (plots, has_more) = stability_plots(&figures, &[]);
        assert!(!has_more);
        let titles: Vec<&str> = plots[0].rows.iter().map(|(_, title)| title.as_str()).collect();
        let expected = [
            "Other seeds of the Explainer",
            "Permuted labels",
            "Randomised classifier (all)",
            "own",
            "seeds",
        ];
        assert_eq!(titles, expected);
        let dots: usize = plots[0].panels.iter().map(|panel| panel.dots.len()).sum();
        assert_eq!(dots, 6);
        // The axis of a correlation reaches down to −.4, where the interval ends at −.25.
        // So zero, which is chance, lies at 4/14 of the panel from 221 to 586.5.
        let zero = (px(221.0 + 4.0 / 14.0 * 365.5), "0.000".to_owned());
        assert_eq!(plots[0].panels[0].chance, Some(zero));
        // Two random tenths: .01 in both, .19 in either.
        assert!((jaccard_of_chance(0.1) - 0.01 / 0.19).abs() < 1e-12);
    }

    #[test]
    fn without_comparisons_there_is_no_plot() {
        assert!(stability_plots(&Figures::default(), &[]).0.is_empty());
    }
}
