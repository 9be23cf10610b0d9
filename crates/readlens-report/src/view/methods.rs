//! One row per method.

use readlens_tables::costs::CostRow;
use readlens_tables::vocabulary::{
    Direction, MaskName, Method, MethodKind, Metric, Name, Operator, Ranks,
};

use crate::methods::ListedMethod;
use crate::metrics_table::{Figure, Figures};
use crate::text::{decimal, figure, percent, spaced};

/// A column of figures.
struct Column {
    title: &'static str,
    note: &'static str,
    /// [`Operator::Mask`] for figures of the mask itself.
    operator: Operator,
    metric: Metric,
    in_percent: bool,
    better: Direction,
}

const COLUMNS: [Column; 9] = [
    Column {
        title: "accuracy, hard mask",
        note: "right from only the hard mask, in %",
        operator: Operator::HardMasked,
        metric: Metric::Accuracy,
        in_percent: true,
        better: Direction::Higher,
    },
    Column {
        title: "accuracy, hidden",
        note: "right with the hard mask hidden, in %",
        operator: Operator::HardInverse,
        metric: Metric::Accuracy,
        in_percent: true,
        better: Direction::Lower,
    },
    Column {
        title: "area",
        note: "fraction of the tokens in the hard mask, in %",
        operator: Operator::Mask,
        metric: Metric::HardArea,
        in_percent: true,
        better: Direction::Neither,
    },
    Column {
        title: "AUPRC",
        note: "area under the precision–recall curve against the truth intervals",
        operator: Operator::Mask,
        metric: Metric::Auprc,
        in_percent: false,
        better: Direction::Higher,
    },
    Column {
        title: "pointing",
        note: "how often the highest value lies in the truth, in %",
        operator: Operator::Mask,
        metric: Metric::Pointing,
        in_percent: true,
        better: Direction::Higher,
    },
    Column {
        title: "compre\u{ad}hensiveness",
        note: "mean loss of probability while the largest 1, 5, 10, 20 and 50 % are removed (AOPC)",
        operator: Operator::Aopc,
        metric: Metric::Comprehensiveness,
        in_percent: false,
        better: Direction::Higher,
    },
    Column {
        title: "sufficiency",
        note: "mean loss of probability while only the largest 1, 5, 10, 20 and 50 % are kept (AOPC)",
        operator: Operator::Aopc,
        metric: Metric::Sufficiency,
        in_percent: false,
        better: Direction::Lower,
    },
    Column {
        title: "insertion AUC",
        note: "area under the insertion curve",
        operator: Operator::KeepTop,
        metric: Metric::InsertionAuc,
        in_percent: false,
        better: Direction::Higher,
    },
    Column {
        title: "deletion AUC",
        note: "area under the deletion curve",
        operator: Operator::RemoveTop,
        metric: Metric::DeletionAuc,
        in_percent: false,
        better: Direction::Lower,
    },
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
        methods: &[ListedMethod],
        ranks: &[Name],
        costs: &[CostRow],
    ) -> Option<Self> {
        let find = |method: &Method, rank: Option<&Name>, column: &Column| {
            let subject = figures.subject(method);
            let found = match (column.operator, rank) {
                (Operator::Mask, rank) => {
                    let ranks = rank.map_or(Ranks::All, |rank| subject.kind.ranks(rank));
                    let mask = MaskName { method: method.clone(), ranks };
                    figures.of_mask(&mask, column.metric)
                }
                (operator, Some(rank)) => {
                    figures.get(subject, &operator.into(), rank, column.metric)
                }
                (_, None) => None,
            };
            found.filter(|found| found.value.is_finite())
        };
        let at = |rank: Option<&Name>| -> Vec<Vec<Option<Figure>>> {
            let row = |listed: &ListedMethod| {
                COLUMNS.iter().map(|column| find(&listed.method, rank, column)).collect()
            };
            methods.iter().map(row).collect()
        };
        let has_figure = |rank: &&Name| {
            at(Some(rank))
                .iter()
                .flatten()
                .zip(COLUMNS.iter().cycle())
                .any(|(found, column)| found.is_some() && column.operator != Operator::Mask)
        };
        let finest = ranks.iter().rev().find(has_figure);
        let found = at(finest);
        let has_column: Vec<bool> =
            (0..COLUMNS.len()).map(|i| found.iter().any(|row| row[i].is_some())).collect();
        if !has_column.contains(&true) {
            return None;
        }
        let shown_columns = || COLUMNS.iter().enumerate().filter(|(i, _)| has_column[*i]);
        let mut heads: Vec<Head> = shown_columns()
            .map(|(_, column)| Head {
                title: column.title,
                note: column.note,
                arrow: arrow(column.better),
            })
            .collect();
        let cost_of = |listed: &ListedMethod| {
            let is_measured = listed.method.kind != MethodKind::Explainer;
            costs.iter().find(|cost| is_measured && listed.method.name == cost.method)
        };
        let has_costs = methods.iter().any(|listed| cost_of(listed).is_some());
        if has_costs {
            let head = |title, note| Head { title, note, arrow: "" };
            heads.extend([
                head("passes", "classifier passes per window, forward and back"),
                head("seconds", "measured seconds per window; they differ from run to run"),
            ]);
        }
        let best = |i: usize, column: &Column| -> Option<f64> {
            let values = found.iter().filter_map(|row| row[i]).map(|f| f.value);
            match column.better {
                Direction::Higher => values.reduce(f64::max),
                Direction::Lower => values.reduce(f64::min),
                Direction::Neither => None,
            }
        };
        let best: Vec<Option<f64>> =
            COLUMNS.iter().enumerate().map(|(i, column)| best(i, column)).collect();
        let rows = methods.iter().zip(&found).map(|(listed, found)| {
            let mut cells: Vec<Cell> = shown_columns()
                .map(|(i, column)| cell(found[i], column.in_percent, methods.len() > 1, best[i]))
                .collect();
            if has_costs {
                cells.extend(cost_cells(cost_of(listed)));
            }
            Row { title: listed.title.clone(), is_shown: listed.is_shown, cells }
        });
        Some(Self {
            rank: finest.map_or_else(String::new, |rank| spaced(rank)),
            heads,
            rows: rows.collect(),
            has_costs,
        })
    }
}

fn arrow(better: Direction) -> &'static str {
    match better {
        Direction::Higher => "↑",
        Direction::Lower => "↓",
        Direction::Neither => "",
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
