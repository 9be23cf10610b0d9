use readlens_tables::metrics::MetricRow;

use crate::check::finding::Finding;
use crate::key::{ALL, NONE};

/// Splits to judge by, best first.
const SPLITS: [&str; 3] = ["test", "valid", ALL];

/// The figures about one mask, or about the classifier alone.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    metrics: &'a [MetricRow],
    other: &'a [MetricRow],
    method: &'a str,
    mask_rank: &'a str,
    split: &'a str,
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(
        metrics: &'a [MetricRow],
        other: &'a [MetricRow],
        method: &'a str,
        mask_rank: &'a str,
    ) -> Self {
        let has = |split: &&&str| metrics.iter().any(|row| row.split == **split);
        let split = SPLITS.iter().find(has).copied().unwrap_or(ALL);
        Self { metrics, other, method, mask_rank, split }
    }

    /// Rows about the mask or about no mask: those of the evaluation first, and of each those of
    /// the split that is judged by before those of all splits.
    fn rows(&self) -> impl Iterator<Item = &'a MetricRow> {
        let is_mine = |row: &&MetricRow| {
            (row.method == self.method && row.mask_rank == self.mask_rank) || row.method == NONE
        };
        let of = move |split: &'a str| {
            let both = self.metrics.iter().chain(self.other);
            both.filter(is_mine).filter(move |row| row.split == split)
        };
        let rest = if self.split == ALL { None } else { Some(of(ALL)) };
        of(self.split).chain(rest.into_iter().flatten())
    }

    /// A figure of an operator without a share.
    pub(crate) fn find(&self, operator: &str, rank: &str, metric: &str) -> Option<Finding> {
        let is_it = |row: &&MetricRow| {
            row.share.is_none()
                && row.operator == operator
                && row.rank == rank
                && row.metric == metric
        };
        self.rows().find(is_it).map(Finding::from)
    }

    /// The figures of an operator at all its shares, in their order.
    pub(crate) fn curve(&self, operator: &str, rank: &str, metric: &str) -> Vec<(f32, Finding)> {
        let mut curve: Vec<(f32, Finding)> = Vec::new();
        for row in self.rows() {
            let Some(share) = row.share else { continue };
            let is_it = row.operator == operator && row.rank == rank && row.metric == metric;
            if is_it && curve.iter().all(|(known, _)| *known != share) {
                curve.push((share, row.into()));
            }
        }
        curve.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        curve
    }

    /// Figures of all operators that begin like `prefix`.
    pub(crate) fn beginning(&self, prefix: &str, rank: &str, metric: &str) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        for row in self.rows() {
            let is_it = row.operator.starts_with(prefix)
                && row.share.is_none()
                && row.rank == rank
                && row.metric == metric;
            if is_it && found.iter().all(|known| known.operator != row.operator) {
                found.push(row.into());
            }
        }
        found
    }

    /// The predicted ranks that the mask is about: its own, or all of them.
    pub(crate) fn ranks(&self) -> Vec<String> {
        let mut ranks: Vec<String> = Vec::new();
        for row in self.rows().filter(|row| row.rank != ALL) {
            let is_about = [ALL, NONE, &*row.rank].contains(&self.mask_rank);
            if is_about && !ranks.contains(&row.rank) {
                ranks.push(row.rank.clone());
            }
        }
        ranks
    }
}
