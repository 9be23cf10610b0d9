//! One row per method.

use readlens_tables::costs::CostRow;
use readlens_tables::masks::ALL_RANKS;

use crate::figures::{Figure, Figures, mask_rank};
use crate::methods::Method;
use crate::text::{decimal, figure, percent, spaced};

/// A column of figures: title, explanation, operator (none for figures of the mask itself), metric,
/// whether in percent, and whether less is better (none where neither is).
type Column = (&'static str, &'static str, Option<&'static str>, &'static str, bool, Option<bool>);

const COLUMNS: [Column; 9] = [
    (
        "accuracy, hard mask",
        "right from only the hard mask, in %",
        Some("hard_masked"),
        "accuracy",
        true,
        Some(false),
    ),
    (
        "accuracy, hidden",
        "right with the hard mask hidden, in %",
        Some("hard_inverse"),
        "accuracy",
        true,
        Some(true),
    ),
    ("area", "share of the tokens in the hard mask, in %", None, "hard_area", true, None),
    (
        "AUPRC",
        "area under the precision–recall curve against the truth intervals",
        None,
        "auprc",
        false,
        Some(false),
    ),
    (
        "pointing",
        "how often the highest value lies in the truth, in %",
        None,
        "pointing",
        true,
        Some(false),
    ),
    (
        "compre\u{ad}hensiveness",
        "mean loss of probability while the largest 1, 5, 10, 20 and 50 % are removed (AOPC)",
        Some("aopc"),
        "comprehensiveness",
        false,
        Some(false),
    ),
    (
        "sufficiency",
        "mean loss of probability while only the largest 1, 5, 10, 20 and 50 % are kept (AOPC)",
        Some("aopc"),
        "sufficiency",
        false,
        Some(true),
    ),
    (
        "insertion AUC",
        "area under the insertion curve",
        Some("keep_top"),
        "insertion_auc",
        false,
        Some(false),
    ),
    (
        "deletion AUC",
        "area under the deletion curve",
        Some("remove_top"),
        "deletion_auc",
        false,
        Some(true),
    ),
];

/// The head of a column.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    /// Which way is better: `↑`, `↓` or nothing.
    pub(crate) arrow: &'static str,
}

/// One figure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) is_best: bool,
}

/// One method.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) is_shown: bool,
    pub(crate) cells: Vec<Cell>,
}

/// The methods beside one another, at the finest rank that has figures.
#[derive(Clone, Debug)]
pub(crate) struct MethodTable {
    pub(crate) rank: String,
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Row>,
    pub(crate) has_costs: bool,
}

impl MethodTable {
    /// The table; none without a figure of a mask.
    pub(crate) fn of(
        figures: &Figures,
        methods: &[Method],
        ranks: &[String],
        costs: &[CostRow],
    ) -> Option<Self> {
        let find = |method: &str, rank: &str, column: &Column| {
            let kind = figures.kinds(method).first().copied()?;
            let found = match column.2 {
                Some(operator) => figures.get(method, kind, operator, rank, column.3),
                None => figures.of_mask(method, mask_rank(kind, rank), column.3),
            };
            found.filter(|found| found.value.is_finite())
        };
        let at = |rank: &str| -> Vec<Vec<Option<Figure>>> {
            let row =
                |method: &Method| COLUMNS.iter().map(|c| find(&method.name, rank, c)).collect();
            methods.iter().map(row).collect()
        };
        let has_figure = |rank: &&String| {
            at(rank)
                .iter()
                .flatten()
                .zip(COLUMNS.iter().cycle())
                .any(|(found, column)| found.is_some() && column.2.is_some())
        };
        let finest = ranks.iter().rev().find(has_figure);
        let found = at(finest.map_or(ALL_RANKS, String::as_str));
        let has_column: Vec<bool> =
            (0..COLUMNS.len()).map(|i| found.iter().any(|row| row[i].is_some())).collect();
        if !has_column.contains(&true) {
            return None;
        }
        let shown_columns = || COLUMNS.iter().enumerate().filter(|(i, _)| has_column[*i]);
        let mut heads: Vec<Head> = shown_columns()
            .map(|(_, (title, note, .., less))| Head { title, note, arrow: arrow(*less) })
            .collect();
        let has_costs = methods.iter().any(|m| costs.iter().any(|cost| cost.method == m.name));
        if has_costs {
            let head = |title, note| Head { title, note, arrow: "" };
            heads.extend([
                head("passes", "classifier passes per window, forward and back"),
                head("seconds", "measured seconds per window; they differ from run to run"),
            ]);
        }
        let best = |i: usize, column: &Column| -> Option<f64> {
            let values = found.iter().filter_map(|row| row[i]).map(|f| f.value);
            column.5.and_then(|is_less| values.reduce(if is_less { f64::min } else { f64::max }))
        };
        let best: Vec<Option<f64>> =
            COLUMNS.iter().enumerate().map(|(i, column)| best(i, column)).collect();
        let rows = methods.iter().zip(&found).map(|(method, found)| {
            let mut cells: Vec<Cell> = shown_columns()
                .map(|(i, column)| cell(found[i], column.4, methods.len() > 1, best[i]))
                .collect();
            if has_costs {
                cells.extend(cost_cells(costs.iter().find(|cost| cost.method == method.name)));
            }
            Row { title: method.title.clone(), is_shown: method.is_shown, cells }
        });
        Some(Self {
            rank: finest.map_or_else(String::new, |rank| spaced(rank)),
            heads,
            rows: rows.collect(),
            has_costs,
        })
    }
}

fn arrow(is_less_better: Option<bool>) -> &'static str {
    match is_less_better {
        Some(true) => "↓",
        Some(false) => "↑",
        None => "",
    }
}

fn cell(found: Option<Figure>, in_percent: bool, has_others: bool, best: Option<f64>) -> Cell {
    let Some(found) = found else { return dash() };
    let print = |value: f64| if in_percent { percent(value) } else { decimal(value) };
    Cell {
        value: print(found.value),
        interval: found
            .interval
            .map_or_else(String::new, |(low, high)| format!("{}–{}", print(low), print(high))),
        is_best: has_others && best == Some(found.value),
    }
}

fn cost_cells(cost: Option<&CostRow>) -> [Cell; 2] {
    let Some(cost) = cost else { return [dash(), dash()] };
    let plain = |value: String| Cell { value, ..Cell::default() };
    let passes = match cost.backward_passes {
        0.0 => short(cost.forward_passes),
        back => format!("{} + {}", short(cost.forward_passes), short(back)),
    };
    [plain(passes), plain(figure(cost.seconds))]
}

/// A mean number of passes: whole where it is.
fn short(passes: f64) -> String {
    let text = format!("{passes:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn dash() -> Cell {
    Cell { value: "–".to_owned(), ..Cell::default() }
}
