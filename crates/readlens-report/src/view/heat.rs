use super::level;
use crate::confusion::Confused;
use crate::text::{Label, count_of, percent, plural, px, spaced, visible};

/// Width of the whole drawing.
const WIDTH: f64 = 1000.0;
/// Width of the labels at the left.
const LABELS: f64 = 190.0;
/// Height of the slanted names of the columns.
const NAMES: f64 = 138.0;
/// Room for the name of the last column, which leans to the right.
const LEAN: f64 = 120.0;
/// Sides of a cell; its colour is a stroke, whose width stands in the style sheet.
const CELL: (f64, f64) = (32.0, 24.0);
/// Longest name in characters.
const NAME_CHARS: usize = 24;

/// A name at a row or column.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) name: String,
    pub(crate) note: String,
}

/// One cell that has windows.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Style class of its colour.
    pub(crate) class: char,
    /// A stroke as wide as the cell is high.
    pub(crate) path: String,
    pub(crate) x: String,
    pub(crate) y: String,
    /// Share of the label's windows in whole percent.
    pub(crate) value: String,
    pub(crate) note: String,
}

/// Labels down the side, predictions along the top.
#[derive(Clone, Debug)]
pub(crate) struct HeatMap {
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) description: String,
    pub(crate) rows: Vec<Heading>,
    pub(crate) columns: Vec<Heading>,
    pub(crate) cells: Vec<Cell>,
    /// Outlines of the cells of right names.
    pub(crate) diagonal: Vec<(String, String)>,
    pub(crate) cell: (String, String),
}

impl HeatMap {
    /// The cells between the chosen taxa, and what is predicted beside them; none without a pair.
    pub(crate) fn of(confused: &Confused) -> Option<Self> {
        let shown = &confused.chosen;
        // A taxon that the classifier does not know is never predicted.
        let predicted: Vec<_> = shown.iter().filter(|row| row.known).collect();
        let labels: Vec<_> = shown.iter().filter(|row| row.label_windows > 0).collect();
        if labels.is_empty() || predicted.is_empty() {
            return None;
        }
        let (wide, high) = CELL;
        let x = |column: usize| LABELS + wide * column as f64;
        let y = |row: usize| NAMES + high * row as f64;
        let mut has_others = false;
        let (mut cells, mut diagonal) = (Vec::new(), Vec::new());
        for (i, label) in labels.iter().enumerate() {
            let mut rest = u64::from(label.label_windows);
            let mut cell = |column: usize, windows: u64, name: &str, more: String| {
                let share = windows as f64 / f64::from(label.label_windows);
                let note = format!(
                    "{} called {name}: {} of {}, {} %{more}",
                    visible(&label.label, NAME_CHARS),
                    count_of(windows),
                    plural(u64::from(label.label_windows), "window"),
                    percent(share)
                );
                // A pair that occurs has a colour, however rare it is.
                let level = level::level(share as f32).max(1);
                let (left, middle) = (x(column), y(i) + high / 2.0);
                cells.push(Cell {
                    class: level::class(level),
                    path: format!("M{} {}h{}", px(left + 0.5), px(middle), px(wide - 1.0)),
                    x: px(left + wide / 2.0),
                    y: px(middle),
                    value: whole_percent(share),
                    note,
                });
            };
            for (column, taxon) in predicted.iter().enumerate() {
                let key = (label.label.clone(), taxon.label.clone());
                if key.0 == key.1 {
                    diagonal.push((px(x(column)), px(y(i))));
                }
                let Some(row) = confused.cells.get(&key).filter(|row| row.windows > 0) else {
                    continue;
                };
                rest = rest.saturating_sub(u64::from(row.windows));
                let sure = row
                    .mean_probability
                    .map_or_else(String::new, |p| format!("; mean probability {} %", percent(p)));
                cell(column, u64::from(row.windows), &visible(&taxon.label, NAME_CHARS), sure);
            }
            if rest > 0 {
                has_others = true;
                cell(predicted.len(), rest, "another taxon", String::new());
            }
        }
        let rows = labels.iter().enumerate().map(|(i, row)| Heading {
            x: px(LABELS - 8.0),
            y: px(y(i) + high / 2.0),
            name: name(&row.label),
            note: format!(
                "{}: {}{}",
                Label::new(&row.label).shown,
                plural(u64::from(row.label_windows), "window"),
                if row.known { "" } else { ", not known to the classifier" }
            ),
        });
        let mut columns: Vec<Heading> = predicted
            .iter()
            .enumerate()
            .map(|(i, row)| Heading {
                x: px(x(i) + wide / 2.0 + 3.0),
                y: px(NAMES - 8.0),
                name: name(&row.label),
                note: format!(
                    "{}: predicted for {}",
                    Label::new(&row.label).shown,
                    plural(u64::from(row.predicted_windows), "window")
                ),
            })
            .collect();
        if has_others {
            columns.push(Heading {
                x: px(x(predicted.len()) + wide / 2.0 + 3.0),
                y: px(NAMES - 8.0),
                name: "other taxa".to_owned(),
                note: "all taxa that have no column".to_owned(),
            });
        }
        let width = (x(columns.len()) + LEAN).max(WIDTH);
        Some(Self {
            width: px(width),
            height: px(y(labels.len()) + 6.0),
            description: format!(
                "Confusions at rank {}: {} by {}; the most confused pairs are listed below",
                spaced(&confused.rank),
                plural(labels.len() as u64, "label"),
                plural(columns.len() as u64, "prediction")
            ),
            rows: rows.collect(),
            columns,
            cells,
            diagonal,
            cell: (px(wide), px(high)),
        })
    }
}

/// A name that fits beside a row.
fn name(taxon: &str) -> String {
    let mut short: String = taxon.chars().take(NAME_CHARS).collect();
    if short.len() < taxon.len() {
        short.push('…');
    }
    visible(&short, NAME_CHARS + 1)
}

/// `0.987` as `99`; what is above 0 is not shown as 0, and what is below 1 not as 100.
fn whole_percent(share: f64) -> String {
    let rounded = (100.0 * share).round();
    if share > 0.0 && rounded < 1.0 {
        "<1".to_owned()
    } else if share < 1.0 && rounded > 99.0 {
        ">99".to_owned()
    } else {
        format!("{rounded}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_to_nothing_or_to_all() {
        assert_eq!(
            [0.001, 0.004, 0.25, 0.996, 1.0].map(whole_percent),
            ["<1", "<1", "25", ">99", "100"]
        );
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(name("Treponema"), "Treponema");
        assert_eq!(name(&"x".repeat(30)), format!("{}…", "x".repeat(24)));
        assert_eq!(name("a\u{202e}b"), "a⟨U+202E⟩b");
    }
}
