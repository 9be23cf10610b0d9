use super::axis::{Scale, Tick};
use crate::figures::{Figures, MaskKind};
use crate::operators::{Family, OPERATORS, Operator};
use crate::text::{percent, px, spaced};

const WIDTH: f64 = 1000.0;
const LABELS: f64 = 205.0;
const ROW: f64 = 23.0;
const GAP: f64 = 13.0;
const TOP: f64 = 30.0;
/// Most panels beside one another.
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
    /// Where the most common taxon's share is.
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

/// Accuracy of the operators as dots with intervals: one row of panels.
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
    pub(crate) fn of(
        figures: &Figures,
        method: &str,
        kind: MaskKind,
        ranks: &[String],
    ) -> Vec<Self> {
        let accuracy = |operator: &str, rank: &str| {
            figures
                .get(method, kind, operator, rank, "accuracy")
                .filter(|figure| figure.value.is_finite())
        };
        let operators: Vec<&Operator> = Family::ALL
            .into_iter()
            .flat_map(|family| OPERATORS.iter().filter(move |o| o.family == family))
            .filter(|o| o.name != "majority_class")
            .filter(|o| ranks.iter().any(|rank| accuracy(o.name, rank).is_some()))
            .collect();
        if operators.is_empty() {
            return Vec::new();
        }
        let mut y = TOP;
        let mut places = Vec::new();
        for (i, operator) in operators.iter().enumerate() {
            if i > 0 && operators[i - 1].family != operator.family {
                y += GAP;
            }
            places.push(y + ROW / 2.0);
            y += ROW;
        }
        let bottom = y + 4.0;
        let rows: Vec<RowLabel> = operators
            .iter()
            .zip(&places)
            .map(|(operator, place)| RowLabel {
                y: px(*place),
                band: px(place - ROW / 2.0),
                title: operator.title,
                is_control: operator.is_control,
            })
            .collect();
        ranks
            .chunks(PANELS)
            .map(|ranks| {
                let step = (WIDTH - LABELS) / ranks.len() as f64;
                let panels = ranks.iter().enumerate().map(|(i, rank)| {
                    let left = LABELS + i as f64 * step + 18.0;
                    let right = LABELS + (i + 1) as f64 * step - 18.0;
                    let scale = Scale { from: (0.0, 1.0), to: (left, right) };
                    let dots = operators.iter().zip(&places).filter_map(|(operator, place)| {
                        let figure = accuracy(operator.name, rank)?;
                        let interval = figure.interval.map(|(l, h)| (scale.at(l), scale.at(h)));
                        let range = figure.interval.map_or_else(String::new, |(low, high)| {
                            format!(" (95 % interval {}–{})", percent(low), percent(high))
                        });
                        Some(Dot {
                            y: px(*place),
                            x: scale.at(figure.value),
                            interval,
                            style: style(operator),
                            note: format!("{}: {} %{range}", operator.title, percent(figure.value)),
                        })
                    });
                    Panel {
                        rank: spaced(rank),
                        left: px(left),
                        right: px(right),
                        middle: px((left + right) / 2.0),
                        ticks: scale.ticks(if ranks.len() > 2 { 5 } else { 10 }, 100.0, ""),
                        dots: dots.collect(),
                        majority: accuracy("majority_class", rank)
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
                    description: "Accuracy in percent for every row of the table".to_owned(),
                }
            })
            .collect()
    }
}

fn style(operator: &Operator) -> &'static str {
    match (operator.family, operator.is_control) {
        (Family::Untouched, _) => "whole",
        (_, true) => "control",
        (Family::Keep | Family::Judge, _) => "keep",
        (Family::Hide | Family::Floor, _) => "hide",
    }
}
