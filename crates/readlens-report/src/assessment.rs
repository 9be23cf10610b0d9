//! How right the classifier is, as the table of the stage assess has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_tables::Reader;
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::vocabulary::{Metric, Name, Operator, Over, Ranks};

use crate::metrics_table::Figure;

/// Maximum number of rows of an assessment; it has some hundreds.
const MAX_ROWS: u64 = 100_000;

/// Lengths of windows in nucleotides, ends included: none below for the shortest, none above for
/// the longest.
pub(crate) type Lengths = (u32, Option<u32>);

/// Figures of whole windows.
#[derive(Debug, Default)]
pub(crate) struct Assessment {
    /// What they were taken over; none without rows.
    pub(crate) over: Option<Over>,
    /// Ranks in file order.
    pub(crate) ranks: Vec<Name>,
    /// Classes of length, from short to long.
    pub(crate) lengths: BTreeSet<Lengths>,
    /// Branches that also answered alone, in file order.
    pub(crate) branches: Vec<String>,
    figures: BTreeMap<Key, Figure>,
    /// By rank, from improbable to probable.
    bins: BTreeMap<Name, Vec<Bin>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    branch: Option<String>,
    is_majority: bool,
    lengths: Option<Lengths>,
    ranks: Ranks,
    metric: Metric,
}

/// Windows of about one probability.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bin {
    /// Their probabilities are above the first and reach up to the second.
    pub(crate) bounds: (f64, f64),
    /// Mean probability; none in a table that lacks it.
    pub(crate) probability: Option<f64>,
    /// How many are right.
    pub(crate) accuracy: Option<Figure>,
}

impl Assessment {
    /// Reads the rows about whole windows.
    ///
    /// # Errors
    /// The table cannot be read, or is far longer than one.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let reader = Reader::<AssessmentRow>::open(path)?;
        if reader.rows() > MAX_ROWS {
            return Err(Fault::input(path)
                .expected(format!("at most {MAX_ROWS} rows"))
                .found(reader.rows())
                .remedy("pass the table of readlens-assess --output")
                .into());
        }
        let mut found = Self::default();
        for row in reader {
            found.add(row?);
        }
        Ok(found)
    }

    fn add(&mut self, row: AssessmentRow) {
        let is_majority = row.operator == Operator::MajorityClass;
        if !(is_majority || row.operator == Operator::Unmasked) {
            return;
        }
        self.over.get_or_insert(row.split);
        let interval = row.ci_low.zip(row.ci_high);
        let figure = Figure { value: row.value, interval, n: row.n };
        if let Some(bounds) = row.p_low.zip(row.p_high) {
            if let (Ranks::One(rank), None) = (row.rank, row.branch) {
                self.add_to_bin(rank, bounds, row.metric, figure);
            }
            return;
        }
        if let Ranks::One(rank) = &row.rank
            && !self.ranks.contains(rank)
        {
            self.ranks.push(rank.clone());
        }
        let lengths = row.shortest.map(|shortest| (shortest, row.longest));
        self.lengths.extend(lengths);
        if let Some(branch) = row.branch.as_ref().filter(|branch| !self.branches.contains(branch)) {
            self.branches.push(branch.clone());
        }
        let key =
            Key { branch: row.branch, is_majority, lengths, ranks: row.rank, metric: row.metric };
        self.figures.insert(key, figure);
    }

    fn add_to_bin(&mut self, rank: Name, bounds: (f64, f64), metric: Metric, figure: Figure) {
        let bins = self.bins.entry(rank).or_default();
        let place = bins.binary_search_by(|bin| bin.bounds.0.total_cmp(&bounds.0));
        let place = place.unwrap_or_else(|place| {
            bins.insert(place, Bin { bounds, probability: None, accuracy: None });
            place
        });
        match metric {
            Metric::Accuracy => bins[place].accuracy = Some(figure),
            Metric::PTarget => bins[place].probability = Some(figure.value),
            _ => {}
        }
    }

    /// A figure of the whole classifier, or of a branch alone, for all windows or those of some
    /// lengths.
    pub(crate) fn get(
        &self,
        branch: Option<&str>,
        rank: &Name,
        lengths: Option<Lengths>,
        metric: Metric,
    ) -> Option<Figure> {
        let (branch, ranks) = (branch.map(str::to_owned), Ranks::One(rank.clone()));
        self.figures.get(&Key { branch, is_majority: false, lengths, ranks, metric }).copied()
    }

    /// The accuracy of always naming the most common taxon.
    pub(crate) fn majority(&self, rank: &Name) -> Option<Figure> {
        let (ranks, metric) = (Ranks::One(rank.clone()), Metric::Accuracy);
        let key = Key { branch: None, is_majority: true, lengths: None, ranks, metric };
        self.figures.get(&key).copied()
    }

    /// How often the predictions of all ranks together are a lineage of the data.
    pub(crate) fn lineages(&self) -> Option<Figure> {
        let (ranks, metric) = (Ranks::All, Metric::LineageConsistency);
        let key = Key { branch: None, is_majority: false, lengths: None, ranks, metric };
        self.figures.get(&key).copied()
    }

    /// The bins of a rank that have windows, from improbable to probable.
    pub(crate) fn bins(&self, rank: &Name) -> &[Bin] {
        self.bins.get(rank).map_or(&[], Vec::as_slice)
    }
}
