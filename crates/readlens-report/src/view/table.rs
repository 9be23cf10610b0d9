use crate::figures::{Figure, Figures, MaskKind};
use crate::operators::{Family, OPERATORS, under_removal};
use crate::text::{count_of, percent, spaced};

/// One cell: the figure, its interval below it, and more in a tooltip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) note: String,
}

impl Cell {
    fn of(figure: Option<Figure>) -> Self {
        let Some(figure) = figure else {
            return Self { value: "–".to_owned(), ..Self::default() };
        };
        let interval = figure
            .interval
            .map(|(low, high)| format!("{}–{}", percent(low), percent(high)))
            .unwrap_or_default();
        let note = format!("n = {}", count_of(u64::from(figure.n)));
        Self { value: percent(figure.value), interval, note }
    }
}

/// One operator.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) reading: &'static str,
    pub(crate) is_control: bool,
    pub(crate) is_hard: bool,
    pub(crate) cells: Vec<Cell>,
    pub(crate) area: String,
    pub(crate) n: String,
}

/// Rows that answer one question.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) heading: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One measure of all operators at all ranks.
#[derive(Clone, Debug)]
pub(crate) struct MeasureTable {
    pub(crate) caption: String,
    pub(crate) ranks: Vec<String>,
    pub(crate) groups: Vec<Group>,
}

impl MeasureTable {
    /// The table of `metric`; none where no operator has it.
    pub(crate) fn of(
        figures: &Figures,
        method: &str,
        kind: MaskKind,
        ranks: &[String],
        metric: &str,
        caption: String,
    ) -> Option<Self> {
        let row = |name: &str, title: String, reading, is_control| {
            let get = |rank: &String, metric| figures.get(method, kind, name, rank, metric);
            let found: Vec<_> = ranks.iter().map(|rank| get(rank, metric)).collect();
            if found.iter().all(Option::is_none) {
                return None;
            }
            let areas = ranks.iter().map(|rank| get(rank, "kept_area").map(|f| percent(f.value)));
            let counts = found.iter().flatten().map(|f| count_of(u64::from(f.n)));
            Some(Row {
                title,
                reading,
                is_control,
                is_hard: name.starts_with("hard_"),
                area: distinct(areas.flatten()),
                n: distinct(counts),
                cells: found.into_iter().map(Cell::of).collect(),
            })
        };
        let mut groups: Vec<Group> = Family::ALL
            .into_iter()
            .map(|family| Group {
                heading: family.heading(),
                rows: OPERATORS
                    .iter()
                    .filter(|operator| operator.family == family)
                    .filter_map(|o| row(o.name, o.title.to_owned(), o.reading, o.is_control))
                    .collect(),
            })
            .collect();
        let others = figures.operators.iter().filter(|n| OPERATORS.iter().all(|o| o.name != *n));
        let (removals, others): (Vec<&String>, Vec<&String>) =
            others.partition(|name| under_removal(name).is_some());
        let titled = |name: &String| under_removal(name).unwrap_or_else(|| (spaced(name), ""));
        for (heading, names) in [("Hidden in other ways", removals), ("Others", others)] {
            let rows = names.into_iter().filter_map(|name| {
                let (title, reading) = titled(name);
                row(name, title, reading, true)
            });
            groups.push(Group { heading, rows: rows.collect() });
        }
        groups.retain(|group| !group.rows.is_empty());
        let ranks = ranks.iter().map(|rank| spaced(rank)).collect();
        (!groups.is_empty()).then_some(Self { caption, ranks, groups })
    }
}

/// The values without repetition: one if all ranks agree.
fn distinct(values: impl Iterator<Item = String>) -> String {
    let mut values: Vec<String> = values.collect();
    values.dedup();
    if values.is_empty() { "–".to_owned() } else { values.join(" / ") }
}
