use std::fmt::{self, Write};

use readlens_tables::metrics::MetricRow;
use serde::{Serialize, Serializer};

use crate::key::{ALL, MAJORITY, MASK, NONE};

/// Lines of the paper's table: accuracy under these operators, each with its controls behind it.
const OPERATORS: [&str; 16] = [
    "unmasked",
    "masked",
    "hard_masked",
    "random_block",
    "random_segments",
    "shifted",
    "shuffled",
    "foreign",
    "inverse",
    "hard_inverse",
    "random_block_inverse",
    "random_segments_inverse",
    "all_zero",
    "all_mean",
    "judge_hard_masked",
    MAJORITY,
];

/// Maximum number of sections that are printed.
const MOST_SECTIONS: usize = 6;
/// How the methods that are Explainers are called.
const EXPLAINER: &str = "explainer";

/// A figure of one line per method.
#[derive(Debug)]
struct Column {
    title: &'static str,
    operator: &'static str,
    metric: &'static str,
    /// The operator of the same figure of random blocks, where it does not depend on the mask.
    block: Option<&'static str>,
}

/// Columns of one line per method. An accuracy has the name of its operator, as in the sections.
const COLUMNS: [Column; 9] = [
    Column::accuracy("hard_masked"),
    Column::accuracy("random_block"),
    Column::accuracy("hard_inverse"),
    Column::named("aopc", "comprehensiveness", Some("aopc_block")),
    Column::named("aopc", "sufficiency", Some("aopc_block")),
    Column::named("remove_top", "deletion_auc", Some("remove_block")),
    Column::named("keep_top", "insertion_auc", Some("keep_block")),
    Column::named(MASK, "auprc", None),
    Column::named(MASK, "hard_area", None),
];

impl Column {
    const fn named(
        operator: &'static str,
        metric: &'static str,
        block: Option<&'static str>,
    ) -> Self {
        Self { title: metric, operator, metric, block }
    }

    const fn accuracy(operator: &'static str) -> Self {
        Self { title: operator, operator, metric: ACCURACY, block: None }
    }

    /// Whether only an evaluation of graded operators has the figure.
    fn is_graded(&self) -> bool {
        self.block.is_some()
    }

    /// The figure as text: an accuracy in per cent.
    fn shown(&self, value: f64) -> String {
        if self.metric == ACCURACY { percent(value) } else { format!("{value:.3}") }
    }
}

fn percent(accuracy: f64) -> String {
    format!("{:.1}", 100.0 * accuracy)
}

const ACCURACY: &str = "accuracy";
/// Splits to show, best first.
const SPLITS: [&str; 3] = ["test", "valid", ALL];

/// The paper's table: accuracy per rank, unmasked, masked and inverse-masked, with the controls.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PaperTable {
    metric: &'static str,
    /// One per method and rank of the mask.
    sections: Vec<Section>,
    /// One per method and rank of the mask, and one of random blocks, where there are such figures
    /// or several methods.
    faithfulness: Vec<FaithfulnessLine>,
}

/// How far the prediction follows the masks of a method.
#[derive(Clone, Debug, Serialize)]
struct FaithfulnessLine {
    method: String,
    mask_rank: String,
    /// Rank that was predicted: that of the mask, or the lowest.
    rank: String,
    /// By title of the column; null where it was not computed.
    #[serde(serialize_with = "as_object")]
    figures: Vec<(&'static str, Option<f64>)>,
}

#[derive(Clone, Debug, Serialize)]
struct Section {
    method: String,
    mask_rank: String,
    split: String,
    /// Figures of the masks themselves, by name.
    #[serde(serialize_with = "as_object")]
    mask: Vec<(&'static str, f64)>,
    ranks: Vec<RankLine>,
}

#[derive(Clone, Debug, Serialize)]
struct RankLine {
    rank: String,
    n: u32,
    /// By operator; null where it was not run.
    #[serde(serialize_with = "as_object")]
    accuracy: Vec<(&'static str, Option<f64>)>,
}

/// Named figures as a JSON object in their order.
fn as_object<T: Serialize, S: Serializer>(
    figures: &[(&'static str, T)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(figures.iter().map(|(name, value)| (name, value)))
}

/// Figures of the mask that head a section, where they are there.
const MASK_FIGURES: [&str; 6] = ["area", "hard_area", "segments", "auprc", "iou", "prevalence"];

/// The paper's table as aligned text, from the rows of a metrics table: per method the accuracy
/// in per cent of every rank, on the test split where there is one.
pub fn paper_table(metrics: &[MetricRow]) -> String {
    PaperTable::new(metrics).to_string()
}

impl PaperTable {
    pub(crate) fn new(metrics: &[MetricRow]) -> Self {
        let accuracy =
            || metrics.iter().filter(|row| row.metric == ACCURACY && row.share.is_none());
        let split = SPLITS
            .into_iter()
            .find(|split| accuracy().any(|row| row.split == *split && row.operator != MAJORITY))
            .unwrap_or(ALL);
        let mut masks = distinct(
            metrics.iter().filter(|row| row.method != NONE).map(|r| (&*r.method, &*r.mask_rank)),
        );
        if masks.is_empty() {
            // Without masks the classifier alone still has its line.
            masks.push((NONE, NONE));
        }
        let section = |(method, mask_rank): (&str, &str)| {
            let mine = |row: &&MetricRow| row.method == method && row.mask_rank == mask_rank;
            let rows = || accuracy().filter(|row| row.split == split);
            let line = |rank: &str| {
                let of = |operator: &str| {
                    rows().find(|row| {
                        row.rank == rank
                            && row.operator == operator
                            && (row.method == NONE || mine(row))
                    })
                };
                let n = OPERATORS.iter().find_map(|operator| of(operator)).map_or(0, |row| row.n);
                let accuracy = OPERATORS
                    .map(|operator| (operator, of(operator).map(|row| row.value)))
                    .to_vec();
                RankLine { rank: rank.to_owned(), n, accuracy }
            };
            let figure = |name: &'static str| {
                let is_it = |row: &&MetricRow| {
                    row.operator == MASK && row.metric == name && row.split == split && mine(row)
                };
                metrics.iter().find(is_it).map(|row| (name, row.value))
            };
            Section {
                method: method.to_owned(),
                mask_rank: mask_rank.to_owned(),
                split: split.to_owned(),
                mask: MASK_FIGURES.into_iter().filter_map(figure).collect(),
                ranks: distinct(rows().map(|row| &*row.rank)).into_iter().map(line).collect(),
            }
        };
        let ranks = distinct(accuracy().map(|row| &*row.rank));
        let faithfulness = faithfulness(metrics, &masks, &ranks, split);
        Self { metric: ACCURACY, sections: masks.into_iter().map(section).collect(), faithfulness }
    }
}

/// The lines of all methods; none where a single method has no figures but those of its section.
fn faithfulness(
    metrics: &[MetricRow],
    masks: &[(&str, &str)],
    ranks: &[&str],
    split: &str,
) -> Vec<FaithfulnessLine> {
    let rows: Vec<&MetricRow> =
        metrics.iter().filter(|row| row.split == split && row.share.is_none()).collect();
    let is_of = |row: &MetricRow, column: &Column| {
        row.operator == column.operator && row.metric == column.metric
    };
    let is_graded =
        |row: &&MetricRow| COLUMNS.iter().any(|column| column.is_graded() && is_of(row, column));
    let methods = distinct(masks.iter().map(|(method, _)| *method));
    if methods.len() < 2 && !rows.iter().any(is_graded) {
        return Vec::new();
    }
    let lowest = ranks.last().copied().unwrap_or(ALL);
    let line = |method: &str, mask_rank: &str, is_block: bool| {
        let rank = if ranks.contains(&mask_rank) { mask_rank } else { lowest };
        let figure = |column: &Column| {
            let operator = if is_block { column.block } else { Some(column.operator) };
            let is_it = |row: &&&MetricRow| {
                row.method == method
                    && row.mask_rank == mask_rank
                    && Some(&*row.operator) == operator
                    && row.metric == column.metric
                    && (row.rank == rank || row.operator == MASK)
            };
            (column.title, rows.iter().find(is_it).map(|row| row.value))
        };
        FaithfulnessLine {
            method: if is_block { "random_block" } else { method }.to_owned(),
            mask_rank: mask_rank.to_owned(),
            rank: rank.to_owned(),
            figures: COLUMNS.iter().map(figure).collect(),
        }
    };
    let mut lines: Vec<FaithfulnessLine> =
        masks.iter().map(|(method, mask_rank)| line(method, mask_rank, false)).collect();
    let block = line(NONE, NONE, true);
    lines.extend(block.figures.iter().any(|(_, value)| value.is_some()).then_some(block));
    lines
}

/// The items without repeats, in their order.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

impl fmt::Display for PaperTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_explainer = |section: &Section| section.method.starts_with(EXPLAINER);
        // Beside an Explainer the others have a line each.
        let has_explainer = self.sections.iter().any(is_explainer);
        let is_shown = |section: &&Section| !has_explainer || is_explainer(section);
        for (i, section) in self.sections.iter().filter(is_shown).take(MOST_SECTIONS).enumerate() {
            if i > 0 {
                f.write_char('\n')?;
            }
            section.fmt(f)?;
        }
        if self.faithfulness.is_empty() {
            return Ok(());
        }
        let split = self.sections.first().map_or(ALL, |section| &section.split);
        let has = |i: usize| self.faithfulness.iter().any(|line| line.figures[i].1.is_some());
        let columns: Vec<usize> = (0..COLUMNS.len()).filter(|i| has(*i)).collect();
        let has_accuracy = columns.iter().any(|&i| COLUMNS[i].metric == ACCURACY);
        let unit = if has_accuracy { ", accuracy in %" } else { "" };
        writeln!(f, "\nfollowing the masks, split {split}{unit}")?;
        let mut lines = vec![vec!["masks".to_owned(), "rank".to_owned()]];
        lines[0].extend(columns.iter().map(|&i| COLUMNS[i].title.to_owned()));
        for line in &self.faithfulness {
            let masks = match line.mask_rank.as_str() {
                NONE | ALL => shown(&line.method),
                rank => format!("{} ({})", shown(&line.method), shown(rank)),
            };
            let cell = |&i: &usize| {
                line.figures[i].1.map_or("–".to_owned(), |value| COLUMNS[i].shown(value))
            };
            let mut cells = vec![masks, shown(&line.rank)];
            cells.extend(columns.iter().map(cell));
            lines.push(cells);
        }
        write_aligned(f, &lines, 2)
    }
}

/// Lines of cells, the first `names` to the left and the others to the right.
fn write_aligned(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>], names: usize) -> fmt::Result {
    let width = |column: usize| {
        lines.iter().filter_map(|l| l.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < names { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match (self.method.as_str(), self.mask_rank.as_str()) {
            (NONE, _) => "without masks".to_owned(),
            (method, ALL) => format!("masks of {} for all ranks", shown(method)),
            (method, rank) => format!("masks of {} for {}", shown(method), shown(rank)),
        };
        writeln!(f, "accuracy in %, split {}, {whose}", self.split)?;
        if !self.mask.is_empty() {
            let figures: Vec<String> =
                self.mask.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
            writeln!(f, "{}", figures.join(", "))?;
        }
        let with_n = |line: &RankLine| format!("{} (n={})", shown(&line.rank), line.n);
        let mut lines = vec![Vec::from(["operator".to_owned()])];
        lines[0].extend(self.ranks.iter().map(with_n));
        for (i, operator) in OPERATORS.iter().enumerate() {
            let values: Vec<Option<f64>> =
                self.ranks.iter().map(|line| line.accuracy[i].1).collect();
            if values.iter().all(Option::is_none) {
                continue;
            }
            let cell = |value: Option<f64>| value.map_or("–".to_owned(), percent);
            let cells = values.into_iter().map(cell);
            lines.push(std::iter::once((*operator).to_owned()).chain(cells).collect());
        }
        write_aligned(f, &lines, 1)
    }
}

/// Names come from files: control characters must not reach the terminal.
pub(crate) fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
