use readlens_tables::metrics::MetricRow;
use readlens_tables::vocabulary::{MaskName, Metric, Name, Operator, Over, Ranks, Split};

use crate::check::finding::Finding;

/// Windows to judge by, best first.
const JUDGED_OVER: [Over; 3] = [Over::Split(Split::Test), Over::Split(Split::Valid), Over::All];

/// The figures about one mask, or about the classifier alone.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    metrics: &'a [MetricRow],
    other: &'a [MetricRow],
    /// None for the classifier alone.
    mask: Option<&'a MaskName>,
    over: Over,
    /// Ranks that take no part: the classifier knows one taxon there.
    one_taxon: &'a [Name],
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(
        metrics: &'a [MetricRow],
        other: &'a [MetricRow],
        mask: Option<&'a MaskName>,
        one_taxon: &'a [Name],
    ) -> Self {
        let has = |over: &Over| metrics.iter().any(|row| row.split == *over);
        let over = JUDGED_OVER.into_iter().find(has).unwrap_or(Over::All);
        Self { metrics, other, mask, over, one_taxon }
    }

    /// Plain rows about the mask or about no mask: those of the evaluation first, and of each those
    /// of the split that is judged by before those of all splits.
    fn rows(&self) -> impl Iterator<Item = &'a MetricRow> {
        let is_mine = |row: &&MetricRow| {
            row.has_own_removal()
                && (row.method.is_none() || self.mask.is_some_and(|mask| row.is_of(mask)))
        };
        let of = move |over: Over| {
            let both = self.metrics.iter().chain(self.other);
            both.filter(is_mine).filter(move |row| row.split == over)
        };
        let rest = if self.over == Over::All { None } else { Some(of(Over::All)) };
        of(self.over).chain(rest.into_iter().flatten())
    }

    /// A figure of an operator without a share.
    pub(crate) fn find(&self, operator: Operator, rank: &Ranks, metric: Metric) -> Option<Finding> {
        self.all(operator, rank, metric).into_iter().next()
    }

    /// The figures of all variants of an operator, the first of each.
    pub(crate) fn all(&self, operator: Operator, rank: &Ranks, metric: Metric) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        for row in self.rows() {
            let is_it = row.operator == operator
                && row.share.is_none()
                && row.rank == *rank
                && row.metric == metric;
            if is_it && found.iter().all(|known| known.variant != row.variant) {
                found.push(row.into());
            }
        }
        found
    }

    /// The figures of an operator at all its shares, in their order.
    pub(crate) fn curve(
        &self,
        operator: Operator,
        rank: &Ranks,
        metric: Metric,
    ) -> Vec<(f32, Finding)> {
        let mut curve: Vec<(f32, Finding)> = Vec::new();
        for row in self.rows() {
            let Some(share) = row.share else { continue };
            let is_it = row.operator == operator && row.rank == *rank && row.metric == metric;
            if is_it && curve.iter().all(|(known, _)| *known != share) {
                curve.push((share, row.into()));
            }
        }
        curve.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        curve
    }

    /// Whether the mask is about the rank.
    fn is_about(&self, rank: &Name) -> bool {
        self.mask.is_none_or(|mask| mask.ranks.contains(rank))
    }

    /// The ranks that the mask is about and that cannot be judged by.
    pub(crate) fn left_out(&self) -> Vec<&'a str> {
        let ranks = self.one_taxon.iter().filter(|rank| self.is_about(rank));
        ranks.map(Name::as_str).collect()
    }

    /// The predicted ranks that the mask is about: its own, or all of them; without those of one
    /// taxon.
    pub(crate) fn ranks(&self) -> Vec<Ranks> {
        let mut ranks: Vec<Ranks> = Vec::new();
        let is_about = |rank: &Name| self.is_about(rank) && !self.one_taxon.contains(rank);
        for row in self.rows() {
            if row.rank.one().is_some_and(is_about) && !ranks.contains(&row.rank) {
                ranks.push(row.rank.clone());
            }
        }
        ranks
    }
}
