use std::fmt::Write;

use super::axis::{Scale, Tick, round_end};
use crate::curves::Term;
use crate::text::{figure, percent, px, spaced, visible};

pub(crate) const WIDTH: f64 = 340.0;
pub(crate) const HEIGHT: f64 = 190.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 19.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;
/// Colours of the style sheet for ranks; further ranks use them again.
const COLOURS: usize = 6;
/// Colour beside these for a line of all ranks.
const OF_ALL: usize = COLOURS;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) colour: usize,
    pub(crate) is_train: bool,
    pub(crate) name: String,
    pub(crate) path: String,
    /// A single point has no line: its place.
    pub(crate) end: (String, String),
}

/// A line chart with axes.
#[derive(Clone, Debug)]
pub(crate) struct LineChart {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) frame: Frame,
    pub(crate) x_title: &'static str,
    pub(crate) lines: Vec<Line>,
    pub(crate) legend: Vec<LegendEntry>,
}

/// What a colour or a broken line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegendEntry {
    pub(crate) colour: usize,
    pub(crate) is_train: bool,
    pub(crate) name: String,
}

/// Axes and their ticks.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) left: String,
    pub(crate) right: String,
    pub(crate) bottom: String,
    pub(crate) middle: String,
    pub(crate) x_ticks: Vec<Tick>,
    pub(crate) y_ticks: Vec<Tick>,
}

impl Frame {
    /// Scales of the plot area for these ranges of values.
    pub(crate) fn scales(x: (f64, f64), y: (f64, f64)) -> (Scale, Scale) {
        (
            Scale { from: x, to: (LEFT, WIDTH - RIGHT) },
            Scale { from: y, to: (HEIGHT - BOTTOM, TOP) },
        )
    }

    pub(crate) fn new(x_ticks: Vec<Tick>, y_ticks: Vec<Tick>) -> Self {
        Self {
            width: px(WIDTH),
            height: px(HEIGHT),
            left: px(LEFT),
            right: px(WIDTH - RIGHT),
            bottom: px(HEIGHT - BOTTOM),
            middle: px((LEFT + WIDTH - RIGHT) / 2.0),
            x_ticks,
            y_ticks,
        }
    }
}

impl LineChart {
    /// The chart of one term; `ranks` give the lines their colours.
    pub(crate) fn of(term: &Term, ranks: &[String]) -> Self {
        let all = || term.curves.iter().flat_map(|curve| &curve.points);
        let low = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let high = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
        let x = (low(&mut all().map(|p| p.0)), high(&mut all().map(|p| p.0)));
        let (least, most) = (low(&mut all().map(|p| p.1)), high(&mut all().map(|p| p.1)));
        let is_share = is_share(&term.name) && least >= 0.0 && most <= 1.0;
        let is_accuracy = is_share && !term.name.contains("area");
        // The axis starts at zero unless there are negative values: lines must not exaggerate.
        let y = match (least < 0.0, most > 0.0) {
            (false, _) if is_accuracy => (0.0, 1.0),
            (false, _) => (0.0, round_end(most, 4)),
            (true, false) => (-round_end(-least, 4), 0.0),
            (true, true) => (-round_end(-least, 4), round_end(most, 4)),
        };
        let (x_scale, y_scale) = Frame::scales(x, y);
        let (unit, suffix) = if is_share { (100.0, " %") } else { (1.0, "") };
        let frame = Frame::new(x_scale.ticks(5, 1.0, ""), y_scale.ticks(5, unit, suffix));
        let mut lines: Vec<Line> = Vec::new();
        let has_ranks = term.curves.iter().any(|curve| curve.rank.is_some());
        let has = |split: &str| term.curves.iter().any(|curve| curve.split == split);
        let has_both = has("train") && has("valid");
        let mut ends = Vec::new();
        let mut legend = Vec::new();
        for curve in &term.curves {
            let Some(last) = curve.points.last() else { continue };
            let rank = curve.rank.as_deref();
            let place = rank.and_then(|rank| ranks.iter().position(|r| r == rank));
            let colour = match place {
                Some(place) => place % COLOURS,
                None if has_ranks => OF_ALL,
                None => 0,
            };
            let is_train = has_both && curve.split == "train";
            let split = visible(&curve.split, 20);
            let name = rank.map_or(split.clone(), |rank| format!("{} {split}", spaced(rank)));
            // Lines of ranks are told apart by colour, and their splits by the stroke alone.
            let entry = LegendEntry {
                colour,
                is_train: is_train && rank.is_none(),
                name: rank.map_or(split, spaced),
            };
            if !legend.contains(&entry) {
                legend.push(entry);
            }
            let value = if is_share { format!("{} %", percent(last.1)) } else { figure(last.1) };
            ends.push(format!("{name} {value}"));
            lines.push(Line {
                colour,
                is_train,
                name,
                path: path(&curve.points, &x_scale, &y_scale),
                end: (x_scale.at(last.0), y_scale.at(last.1)),
            });
        }
        // Validation lines lie above training lines.
        lines.sort_by_key(|line| (!line.is_train, line.colour));
        legend.sort_by_key(|entry| entry.colour);
        let x_title = if term.by_epoch { "epoch" } else { "step" };
        let description = format!("{}, last values: {}", spaced(&term.name), ends.join("; "));
        Self { title: spaced(&term.name), description, frame, x_title, lines, legend }
    }
}

/// Whether a term is a share of something, to be read in percent.
fn is_share(term: &str) -> bool {
    ["accuracy", "area", "agreement"].iter().any(|word| term.contains(word))
}

fn path(points: &[(f64, f64)], x: &Scale, y: &Scale) -> String {
    let mut path = String::new();
    for (i, point) in points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", x.at(point.0), y.at(point.1));
    }
    path
}
