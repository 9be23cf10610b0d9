use readlens_tables::vocabulary::{Metric, Name, Operator};

use crate::metrics_table::{Figure, Figures, Subject};
use crate::operators::{Family, words};
use crate::text::{count_of, percent, spaced};
use crate::treatment::Treatment;

/// One cell: the figure, its interval below it, and more in a tooltip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) note: String,
}

impl Cell {
    pub(crate) fn of(figure: Option<Figure>) -> Self {
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
        subject: Subject<'_>,
        ranks: &[Name],
        metric: Metric,
        caption: String,
    ) -> Option<Self> {
        let row = |treatment: &Treatment, title: String, reading, is_control| {
            let get = |rank: &Name, metric| figures.get(subject, treatment, rank, metric);
            let found: Vec<_> = ranks.iter().map(|rank| get(rank, metric)).collect();
            if found.iter().all(Option::is_none) {
                return None;
            }
            let areas =
                ranks.iter().map(|rank| get(rank, Metric::KeptArea).map(|f| percent(f.value)));
            let counts = found.iter().flatten().map(|f| count_of(u64::from(f.n)));
            Some(Row {
                title,
                reading,
                is_control,
                is_hard: treatment.operator == Operator::HardMasked
                    || treatment.operator == Operator::HardInverse,
                area: distinct(areas.flatten()),
                n: distinct(counts),
                cells: found.into_iter().map(Cell::of).collect(),
            })
        };
        let mut groups: Vec<Group> = Family::ALL
            .into_iter()
            .map(|family| Group {
                heading: family.heading(),
                rows: family
                    .rows()
                    .iter()
                    .filter_map(|&operator| {
                        let (title, reading) = (words(operator).title, words(operator).reading);
                        row(&operator.into(), title.to_owned(), reading, operator.is_control())
                    })
                    .collect(),
            })
            .collect();
        let others = figures.treatments.iter().filter(|treatment| !treatment.has_family());
        let (removals, others): (Vec<&Treatment>, Vec<&Treatment>) =
            others.partition(|treatment| treatment.hides_otherwise());
        for (heading, treatments) in [("Hidden in other ways", removals), ("Others", others)] {
            let rows = treatments.into_iter().filter_map(|treatment| {
                let (title, reading) = treatment.words();
                let is_control = treatment.operator.known().is_some_and(Operator::is_control);
                row(treatment, title, reading, is_control)
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
