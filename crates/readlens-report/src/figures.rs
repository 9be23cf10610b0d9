//! The metrics table, by what the page asks of it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

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

/// Splits in the order in which the page prefers to report on them.
const SPLITS: [&str; 5] = ["test", "all", "unassigned", "valid", "train"];

/// One figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) n: u32,
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
    pub(crate) manifest: Option<Manifest>,
    figures: HashMap<Key, Figure>,
    mask_ranks: BTreeSet<(String, String)>,
}

impl Figures {
    /// Reads the metrics table.
    ///
    /// # Errors
    /// The table cannot be read or is far longer than one.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let reader = Reader::<MetricRow>::open(path)?;
        let manifest = reader.manifest()?;
        if reader.rows() > MAX_ROWS {
            return Err(readlens_fault::Fault::input(path)
                .expected(format!("at most {MAX_ROWS} metrics"))
                .found(format!("{} rows", reader.rows()))
                .remedy("pass the metrics table of readlens-evaluate")
                .into());
        }
        let rows: Vec<MetricRow> = reader.collect::<Result<_>>()?;
        let split = SPLITS
            .iter()
            .find(|split| rows.iter().any(|row| row.split == **split))
            .map(|split| (*split).to_owned())
            .or_else(|| rows.first().map(|row| row.split.clone()));
        let mut figures = Self { split, manifest, ..Self::default() };
        for row in rows {
            figures.add(row);
        }
        Ok(figures)
    }

    fn add(&mut self, row: MetricRow) {
        // Figures at several shares are points of a curve and no cells of the tables.
        if self.split.as_ref() != Some(&row.split) || row.share.is_some() {
            return;
        }
        if row.operator != MASK_ITSELF && !self.operators.contains(&row.operator) {
            self.operators.push(row.operator.clone());
        }
        let interval = row.ci_low.zip(row.ci_high).filter(|(l, h)| l.is_finite() && h.is_finite());
        let figure = Figure { value: row.value, interval, n: row.n };
        self.mask_ranks.insert((row.method.clone(), row.mask_rank.clone()));
        self.figures
            .insert((row.method, row.mask_rank, row.operator, row.rank, row.metric), figure);
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
        let mask_rank = match kind {
            MaskKind::Shared => ALL_RANKS,
            MaskKind::PerRank => rank,
        };
        let find = |method: &str, mask_rank: &str| {
            let key = [method, mask_rank, operator, rank, metric].map(str::to_owned);
            let [a, b, c, d, e] = key;
            self.figures.get(&(a, b, c, d, e)).copied()
        };
        find(method, mask_rank).or_else(|| find(NO_MASK, NO_MASK))
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
