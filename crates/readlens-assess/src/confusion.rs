//! How often the windows of each label get each name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use readlens_fault::Result;
use readlens_nn::RankClasses;
use readlens_provenance::Manifest;
use readlens_tables::Writer;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::vocabulary::{Name, Over};

/// The matrices of all ranks, without their empty cells.
pub(crate) struct Confusion {
    ranks: Vec<Matrix>,
}

/// The cells of one rank.
#[derive(Default)]
struct Matrix {
    /// The classifier's taxa in their order, and behind them the labels that it does not know, in
    /// the order of the windows.
    taxa: Vec<String>,
    places: HashMap<String, usize>,
    /// How many of the taxa the classifier knows.
    known: usize,
    /// By places of label and prediction.
    cells: BTreeMap<(usize, usize), Cell>,
}

/// The windows of one label with one prediction.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    windows: u64,
    /// Sum of the probabilities of the predicted taxon.
    probability: f64,
}

impl Confusion {
    /// No windows yet, for a classifier of these ranks.
    pub(crate) fn of(ranks: &[RankClasses]) -> Self {
        let matrix = |rank: &RankClasses| Matrix {
            taxa: rank.taxa.clone(),
            places: rank.taxa.iter().cloned().zip(0..).collect(),
            known: rank.taxa.len(),
            cells: BTreeMap::new(),
        };
        Self { ranks: ranks.iter().map(matrix).collect() }
    }

    /// Adds a window of this label that is predicted as class `predicted` with probability `p`.
    pub(crate) fn add(&mut self, rank: usize, label: &str, predicted: usize, p: f64) {
        let matrix = &mut self.ranks[rank];
        let label = match matrix.places.get(label) {
            Some(place) => *place,
            None => {
                let place = matrix.taxa.len();
                matrix.taxa.push(label.to_owned());
                matrix.places.insert(label.to_owned(), place);
                place
            }
        };
        let cell = matrix.cells.entry((label, predicted)).or_default();
        cell.windows += 1;
        cell.probability += p;
    }

    /// Writes the table; `ranks` are the names of the ranks.
    pub(crate) fn write(
        &self,
        path: &Path,
        over: Over,
        ranks: &[Name],
        manifest: &Manifest,
    ) -> Result<()> {
        let mut writer = Writer::<ConfusionRow>::create(path, &[], manifest, &BTreeMap::new())?;
        let mut count = 0u64;
        for (matrix, rank) in self.ranks.iter().zip(ranks) {
            for row in matrix.rows(over, rank) {
                writer.push(&row)?;
                count += 1;
            }
        }
        writer.finish()?;
        tracing::info!("wrote {count} pairs of taxa to {}", path.display());
        Ok(())
    }
}

impl Matrix {
    /// The rows of the rank: labels in the order of the classifier, then those that it does not
    /// know by name; predictions in the order of the classifier.
    fn rows<'a>(&'a self, over: Over, rank: &'a Name) -> impl Iterator<Item = ConfusionRow> + 'a {
        let mut of_label = vec![0u64; self.taxa.len()];
        let mut of_prediction = vec![0u64; self.taxa.len()];
        for ((label, predicted), cell) in &self.cells {
            of_label[*label] += cell.windows;
            of_prediction[*predicted] += cell.windows;
        }
        // A taxon has a row with itself, even without a window.
        let diagonal = (0..self.taxa.len()).map(|taxon| (taxon, taxon));
        let pairs: BTreeSet<(usize, usize)> = self.cells.keys().copied().chain(diagonal).collect();
        let mut pairs: Vec<(usize, usize)> = pairs.into_iter().collect();
        let strange = |taxon: usize| (taxon >= self.known).then(|| self.taxa[taxon].as_str());
        pairs.sort_by_key(|(label, _)| strange(*label));
        pairs.into_iter().map(move |(label, predicted)| {
            let cell = self.cells.get(&(label, predicted)).copied().unwrap_or_default();
            let (of_label, of_prediction) = (of_label[label], of_prediction[predicted]);
            let own = |figure: Option<f64>| figure.filter(|_| label == predicted);
            let share = ratio(cell.windows, of_label);
            ConfusionRow {
                split: over,
                rank: rank.clone(),
                label: self.taxa[label].clone(),
                predicted: self.taxa[predicted].clone(),
                known: label < self.known,
                windows: cell.windows as u32,
                label_windows: of_label as u32,
                predicted_windows: of_prediction as u32,
                share,
                // Rounding may carry a mean of ones above 1.
                mean_probability: (cell.windows > 0)
                    .then(|| (cell.probability / cell.windows as f64).min(1.0)),
                precision: own(ratio(cell.windows, of_prediction)),
                recall: own(share),
                f1: own(ratio(2 * cell.windows, of_label + of_prediction)),
            }
        })
    }
}

/// None where nothing is divided by.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// A classifier of a, b and c; 4 windows of a (3 right, 1 called b), 2 of b (both called a), 1
    /// of z and 1 of y, which it does not know, called a.
    fn rows() -> Vec<ConfusionRow> {
        let taxa = ["a", "b", "c"].map(str::to_owned).to_vec();
        let rank = RankClasses { rank: "genus".to_owned(), taxa };
        let mut confusion = Confusion::of(&[rank]);
        let windows =
            [("a", 0), ("z", 0), ("a", 0), ("a", 1), ("b", 0), ("a", 0), ("b", 0), ("y", 0)];
        for (i, (label, predicted)) in windows.into_iter().enumerate() {
            confusion.add(0, label, predicted, 0.25 + i as f64 / 16.0);
        }
        confusion.ranks[0].rows(Over::All, &Name::new("genus").unwrap()).collect()
    }

    #[test]
    fn cells_have_their_counts_and_every_taxon_a_row_with_itself() {
        let rows = rows();
        let cells: Vec<(&str, &str, u32)> =
            rows.iter().map(|r| (r.label.as_str(), r.predicted.as_str(), r.windows)).collect();
        let expected = [
            ("a", "a", 3),
            ("a", "b", 1),
            ("b", "a", 2),
            ("b", "b", 0),
            ("c", "c", 0),
            ("y", "a", 1),
            ("y", "y", 0),
            ("z", "a", 1),
            ("z", "z", 0),
        ];
        assert_eq!(cells, expected);
        let known: Vec<bool> = rows.iter().map(|row| row.known).collect();
        assert_eq!(known, [true, true, true, true, true, false, false, false, false]);
        assert_eq!(rows[0].share, Some(0.75));
        // Windows 0, 2 and 5.
        assert!((rows[0].mean_probability.unwrap() - (0.25 + 7.0 / 48.0)).abs() < 1e-12);
        assert_eq!(rows[3].mean_probability, None);
    }

    #[test]
    fn precision_recall_and_f1_have_their_closed_forms() {
        let rows = rows();
        let of = |taxon: &str| {
            let row = rows.iter().find(|row| row.label == taxon && row.is_of_one_taxon()).unwrap();
            (row.precision, row.recall, row.f1)
        };
        // 3 of 7 windows called a, and 3 of 4 of it.
        assert_eq!(of("a"), (Some(3.0 / 7.0), Some(0.75), Some(6.0 / 11.0)));
        assert_eq!(of("b"), (Some(0.0), Some(0.0), Some(0.0)));
        // Neither a label nor predicted.
        assert_eq!(of("c"), (None, None, None));
        // A label that cannot be predicted.
        assert_eq!(of("z"), (None, Some(0.0), Some(0.0)));
        assert!(rows.iter().filter(|row| !row.is_of_one_taxon()).all(|row| row.f1.is_none()));
    }
}
