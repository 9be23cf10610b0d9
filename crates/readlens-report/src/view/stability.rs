//! How alike masks are that should be alike, and those that should not.

use readlens_tables::vocabulary::{MaskName, Metric, Name, Operator, Word};

use super::axis::{Scale, Tick};
use super::curves::short_percent;
use super::rows::{Rows, TOP, WIDTH, panel};
use crate::methods::title_of_mask;
use crate::metrics_table::{Figures, Similarity, mask_order, rounded};
use crate::operators::words;
use crate::text::{decimal, px, spaced};

const ROW: f64 = 24.0;
/// Maximum number of plots, and of panels of one.
const MAX_PLOTS: usize = 24;
const MAX_PANELS: usize = 6;
/// The measures that are drawn, in their order; distances have no common axis with them.
const MEASURES: [Metric; 3] = [Metric::Spearman, Metric::Jaccard, Metric::Iou];

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

/// What a comparison with an operator should show.
const fn expected(operator: Operator) -> Expected {
    match operator {
        Operator::Seed
        | Operator::ReverseComplement
        | Operator::FrameShift
        | Operator::Substitution => Expected::Alike,
        Operator::Randomized | Operator::Permuted => Expected::Unlike,
        Operator::Unmasked
        | Operator::MajorityClass
        | Operator::Mask
        | Operator::Masked
        | Operator::Inverse
        | Operator::HardMasked
        | Operator::HardInverse
        | Operator::RandomBlock
        | Operator::RandomBlockInverse
        | Operator::RandomSegments
        | Operator::RandomSegmentsInverse
        | Operator::Shifted
        | Operator::Shuffled
        | Operator::ForeignMask
        | Operator::WrongClass
        | Operator::WrongClassBlock
        | Operator::AllZero
        | Operator::AllMean
        | Operator::AllUnknown
        | Operator::AllShuffled
        | Operator::Constant
        | Operator::Aopc
        | Operator::AopcBlock
        | Operator::KeepTop
        | Operator::RemoveTop
        | Operator::KeepBlock
        | Operator::RemoveBlock
        | Operator::SoftKeep
        | Operator::SoftRemove
        | Operator::RandomSubset
        | Operator::JudgeUnmasked
        | Operator::JudgeHardMasked
        | Operator::JudgeRandomBlock
        | Operator::Probe
        | Operator::RetrainedKept
        | Operator::RetrainedRemoved
        | Operator::Surrogate
        | Operator::KmerLogisticRegression
        | Operator::KmerNaiveBayes
        | Operator::KmerVoting => Expected::Other,
    }
}

/// Title of a comparison and what it should show.
fn meaning(row: &Similarity) -> (String, Expected) {
    let (title, expected) = match &row.operator {
        Word::Known(operator) => (words(*operator).title.to_owned(), expected(*operator)),
        Word::Foreign(name) => (spaced(name), Expected::Other),
    };
    match &row.variant {
        None => (title, expected),
        Some(variant) => (format!("{title} ({})", spaced(variant)), expected),
    }
}

/// A plot per mask, and whether some are left out.
pub(crate) fn stability_plots(figures: &Figures, ranks: &[Name]) -> (Vec<StabilityPlot>, bool) {
    let drawn = || figures.similarities.iter().filter(|row| MEASURES.contains(&row.metric));
    let mut subjects: Vec<&MaskName> = Vec::new();
    for row in drawn() {
        if !subjects.contains(&&row.mask) {
            subjects.push(&row.mask);
        }
    }
    subjects.sort_by_key(|mask| mask_order(&mask.ranks, ranks));
    let has_more = subjects.len() > MAX_PLOTS;
    let plots = subjects.into_iter().take(MAX_PLOTS).map(|mask| {
        let rows: Vec<&Similarity> = drawn().filter(|row| row.mask == *mask).collect();
        plot(title_of_mask(mask), &rows)
    });
    (plots.collect(), has_more)
}

/// What a row of the plot compares.
type Comparison<'a> = (&'a Word<Operator>, &'a Option<String>);

fn plot(heading: String, rows: &[&Similarity]) -> StabilityPlot {
    let mut comparisons: Vec<(Comparison<'_>, String, Expected)> = Vec::new();
    let mut measures: Vec<(Metric, Option<f32>)> = Vec::new();
    for row in rows {
        let comparison = (&row.operator, &row.variant);
        if comparisons.iter().all(|(known, ..)| *known != comparison) {
            let (title, expected) = meaning(row);
            comparisons.push((comparison, title, expected));
        }
        let measure = (row.metric, row.share);
        if !measures.contains(&measure) {
            measures.push(measure);
        }
    }
    comparisons.sort_by_key(|(_, _, expected)| *expected);
    measures.sort_by_key(|(metric, _)| MEASURES.iter().position(|known| known == metric));
    measures.truncate(MAX_PANELS);
    let Rows { places, bottom } = Rows::of(comparisons.iter().map(|(_, _, e)| e), ROW);
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
            let (left, right) = panel(i, measures.len(), 16.0);
            // Correlations can be negative; overlaps cannot.
            let from = if least < 0.0 { ((least * 5.0).floor() / 5.0).max(-1.0) } else { 0.0 };
            let scale = Scale { from: (from, 1.0), to: (left, right) };
            let title = measure_title(*metric, *share);
            let dots = comparisons.iter().zip(&places).filter_map(|(compared, place)| {
                let (comparison, row_title, e) = compared;
                let is_of = |row: &&&Similarity| (&row.operator, &row.variant) == *comparison;
                let row = rows.iter().filter(of_measure).find(is_of)?;
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
                (Metric::Spearman, _) => Some(0.0),
                (Metric::Jaccard, Some(share)) => Some(jaccard_of_chance(rounded(*share))),
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
        rows: comparisons
            .into_iter()
            .zip(places)
            .map(|((_, title, _), place)| (px(place), title))
            .collect(),
        panels,
    }
}

fn measure_title(metric: Metric, share: Option<f32>) -> String {
    match (metric, share) {
        (Metric::Spearman, _) => "Spearman".to_owned(),
        (Metric::Jaccard, Some(share)) => {
            format!("Jaccard, top {} %", short_percent(rounded(share)))
        }
        (Metric::Iou, _) => "IoU of hard masks".to_owned(),
        _ => spaced(metric.name()),
    }
}

/// Jaccard index of two independent sets that each hold `share` of many places: the intersection
/// holds s² and the union 2s − s² of them.
fn jaccard_of_chance(share: f64) -> f64 {
    share / (2.0 - share)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use readlens_tables::vocabulary::{Method, MethodKind, Ranks};

    use super::*;
    use crate::metrics_table::Figure;

    fn row(operator: &str, metric: Metric, share: Option<f32>, value: f64) -> Similarity {
        let name = "explainer".parse().unwrap();
        Similarity {
            mask: MaskName {
                method: Method { kind: MethodKind::Explainer, name, replicate: 1 },
                ranks: Ranks::All,
            },
            operator: Word::of(operator),
            variant: (operator == "randomized").then(|| "all".to_owned()),
            metric,
            share,
            figure: Figure { value, interval: Some((value - 0.1, value + 0.1)), n: 5 },
        }
    }

    #[test]
    fn rows_stand_by_what_they_should_show_and_every_figure_has_a_dot() {
        let similarities = vec![
            row("permuted", Metric::Spearman, None, -0.15),
            row("randomized", Metric::Jaccard, Some(0.1), 0.05),
            row("own", Metric::Spearman, None, 0.5),
            row("seed", Metric::Spearman, None, 0.9),
            row("seed", Metric::Jaccard, Some(0.1), 0.7),
            row("seeds", Metric::Spearman, None, 0.9),
            // Distances are not drawn.
            row("frame_shift", Metric::RelativeDistance, None, 0.4),
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
