//! Bins of GC share.

/// Bins of GC share, cut at `edges`; the outermost are open.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bins {
    /// Strictly ascending, within 0 to 1; one fewer than there are bins.
    edges: Vec<f64>,
}

impl Bins {
    /// At most `count` bins of equally many of these GC shares. Equal shares are in one bin, so
    /// there may be fewer bins, but none is empty.
    pub(crate) fn of_equal_size(mut shares: Vec<f64>, count: usize) -> Self {
        shares.sort_unstable_by(f64::total_cmp);
        let mut edges: Vec<f64> =
            (1..count).map(|bin| shares[shares.len() * bin / count]).collect();
        edges.dedup();
        edges.retain(|&edge| edge > shares[0]);
        Self { edges }
    }

    /// Bins with these edges; none if they are not ascending shares.
    pub(crate) fn with_edges(edges: Vec<f64>) -> Option<Self> {
        let is_share = edges.iter().all(|edge| (0.0..=1.0).contains(edge));
        let ascends = edges.windows(2).all(|pair| pair[0] < pair[1]);
        (is_share && ascends).then_some(Self { edges })
    }

    pub(crate) fn edges(&self) -> &[f64] {
        &self.edges
    }

    pub(crate) fn count(&self) -> usize {
        self.edges.len() + 1
    }

    /// The bin of a GC share: the nearest one, whatever the share.
    pub(crate) fn of(&self, share: f64) -> usize {
        self.edges.partition_point(|&edge| edge <= share)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn bins_hold_equally_many_and_are_open_outside() {
        let bins = Bins::of_equal_size(vec![0.6, 0.2, 0.4, 0.3, 0.5, 0.7], 3);
        assert_eq!(bins.edges(), [0.4, 0.6]);
        assert_eq!(
            [0.0, 0.2, 0.39, 0.4, 0.59, 0.6, 1.0].map(|s| bins.of(s)),
            [0, 0, 0, 1, 1, 2, 2]
        );
    }

    #[test]
    fn no_bin_is_empty() {
        assert_eq!(Bins::of_equal_size(vec![0.5; 9], 6).count(), 1);
        let bins = Bins::of_equal_size(vec![0.1, 0.1, 0.1, 0.1, 0.2, 0.3], 6);
        assert_eq!(bins.edges(), [0.2, 0.3]);
        assert_eq!(Bins::of_equal_size(vec![0.5], 6).count(), 1);
    }

    #[test]
    fn edges_that_are_no_shares_in_order_are_refused() {
        assert_eq!(Bins::with_edges(vec![]).unwrap().count(), 1);
        assert!(Bins::with_edges(vec![0.2, 0.5]).is_some());
        for edges in [vec![0.5, 0.5], vec![0.6, 0.5], vec![-0.1], vec![1.1], vec![f64::NAN]] {
            assert_eq!(Bins::with_edges(edges), None);
        }
    }
}
