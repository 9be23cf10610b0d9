//! The metrics tables, by what the page asks of them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Result};
use readlens_tables::Reader;
use readlens_tables::metrics::{MetricRow, ranks_of_one_taxon};
use readlens_tables::vocabulary::{
    MaskName, Method, Metric, Name, Operator, Over, Ranks, Role, Split, Word,
};

use crate::treatment::Treatment;

/// Maximum number of rows of a metrics table; it has some hundreds per method.
const MAX_ROWS: u64 = 1_000_000;

/// What figures are taken over, in the order in which the page prefers to report on it.
const PREFERENCE: [Over; 5] = [
    Over::Split(Split::Test),
    Over::All,
    Over::Unassigned,
    Over::Split(Split::Valid),
    Over::Split(Split::Train),
];

/// One figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) n: u32,
}

/// Share, or level, and the figure there.
pub(crate) type Point = (f64, Figure);

/// How alike the masks of a window are that two Explainers, readings or classifiers give.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Similarity {
    pub(crate) mask: MaskName,
    pub(crate) operator: Word<Operator>,
    /// Which of several comparisons with the operator it is.
    pub(crate) variant: Option<String>,
    pub(crate) metric: Metric,
    pub(crate) share: Option<f32>,
    pub(crate) figure: Figure,
}

/// Which masks a table of figures is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaskKind {
    /// One mask that explains all ranks.
    Shared,
    /// One mask per rank; each rank is judged by its own.
    PerRank,
}

impl MaskKind {
    /// What the mask explains by which `rank` is judged.
    pub(crate) fn ranks(self, rank: &Name) -> Ranks {
        match self {
            Self::Shared => Ranks::All,
            Self::PerRank => Ranks::One(rank.clone()),
        }
    }
}

/// Place of a mask among others by what it explains: all ranks first, then coarse to fine.
pub(crate) fn mask_order(explained: &Ranks, ranks: &[Name]) -> usize {
    match explained {
        Ranks::All => 0,
        Ranks::One(one) => {
            ranks.iter().position(|rank| rank == one).map_or(usize::MAX, |place| place + 1)
        }
    }
}

/// The masks that figures are asked for: those of a method, of one kind; without a method the
/// figures that need no mask are found and no others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) method: Option<&'a Method>,
    pub(crate) kind: MaskKind,
}

impl Subject<'_> {
    /// Figures that need no mask.
    pub(crate) const NO_MASK: Self = Self { method: None, kind: MaskKind::Shared };

    /// The mask by which `rank` is judged.
    fn mask(&self, rank: &Name) -> Option<MaskName> {
        let (method, ranks) = (self.method?.clone(), self.kind.ranks(rank));
        Some(MaskName { method, ranks })
    }
}

/// What a figure is about; no mask where it needs none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    mask: Option<MaskName>,
    treatment: Treatment,
    ranks: Ranks,
    metric: Metric,
}

/// The figures of the split that the page reports on.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// What they are taken over; none without figures.
    pub(crate) over: Option<Over>,
    /// What the table has figures over.
    pub(crate) measured: Vec<Over>,
    /// Treatments that have figures, in file order.
    pub(crate) treatments: Vec<Treatment>,
    /// Methods whose masks have figures, in file order.
    pub(crate) methods: Vec<Method>,
    /// Ranks that have figures, in file order.
    pub(crate) ranks: Vec<Name>,
    /// Ranks at which the classifier knows one taxon: nothing can be compared there.
    pub(crate) one_taxon: Vec<Name>,
    /// Comparisons of masks, in file order.
    pub(crate) similarities: Vec<Similarity>,
    figures: HashMap<Key, Figure>,
    curves: HashMap<Key, Vec<Point>>,
    masks: BTreeSet<MaskName>,
}

impl Figures {
    /// Reads the metrics table and the tables of further `evidence`, whose figures stand beside
    /// those of the first.
    ///
    /// # Errors
    /// A table cannot be read, is far longer than one, or names a mask in part.
    pub(crate) fn of(metrics: Option<&Path>, evidence: &[PathBuf]) -> Result<Self> {
        let mut figures = Self::default();
        if let Some(path) = metrics {
            let rows = read(path)?;
            figures.one_taxon = ranks_of_one_taxon(&rows);
            figures.add(rows, true);
        }
        for path in evidence {
            figures.add(read(path)?, false);
        }
        Ok(figures)
    }

    /// Adds the rows of the split that the page reports on; of a table without it those of all
    /// windows. What is there already stays.
    fn add(&mut self, rows: Vec<MetricRow>, is_of_masks: bool) {
        let has = |over: &Over| rows.iter().any(|row| row.split == *over);
        if self.over.is_none() {
            self.over = PREFERENCE.into_iter().find(has);
            self.measured = PREFERENCE.into_iter().filter(has).collect();
        }
        let Some(over) = self.over else { return };
        let over = if has(&over) { over } else { Over::All };
        for row in rows.into_iter().filter(|row| row.split == over) {
            self.add_row(row, is_of_masks);
        }
        for curve in self.curves.values_mut() {
            curve.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        }
    }

    fn add_row(&mut self, row: MetricRow, is_of_masks: bool) {
        let interval = row.ci_low.zip(row.ci_high).filter(|(l, h)| l.is_finite() && h.is_finite());
        let figure = Figure { value: row.value, interval, n: row.n };
        let mask = row.mask_name();
        let MetricRow { operator, variant, removal, share, rank, metric, .. } = row;
        if compares_masks(&operator, metric) {
            self.similarities.extend(mask.map(|mask| Similarity {
                mask,
                operator,
                variant,
                metric,
                share,
                figure,
            }));
            return;
        }
        if let Some(mask) = mask.as_ref().filter(|_| is_of_masks) {
            if !self.methods.contains(&mask.method) {
                self.methods.push(mask.method.clone());
            }
            self.masks.insert(mask.clone());
        }
        if let Ranks::One(rank) = &rank
            && !self.ranks.contains(rank)
        {
            self.ranks.push(rank.clone());
        }
        let key = Key { mask, treatment: Treatment::new(operator, removal), ranks: rank, metric };
        // Figures at several shares are points of a curve and no cells of the tables.
        if let Some(share) = share {
            let curve = self.curves.entry(key).or_default();
            let share = rounded(share);
            if figure.value.is_finite() && curve.iter().all(|(known, _)| *known != share) {
                curve.push((share, figure));
            }
            return;
        }
        if !self.treatments.contains(&key.treatment) {
            self.treatments.push(key.treatment.clone());
        }
        self.figures.entry(key).or_insert(figure);
    }

    /// What predictions are counted against: labels where there are any, otherwise the prediction
    /// for the whole window.
    pub(crate) fn count(&self) -> Metric {
        let is_accuracy = |key: &Key| {
            key.metric == Metric::Accuracy && key.treatment.operator != Operator::MajorityClass
        };
        match self.figures.keys().any(is_accuracy) {
            false if !self.figures.is_empty() => Metric::Agreement,
            _ => Metric::Accuracy,
        }
    }

    /// The kinds of masks of `method` that there are figures for, the shared one first.
    pub(crate) fn kinds(&self, method: Option<&Method>) -> Vec<MaskKind> {
        let of_method = || self.masks.iter().filter(|mask| Some(&mask.method) == method);
        let has_shared = of_method().any(|mask| mask.ranks == Ranks::All);
        let has_own = of_method().any(|mask| mask.ranks != Ranks::All);
        let mut kinds = Vec::new();
        if has_shared || !has_own {
            kinds.push(MaskKind::Shared);
        }
        if has_own {
            kinds.push(MaskKind::PerRank);
        }
        kinds
    }

    /// The masks of `method` that the page leads with: those for all ranks where there are some.
    pub(crate) fn subject<'a>(&self, method: &'a Method) -> Subject<'a> {
        let kind = self.kinds(Some(method)).first().copied().unwrap_or(MaskKind::Shared);
        Subject { method: Some(method), kind }
    }

    /// The figure of a treatment at a rank: under the mask of the subject, or, for operators that
    /// need no mask, without one.
    pub(crate) fn get(
        &self,
        subject: Subject<'_>,
        treatment: &Treatment,
        rank: &Name,
        metric: Metric,
    ) -> Option<Figure> {
        let keys = keys(subject, treatment, rank, metric);
        keys.into_iter().find_map(|key| self.figures.get(&key).copied())
    }

    /// The figures of a treatment at all its shares in their order, as [`Self::get`] finds them;
    /// empty where there are none.
    pub(crate) fn curve(
        &self,
        subject: Subject<'_>,
        treatment: &Treatment,
        rank: &Name,
        metric: Metric,
    ) -> &[Point] {
        let keys = keys(subject, treatment, rank, metric);
        keys.into_iter().find_map(|key| self.curves.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// A figure of a mask itself.
    pub(crate) fn of_mask(&self, mask: &MaskName, metric: Metric) -> Option<Figure> {
        let (mask, treatment) = (Some(mask.clone()), Operator::Mask.into());
        self.figures.get(&Key { mask, treatment, ranks: Ranks::All, metric }).copied()
    }

    /// Figures of the masks of `method` themselves: what the mask explains, metric and figure,
    /// sorted by name.
    pub(crate) fn of_masks(&self, method: &Method) -> Vec<(&Ranks, Metric, Figure)> {
        let mut all: Vec<_> = self
            .figures
            .iter()
            .filter(|(key, _)| key.treatment.operator == Operator::Mask)
            .filter_map(|(key, figure)| {
                let mask = key.mask.as_ref().filter(|mask| mask.method == *method)?;
                Some((&mask.ranks, key.metric, *figure))
            })
            .collect();
        all.sort_by_key(|(explained, metric, _)| (explained.name(), metric.name()));
        all
    }
}

/// The figure under the subject's mask, then the one that needs none.
fn keys(subject: Subject<'_>, treatment: &Treatment, rank: &Name, metric: Metric) -> [Key; 2] {
    [subject.mask(rank), None].map(|mask| Key {
        mask,
        treatment: treatment.clone(),
        ranks: Ranks::One(rank.clone()),
        metric,
    })
}

/// Whether a figure compares two masks of a window; of a foreign operator the metric tells.
fn compares_masks(operator: &Word<Operator>, metric: Metric) -> bool {
    match operator {
        // The overlap of hard mask and truth is a figure of one mask and no comparison.
        Word::Known(Operator::Mask) => false,
        Word::Known(operator) => operator.role() == Role::Masks,
        Word::Foreign(_) => matches!(metric, Metric::Spearman | Metric::Jaccard | Metric::Iou),
    }
}

/// A share of 32 bits as the decimal number that it stands for.
pub(crate) fn rounded(share: f32) -> f64 {
    (f64::from(share) * 1e6).round() / 1e6
}

fn read(path: &Path) -> Result<Vec<MetricRow>> {
    let reader = Reader::<MetricRow>::open(path)?;
    if reader.rows() > MAX_ROWS {
        return Err(Fault::input(path)
            .expected(format!("at most {MAX_ROWS} metrics"))
            .found(format!("{} rows", reader.rows()))
            .remedy("pass the metrics table of readlens-evaluate")
            .into());
    }
    reader.collect()
}
