//! The metrics tables, by what the page asks of them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use readlens_fault::Result;
use readlens_provenance::Manifest;
use readlens_tables::Reader;
use readlens_tables::masks::ALL_RANKS;
use readlens_tables::metrics::MetricRow;

/// Most rows of a metrics table; it has some hundreds per method.
const MAX_ROWS: u64 = 1_000_000;
/// Method and mask rank of figures that need no mask.
pub(crate) const NO_MASK: &str = "none";
/// Operator of figures of the mask itself.
const MASK_ITSELF: &str = "mask";
/// Metrics that compare two masks of the same window.
const SIMILARITIES: [&str; 3] = ["spearman", "jaccard", "iou"];

/// Splits in the order in which the page prefers to report on them.
const SPLITS: [&str; 5] = ["test", "all", "unassigned", "valid", "train"];

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
    pub(crate) method: String,
    pub(crate) mask_rank: String,
    pub(crate) operator: String,
    pub(crate) metric: String,
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

/// Place of a mask among others by the rank it explains: all ranks first, then coarse to fine.
pub(crate) fn mask_order(mask_rank: &str, ranks: &[String]) -> usize {
    if mask_rank == ALL_RANKS {
        return 0;
    }
    ranks.iter().position(|rank| rank == mask_rank).map_or(usize::MAX, |place| place + 1)
}

type Key = (String, String, String, String, String);

/// The figures of the split that the page reports on.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The split, `all` for figures over all windows; none without figures.
    pub(crate) split: Option<String>,
    /// Operators that have figures, in file order.
    pub(crate) operators: Vec<String>,
    /// Methods whose masks have figures, in file order.
    pub(crate) methods: Vec<String>,
    pub(crate) manifest: Option<Manifest>,
    /// Manifests of the further tables, in their order.
    pub(crate) evidence_manifests: Vec<Option<Manifest>>,
    /// Comparisons of masks, in file order.
    pub(crate) similarities: Vec<Similarity>,
    figures: HashMap<Key, Figure>,
    curves: HashMap<Key, Vec<Point>>,
    mask_ranks: BTreeSet<(String, String)>,
}

impl Figures {
    /// Reads the metrics table and the tables of further `evidence`, whose figures stand beside
    /// those of the first.
    ///
    /// # Errors
    /// A table cannot be read or is far longer than one.
    pub(crate) fn of(metrics: Option<&Path>, evidence: &[PathBuf]) -> Result<Self> {
        let mut figures = Self::default();
        if let Some(path) = metrics {
            let (rows, manifest) = read(path)?;
            figures.manifest = manifest;
            figures.add(rows, true);
        }
        for path in evidence {
            let (rows, manifest) = read(path)?;
            figures.evidence_manifests.push(manifest);
            figures.add(rows, false);
        }
        Ok(figures)
    }

    /// Adds the rows of the split that the page reports on; of a table without it those of all
    /// windows. What is there already stays.
    fn add(&mut self, rows: Vec<MetricRow>, is_of_masks: bool) {
        let has = |split: &str| rows.iter().any(|row| row.split == split);
        if self.split.is_none() {
            self.split = SPLITS
                .iter()
                .find(|split| has(split))
                .map(|split| (*split).to_owned())
                .or_else(|| rows.first().map(|row| row.split.clone()));
        }
        let Some(split) = self.split.clone() else { return };
        let split = if has(&split) { split } else { "all".to_owned() };
        for row in rows.into_iter().filter(|row| row.split == split) {
            self.add_row(row, is_of_masks);
        }
        for curve in self.curves.values_mut() {
            curve.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        }
    }

    fn add_row(&mut self, row: MetricRow, is_of_masks: bool) {
        let interval = row.ci_low.zip(row.ci_high).filter(|(l, h)| l.is_finite() && h.is_finite());
        let figure = Figure { value: row.value, interval, n: row.n };
        if SIMILARITIES.contains(&row.metric.as_str()) && row.method != NO_MASK {
            let MetricRow { method, mask_rank, operator, metric, share, .. } = row;
            // The overlap of hard mask and truth is a figure of one mask and no comparison.
            if operator != MASK_ITSELF {
                let row = Similarity { method, mask_rank, operator, metric, share, figure };
                return self.similarities.push(row);
            }
            return self.add_figure([method, mask_rank, operator, row.rank, metric], figure);
        }
        if is_of_masks && row.method != NO_MASK {
            if !self.methods.contains(&row.method) {
                self.methods.push(row.method.clone());
            }
            self.mask_ranks.insert((row.method.clone(), row.mask_rank.clone()));
        }
        // Figures at several shares are points of a curve and no cells of the tables.
        if let Some(share) = row.share {
            let key = (row.method, row.mask_rank, row.operator, row.rank, row.metric);
            let curve = self.curves.entry(key).or_default();
            let share = rounded(share);
            if figure.value.is_finite() && curve.iter().all(|(known, _)| *known != share) {
                curve.push((share, figure));
            }
            return;
        }
        if row.operator != MASK_ITSELF && !self.operators.contains(&row.operator) {
            self.operators.push(row.operator.clone());
        }
        self.add_figure([row.method, row.mask_rank, row.operator, row.rank, row.metric], figure);
    }

    fn add_figure(&mut self, key: [String; 5], figure: Figure) {
        let [a, b, c, d, e] = key;
        self.figures.entry((a, b, c, d, e)).or_insert(figure);
    }

    /// The kinds of masks of `method` that there are figures for, the shared one first.
    pub(crate) fn kinds(&self, method: &str) -> Vec<MaskKind> {
        let of_method = |rank: &&(String, String)| rank.0 == method;
        let has_shared = self.mask_ranks.iter().filter(of_method).any(|r| r.1 == ALL_RANKS);
        let has_own = self.mask_ranks.iter().filter(of_method).any(|r| r.1 != ALL_RANKS);
        let mut kinds = Vec::new();
        if has_shared || !has_own {
            kinds.push(MaskKind::Shared);
        }
        if has_own {
            kinds.push(MaskKind::PerRank);
        }
        kinds
    }

    /// The figure of an operator at a rank: under the mask of that kind, or, for operators that
    /// need no mask, without one.
    pub(crate) fn get(
        &self,
        method: &str,
        kind: MaskKind,
        operator: &str,
        rank: &str,
        metric: &str,
    ) -> Option<Figure> {
        let find = |method: &str, mask_rank: &str| {
            self.figures.get(&key(method, mask_rank, operator, rank, metric)).copied()
        };
        find(method, mask_rank(kind, rank)).or_else(|| find(NO_MASK, NO_MASK))
    }

    /// The figures of an operator at all its shares in their order, as [`Self::get`] finds them;
    /// empty where there are none.
    pub(crate) fn curve(
        &self,
        method: &str,
        kind: MaskKind,
        operator: &str,
        rank: &str,
        metric: &str,
    ) -> &[Point] {
        let find = |method: &str, mask_rank: &str| {
            self.curves.get(&key(method, mask_rank, operator, rank, metric))
        };
        find(method, mask_rank(kind, rank))
            .or_else(|| find(NO_MASK, NO_MASK))
            .map_or(&[], Vec::as_slice)
    }

    /// A figure of a mask itself.
    pub(crate) fn of_mask(&self, method: &str, mask_rank: &str, metric: &str) -> Option<Figure> {
        self.figures.get(&key(method, mask_rank, MASK_ITSELF, ALL_RANKS, metric)).copied()
    }

    /// Figures of the masks of `method` themselves: mask rank, metric, figure; sorted.
    pub(crate) fn of_masks(&self, method: &str) -> Vec<(&str, &str, Figure)> {
        let mut all: Vec<_> = self
            .figures
            .iter()
            .filter(|((m, _, operator, _, _), _)| m == method && operator == MASK_ITSELF)
            .map(|((_, mask_rank, _, _, metric), figure)| {
                (mask_rank.as_str(), metric.as_str(), *figure)
            })
            .collect();
        all.sort_by_key(|(mask_rank, metric, _)| (*mask_rank, *metric));
        all
    }
}

/// The rank in the column `mask_rank` of figures at `rank`.
pub(crate) fn mask_rank(kind: MaskKind, rank: &str) -> &str {
    match kind {
        MaskKind::Shared => ALL_RANKS,
        MaskKind::PerRank => rank,
    }
}

fn key(method: &str, mask_rank: &str, operator: &str, rank: &str, metric: &str) -> Key {
    let [a, b, c, d, e] = [method, mask_rank, operator, rank, metric].map(str::to_owned);
    (a, b, c, d, e)
}

/// A share of 32 bits as the decimal number that it stands for.
pub(crate) fn rounded(share: f32) -> f64 {
    (f64::from(share) * 1e6).round() / 1e6
}

fn read(path: &Path) -> Result<(Vec<MetricRow>, Option<Manifest>)> {
    let reader = Reader::<MetricRow>::open(path)?;
    let manifest = reader.manifest()?;
    if reader.rows() > MAX_ROWS {
        return Err(readlens_fault::Fault::input(path)
            .expected(format!("at most {MAX_ROWS} metrics"))
            .found(format!("{} rows", reader.rows()))
            .remedy("pass the metrics table of readlens-evaluate")
            .into());
    }
    Ok((reader.collect::<Result<_>>()?, manifest))
}
