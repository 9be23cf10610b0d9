use readlens_tables::vocabulary::{Name, Split};

use super::axis::round_end;
use super::frame::{Frame, Size, line};
use crate::text::{figure, percent, spaced};
use crate::training_curves::Term;

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

impl LineChart {
    /// The chart of one term; `ranks` give the lines their colours.
    pub(crate) fn of(term: &Term, ranks: &[Name]) -> Self {
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
        let (x_scale, y_scale) = Size::SMALL.scales(x, y);
        let (unit, suffix) = if is_share { (100.0, " %") } else { (1.0, "") };
        let frame = Size::SMALL.frame(x_scale.ticks(5, 1.0, ""), y_scale.ticks(5, unit, suffix));
        let mut lines: Vec<Line> = Vec::new();
        let has_ranks = term.curves.iter().any(|curve| curve.rank.is_some());
        let has = |split| term.curves.iter().any(|curve| curve.split == split);
        let has_both = has(Split::Train) && has(Split::Valid);
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
            let is_train = has_both && curve.split == Split::Train;
            let split = curve.split.to_string();
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
                path: line(
                    curve.points.iter().map(|(x, y)| (x_scale.place(*x), y_scale.place(*y))),
                ),
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
