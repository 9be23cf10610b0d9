use readlens_tables::vocabulary::{Name, Operator};

use super::axis::{Scale, Tick};
use super::rows::{Rows, TOP, WIDTH, panel};
use crate::metrics_table::{Figures, Subject};
use crate::operators::{Family, words};
use crate::text::{capitalised, percent, px, spaced};

const ROW: f64 = 23.0;
/// Maximum number of panels beside one another.
const PANELS: usize = 4;

/// One operator at one rank.
#[derive(Clone, Debug)]
pub(crate) struct Dot {
    pub(crate) y: String,
    pub(crate) x: String,
    /// Ends of the interval, if there is one.
    pub(crate) interval: Option<(String, String)>,
    pub(crate) style: &'static str,
    pub(crate) note: String,
}

/// All operators at one rank.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) rank: String,
    pub(crate) left: String,
    pub(crate) right: String,
    pub(crate) middle: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) dots: Vec<Dot>,
    /// Where the accuracy of always answering the most common taxon is.
    pub(crate) majority: Option<(String, String)>,
}

/// A label at the left, and whether it is a control.
#[derive(Clone, Debug)]
pub(crate) struct RowLabel {
    pub(crate) y: String,
    pub(crate) band: String,
    pub(crate) title: &'static str,
    pub(crate) is_control: bool,
}

/// Accuracy of the operators, or agreement where there are no labels, as dots with intervals: one
/// row of panels.
#[derive(Clone, Debug)]
pub(crate) struct DotPlot {
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) top: String,
    pub(crate) bottom: String,
    pub(crate) rows: Vec<RowLabel>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) description: String,
}

impl DotPlot {
    /// One drawing per four ranks; none where there is no accuracy.
    pub(crate) fn of(figures: &Figures, subject: Subject<'_>, ranks: &[Name]) -> Vec<Self> {
        let count = figures.count();
        let accuracy = |operator: Operator, rank: &Name| {
            figures
                .get(subject, &operator.into(), rank, count)
                .filter(|figure| figure.value.is_finite())
        };
        let operators: Vec<(Family, Operator)> = Family::ALL
            .into_iter()
            .flat_map(|family| family.rows().iter().map(move |operator| (family, *operator)))
            .filter(|(_, operator)| *operator != Operator::MajorityClass)
            .filter(|(_, operator)| ranks.iter().any(|rank| accuracy(*operator, rank).is_some()))
            .collect();
        if operators.is_empty() {
            return Vec::new();
        }
        let Rows { places, bottom } = Rows::of(operators.iter().map(|(family, _)| family), ROW);
        let rows: Vec<RowLabel> = operators
            .iter()
            .zip(&places)
            .map(|((_, operator), place)| RowLabel {
                y: px(*place),
                band: px(place - ROW / 2.0),
                title: words(*operator).title,
                is_control: operator.is_control(),
            })
            .collect();
        ranks
            .chunks(PANELS)
            .map(|ranks| {
                let panels = ranks.iter().enumerate().map(|(i, rank)| {
                    let (left, right) = panel(i, ranks.len(), 18.0);
                    let scale = Scale { from: (0.0, 1.0), to: (left, right) };
                    let dots = operators.iter().zip(&places).filter_map(|(row, place)| {
                        let (family, operator) = *row;
                        let figure = accuracy(operator, rank)?;
                        let interval = figure.interval.map(|(l, h)| (scale.at(l), scale.at(h)));
                        let range = figure.interval.map_or_else(String::new, |(low, high)| {
                            format!(" (95 % interval {}–{})", percent(low), percent(high))
                        });
                        Some(Dot {
                            y: px(*place),
                            x: scale.at(figure.value),
                            interval,
                            style: style(family, operator),
                            note: format!(
                                "{}: {} %{range}",
                                words(operator).title,
                                percent(figure.value)
                            ),
                        })
                    });
                    Panel {
                        rank: spaced(rank),
                        left: px(left),
                        right: px(right),
                        middle: px((left + right) / 2.0),
                        ticks: scale.ticks(if ranks.len() > 2 { 5 } else { 10 }, 100.0, ""),
                        dots: dots.collect(),
                        majority: accuracy(Operator::MajorityClass, rank)
                            .map(|figure| (scale.at(figure.value), percent(figure.value))),
                    }
                });
                Self {
                    width: px(WIDTH),
                    height: px(bottom + 40.0),
                    top: px(TOP - 4.0),
                    bottom: px(bottom),
                    rows: rows.clone(),
                    panels: panels.collect(),
                    description: format!(
                        "{} in percent for every row of the table",
                        capitalised(count.name())
                    ),
                }
            })
            .collect()
    }
}

fn style(family: Family, operator: Operator) -> &'static str {
    match (family, operator.is_control()) {
        (Family::Untouched, _) => "whole",
        (_, true) => "control",
        (Family::Keep | Family::Judge, _) => "keep",
        (Family::Hide | Family::OtherTaxon | Family::Floor, _) => "hide",
    }
}
