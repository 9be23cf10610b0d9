//! What the classifier says of the windows, counted.

use std::collections::HashMap;
use std::path::Path;

use readlens_fault::{Fault, Result};
use readlens_tables::Reader;
use readlens_tables::predictions::{KEY_CALIBRATION, PredictionRow};
use readlens_tables::vocabulary::{Name, Split};
use serde::Deserialize;

use crate::survey::Survey;
use crate::tally::Spread;

/// Maximum numbers of ranks, and of taxa of one, that are counted.
const MAX_RANKS: usize = 64;
const MAX_TAXA: usize = 1 << 20;

/// The predictions of all ranks.
#[derive(Debug, Default)]
pub(crate) struct Predictions {
    /// By rank, in file order.
    pub(crate) ranks: Vec<Predicted>,
    /// How confidence was made of probabilities; none where it is the probability.
    pub(crate) calibration: Option<Calibration>,
}

/// The predictions of one rank.
#[derive(Debug)]
pub(crate) struct Predicted {
    pub(crate) rank: Name,
    pub(crate) windows: u64,
    /// Windows whose taxon is not named.
    pub(crate) unnamed: u64,
    /// Windows of the split train.
    pub(crate) of_train: u64,
    pub(crate) confidence: Spread,
    /// Whether the classifier knows more than one taxon.
    pub(crate) has_choice: bool,
    taxa: HashMap<String, u64>,
}

/// The part of the metadata that the page shows.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Calibration {
    pub(crate) windows: Vec<Calibrated>,
}

/// How one rank was calibrated.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Calibrated {
    pub(crate) rank: Name,
    pub(crate) temperature: f64,
    pub(crate) labelled: u64,
    pub(crate) error_before: Option<f64>,
    pub(crate) error_after: Option<f64>,
    // Tables of earlier builds lack them.
    #[serde(default)]
    pub(crate) bins_before: Vec<Bin>,
    #[serde(default)]
    pub(crate) bins_after: Vec<Bin>,
}

/// Predictions of about one probability.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Bin {
    pub(crate) above: f64,
    pub(crate) up_to: f64,
    pub(crate) predictions: u64,
    pub(crate) probability: f64,
    pub(crate) accuracy: f64,
}

impl Predictions {
    /// Counts the rows, each of which must be about a window of the tokens table.
    ///
    /// # Errors
    /// The table cannot be read, has rows about records or about other windows, or far too many
    /// ranks or taxa.
    pub(crate) fn read(path: &Path, survey: &Survey) -> Result<Self> {
        let mut reader = Reader::<PredictionRow>::open(path)?;
        let calibration = match reader.metadata().contains_key(KEY_CALIBRATION) {
            true => Some(reader.metadata_json(KEY_CALIBRATION, "the calibration")?),
            false => None,
        };
        let mut ranks: Vec<Predicted> = Vec::new();
        while let Some(row) = reader.next() {
            let row = row?;
            let Some(window) = row.window else {
                return Err(Fault::from(
                    reader
                        .fault()
                        .expected("a prediction for a window")
                        .found(format!("one for the record {:?}", row.id))
                        .remedy(
                            "pass the table of readlens-predict --output, not that of --records",
                        ),
                ));
            };
            survey.index.find(&row.id, window, || reader.fault())?;
            let place = ranks.iter().position(|predicted| predicted.rank == row.rank);
            let place = place.unwrap_or_else(|| {
                ranks.push(Predicted::new(row.rank.clone()));
                ranks.len() - 1
            });
            if place == MAX_RANKS || ranks[place].taxa.len() > MAX_TAXA {
                return Err(Fault::from(
                    reader
                        .fault()
                        .expected(format!("at most {MAX_RANKS} ranks with {MAX_TAXA} taxa each"))
                        .found("more")
                        .remedy("pass the table of readlens-predict --output"),
                ));
            }
            ranks[place].add(row);
        }
        Ok(Self { ranks, calibration })
    }
}

impl Predicted {
    fn new(rank: Name) -> Self {
        Self {
            rank,
            windows: 0,
            unnamed: 0,
            of_train: 0,
            confidence: Spread::default(),
            has_choice: false,
            taxa: HashMap::new(),
        }
    }

    fn add(&mut self, row: PredictionRow) {
        self.windows += 1;
        self.of_train += u64::from(row.split == Some(Split::Train));
        self.has_choice |= row.runner_up.is_some();
        self.confidence.add(f64::from(row.confidence));
        match row.taxon {
            None => self.unnamed += 1,
            Some(taxon) => *self.taxa.entry(taxon).or_default() += 1,
        }
    }

    /// The taxa with their windows, most windows first, then by name.
    pub(crate) fn taxa(&self) -> Vec<(&str, u64)> {
        let mut taxa: Vec<(&str, u64)> =
            self.taxa.iter().map(|(taxon, windows)| (taxon.as_str(), *windows)).collect();
        taxa.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        taxa
    }
}
