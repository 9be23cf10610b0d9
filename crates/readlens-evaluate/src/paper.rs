use std::fmt::{self, Write};

use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{
    MaskName, MethodKind, Metric, Name, Operator, Over, Ranks, Split,
};
use serde::{Serialize, Serializer};

/// Lines of the paper's table: accuracy under these operators, each with its controls behind it.
const OPERATORS: [Operator; 16] = [
    Operator::Unmasked,
    Operator::Masked,
    Operator::HardMasked,
    Operator::RandomBlock,
    Operator::RandomSegments,
    Operator::Shifted,
    Operator::Shuffled,
    Operator::ForeignMask,
    Operator::Inverse,
    Operator::HardInverse,
    Operator::RandomBlockInverse,
    Operator::RandomSegmentsInverse,
    Operator::AllZero,
    Operator::AllMean,
    Operator::JudgeHardMasked,
    Operator::MajorityClass,
];

/// Maximum number of sections that are printed.
const MAX_SECTIONS: usize = 6;

/// A figure of one line per method.
#[derive(Debug)]
struct Column {
    operator: Operator,
    metric: Metric,
    /// The operator of the same figure of random blocks, where it does not depend on the mask.
    block: Option<Operator>,
}

/// Columns of one line per method.
const COLUMNS: [Column; 9] = [
    Column::of(Operator::HardMasked, Metric::Accuracy, None),
    Column::of(Operator::RandomBlock, Metric::Accuracy, None),
    Column::of(Operator::HardInverse, Metric::Accuracy, None),
    Column::of(Operator::Aopc, Metric::Comprehensiveness, Some(Operator::AopcBlock)),
    Column::of(Operator::Aopc, Metric::Sufficiency, Some(Operator::AopcBlock)),
    Column::of(Operator::RemoveTop, Metric::DeletionAuc, Some(Operator::RemoveBlock)),
    Column::of(Operator::KeepTop, Metric::InsertionAuc, Some(Operator::KeepBlock)),
    Column::of(Operator::Mask, Metric::Auprc, None),
    Column::of(Operator::Mask, Metric::HardArea, None),
];

impl Column {
    const fn of(operator: Operator, metric: Metric, block: Option<Operator>) -> Self {
        Self { operator, metric, block }
    }

    /// Its metric, where windows are counted by `count`: accuracy, or agreement without labels.
    fn metric(&self, count: Metric) -> Metric {
        if self.metric == Metric::Accuracy { count } else { self.metric }
    }

    /// An accuracy has the name of its operator, as in the sections.
    fn title(&self) -> &'static str {
        if self.metric == Metric::Accuracy { self.operator.name() } else { self.metric.name() }
    }

    /// Whether only an evaluation of graded operators has the figure.
    fn is_graded(&self) -> bool {
        self.block.is_some()
    }

    /// The figure as text: an accuracy in per cent.
    fn shown(&self, value: f64) -> String {
        if self.metric == Metric::Accuracy { percent(value) } else { format!("{value:.3}") }
    }
}

fn percent(accuracy: f64) -> String {
    format!("{:.1}", 100.0 * accuracy)
}

/// Windows to show figures of, best first.
const SHOWN_OVER: [Over; 3] = [Over::Split(Split::Test), Over::Split(Split::Valid), Over::All];

/// Figures of the mask that head a section, where they are there.
const MASK_FIGURES: [Metric; 6] = [
    Metric::Area,
    Metric::HardArea,
    Metric::Segments,
    Metric::Auprc,
    Metric::Iou,
    Metric::Prevalence,
];

/// The paper's table: accuracy per rank, unmasked, masked and inverse-masked, with the controls; of
/// windows without labels the agreement with the prediction for the whole window.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PaperTable {
    metric: Metric,
    /// Whether the classifier learned from these windows or from some of them; null where that is
    /// not known.
    in_sample: Option<bool>,
    /// One per method and rank of the mask.
    sections: Vec<Section>,
    /// One per method and rank of the mask, and one of random blocks, where there are such figures
    /// or several methods.
    faithfulness: Vec<FaithfulnessLine>,
}

/// Masks as they stand in JSON: all null where no mask was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Subject {
    method: Option<Name>,
    method_kind: Option<MethodKind>,
    replicate: Option<u32>,
    mask_rank: Option<Ranks>,
}

impl From<Option<&MaskName>> for Subject {
    fn from(mask: Option<&MaskName>) -> Self {
        let method = mask.map(|mask| &mask.method);
        Self {
            method: method.map(|method| method.name.clone()),
            method_kind: method.map(|method| method.kind),
            replicate: method.map(|method| method.replicate),
            mask_rank: mask.map(|mask| mask.ranks.clone()),
        }
    }
}

/// How far the prediction follows the masks of a method.
#[derive(Clone, Debug, Serialize)]
struct FaithfulnessLine {
    #[serde(skip)]
    mask: Option<MaskName>,
    /// Null for random blocks.
    #[serde(flatten)]
    subject: Subject,
    /// Rank that was predicted: that of the mask, or the lowest.
    rank: Ranks,
    /// By title of the column; null where it was not computed.
    #[serde(serialize_with = "as_object")]
    figures: Vec<(&'static str, Option<f64>)>,
}

#[derive(Clone, Debug, Serialize)]
struct Section {
    #[serde(skip)]
    mask: Option<MaskName>,
    #[serde(flatten)]
    subject: Subject,
    split: &'static str,
    /// Figures of the masks themselves, by name.
    #[serde(rename = "mask", serialize_with = "as_object")]
    figures: Vec<(Metric, f64)>,
    ranks: Vec<RankLine>,
}

#[derive(Clone, Debug, Serialize)]
struct RankLine {
    rank: Ranks,
    n: u32,
    /// By operator; null where it was not run.
    #[serde(serialize_with = "as_object", skip_serializing_if = "Vec::is_empty")]
    accuracy: Vec<(Operator, Option<f64>)>,
    /// The same, in place of accuracy where no window has a label.
    #[serde(serialize_with = "as_object", skip_serializing_if = "Vec::is_empty")]
    agreement: Vec<(Operator, Option<f64>)>,
}

impl RankLine {
    fn figures(&self) -> impl Iterator<Item = Option<f64>> {
        self.accuracy.iter().chain(&self.agreement).map(|(_, value)| *value)
    }
}

/// Named figures as a JSON object in their order.
fn as_object<K: fmt::Display, T: Serialize, S: Serializer>(
    figures: &[(K, T)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(figures.iter().map(|(name, value)| (name.to_string(), value)))
}

/// The paper's table as aligned text, from the rows of a metrics table: per method the accuracy
/// in per cent of every rank, on the test split where there is one.
///
/// `in_sample`: whether the classifier learned from windows among these, where that is known.
pub fn paper_table(metrics: &[MetricRow], in_sample: Option<bool>) -> String {
    PaperTable::new(metrics, in_sample).to_string()
}

/// What the table shows: accuracy, or agreement where no window has a label.
fn count_of(metrics: &[MetricRow]) -> Metric {
    let has = |metric| {
        metrics.iter().any(|row| row.metric == metric && row.operator != Operator::MajorityClass)
    };
    if has(Metric::Accuracy) || !has(Metric::Agreement) {
        Metric::Accuracy
    } else {
        Metric::Agreement
    }
}

/// Which windows the table is about.
pub(crate) fn shown_over(metrics: &[MetricRow]) -> Over {
    let count = count_of(metrics);
    let has_figures = |over: &Over| {
        metrics.iter().any(|row| {
            row.split == *over
                && row.metric == count
                && row.operator != Operator::MajorityClass
                && is_plain(row)
        })
    };
    SHOWN_OVER.into_iter().find(has_figures).unwrap_or(Over::All)
}

/// Whether a row is a plain figure: of no share, and under the operator's own removal.
fn is_plain(row: &MetricRow) -> bool {
    row.share.is_none() && row.has_own_removal()
}

impl PaperTable {
    pub(crate) fn new(metrics: &[MetricRow], in_sample: Option<bool>) -> Self {
        let count = count_of(metrics);
        let has_accuracy = count == Metric::Accuracy;
        let accuracy = || metrics.iter().filter(|row| row.metric == count && is_plain(row));
        let over = shown_over(metrics);
        let mut masks: Vec<Option<MaskName>> =
            distinct(metrics.iter().map(MetricRow::mask_name).filter(Option::is_some));
        if masks.is_empty() {
            // Without masks the classifier alone still has its line.
            masks.push(None);
        }
        let section = |mask: &Option<MaskName>| {
            let rows = || accuracy().filter(|row| row.split == over);
            let line = |rank: Ranks| {
                let of = |operator: Operator| {
                    rows().find(|row| {
                        row.rank == rank
                            && row.operator == operator
                            && (row.method.is_none()
                                || mask.as_ref().is_some_and(|mask| row.is_of(mask)))
                    })
                };
                let n = OPERATORS.iter().find_map(|operator| of(*operator)).map_or(0, |row| row.n);
                let figures = OPERATORS
                    .map(|operator| (operator, of(operator).map(|row| row.value)))
                    .to_vec();
                let (accuracy, agreement) =
                    if has_accuracy { (figures, Vec::new()) } else { (Vec::new(), figures) };
                RankLine { rank, n, accuracy, agreement }
            };
            let figure = |metric: Metric| {
                let is_it = |row: &&MetricRow| {
                    row.operator == Operator::Mask
                        && row.metric == metric
                        && row.split == over
                        && mask.as_ref().is_some_and(|mask| row.is_of(mask))
                };
                metrics.iter().find(is_it).map(|row| (metric, row.value))
            };
            Section {
                mask: mask.clone(),
                subject: mask.as_ref().into(),
                split: over.name(),
                figures: MASK_FIGURES.into_iter().filter_map(figure).collect(),
                ranks: distinct(rows().map(|row| row.rank.clone())).into_iter().map(line).collect(),
            }
        };
        let ranks = distinct(accuracy().map(|row| row.rank.clone()));
        let faithfulness = faithfulness(metrics, &masks, &ranks, over, count);
        Self {
            metric: count,
            in_sample,
            sections: masks.iter().map(section).collect(),
            faithfulness,
        }
    }
}

/// The lines of all methods; none where a single method has no figures but those of its section.
fn faithfulness(
    metrics: &[MetricRow],
    masks: &[Option<MaskName>],
    ranks: &[Ranks],
    over: Over,
    count: Metric,
) -> Vec<FaithfulnessLine> {
    let rows: Vec<&MetricRow> =
        metrics.iter().filter(|row| row.split == over && is_plain(row)).collect();
    let is_of = |row: &MetricRow, column: &Column| {
        row.operator == column.operator && row.metric == column.metric(count)
    };
    let is_graded =
        |row: &&MetricRow| COLUMNS.iter().any(|column| column.is_graded() && is_of(row, column));
    let methods = distinct(masks.iter().map(|mask| mask.as_ref().map(|mask| &mask.method)));
    if methods.len() < 2 && !rows.iter().any(is_graded) {
        return Vec::new();
    }
    let lowest = ranks.last().cloned().unwrap_or(Ranks::All);
    let line = |mask: Option<&MaskName>, is_block: bool| {
        let rank = match mask {
            Some(MaskName { ranks: own, .. }) if ranks.contains(own) => own.clone(),
            _ => lowest.clone(),
        };
        let figure = |column: &Column| {
            let operator = if is_block { column.block } else { Some(column.operator) };
            let is_it = |row: &&&MetricRow| {
                mask.map_or(row.method.is_none(), |mask| row.is_of(mask))
                    && row.operator.known() == operator
                    && row.metric == column.metric(count)
                    && (row.rank == rank || row.operator == Operator::Mask)
            };
            let found = operator.and_then(|_| rows.iter().find(is_it));
            (column.title(), found.map(|row| row.value))
        };
        FaithfulnessLine {
            mask: mask.cloned(),
            subject: mask.into(),
            figures: COLUMNS.iter().map(figure).collect(),
            rank,
        }
    };
    let mut lines: Vec<FaithfulnessLine> =
        masks.iter().map(|mask| line(mask.as_ref(), false)).collect();
    let block = line(None, true);
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
        let is_explainer = |section: &Section| {
            let kind = section.mask.as_ref().map(|mask| mask.method.kind);
            kind == Some(MethodKind::Explainer)
        };
        // Beside an Explainer the others have a line each.
        let has_explainer = self.sections.iter().any(is_explainer);
        let is_shown = |section: &&Section| !has_explainer || is_explainer(section);
        for (i, section) in self.sections.iter().filter(is_shown).take(MAX_SECTIONS).enumerate() {
            if i > 0 {
                f.write_char('\n')?;
            }
            section.write(f, self)?;
        }
        if self.faithfulness.is_empty() {
            return Ok(());
        }
        let split = self.sections.first().map_or(Over::All.name(), |section| section.split);
        let has = |i: usize| self.faithfulness.iter().any(|line| line.figures[i].1.is_some());
        let columns: Vec<usize> = (0..COLUMNS.len()).filter(|i| has(*i)).collect();
        let has_accuracy = columns.iter().any(|&i| COLUMNS[i].metric == Metric::Accuracy);
        let unit = if has_accuracy { format!(", {} in %", self.metric) } else { String::new() };
        writeln!(f, "\nfollowing the masks, split {split}{unit}")?;
        let mut lines = vec![vec!["masks".to_owned(), "rank".to_owned()]];
        lines[0].extend(columns.iter().map(|&i| COLUMNS[i].title().to_owned()));
        for line in &self.faithfulness {
            let masks = match &line.mask {
                None => Operator::RandomBlock.to_string(),
                Some(MaskName { method, ranks: Ranks::All }) => shown(&method.to_string()),
                Some(MaskName { method, ranks: Ranks::One(rank) }) => {
                    shown(&format!("{method} ({rank})"))
                }
            };
            let cell = |&i: &usize| {
                line.figures[i].1.map_or("–".to_owned(), |value| COLUMNS[i].shown(value))
            };
            let mut cells = vec![masks, shown(line.rank.name())];
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

impl Section {
    fn write(&self, f: &mut fmt::Formatter<'_>, table: &PaperTable) -> fmt::Result {
        let whose = match &self.mask {
            None => "without masks".to_owned(),
            Some(mask) => format!("masks of {}", shown(&mask.to_string())),
        };
        let metric = table.metric;
        let how = match (metric, table.in_sample) {
            (Metric::Accuracy, Some(true)) => {
                ", in sample: the classifier learned from windows among these"
            }
            (Metric::Accuracy, _) => "",
            _ => ", with the prediction for the whole window: no window has a label",
        };
        writeln!(f, "{metric} in %, split {}, {whose}{how}", self.split)?;
        if !self.figures.is_empty() {
            let figures: Vec<String> =
                self.figures.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
            writeln!(f, "{}", figures.join(", "))?;
        }
        let with_n = |line: &RankLine| format!("{} (n={})", shown(line.rank.name()), line.n);
        let mut lines = vec![Vec::from(["operator".to_owned()])];
        lines[0].extend(self.ranks.iter().map(with_n));
        for (i, operator) in OPERATORS.iter().enumerate() {
            let values: Vec<Option<f64>> =
                self.ranks.iter().map(|line| line.figures().nth(i).flatten()).collect();
            if values.iter().all(Option::is_none) {
                continue;
            }
            let cell = |value: Option<f64>| value.map_or("–".to_owned(), percent);
            let cells = values.into_iter().map(cell);
            lines.push(std::iter::once(operator.to_string()).chain(cells).collect());
        }
        write_aligned(f, &lines, 1)
    }
}

/// Names come from files: control characters must not reach the terminal.
pub(crate) fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
