use std::path::Path;

use readlens_fault::{Fault, InputFault, Result};
use readlens_provenance::Artefact;
use readlens_tables::Reader;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::vocabulary::{Name, Ranks};

/// The taxa of one record by rank, the lowest rank last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taxa(Vec<(Name, Option<String>)>);

impl Taxa {
    /// The taxon that all masks of a table explain, typed as `genus=Treponema`; none if it is not
    /// typed so.
    pub(crate) fn target(typed: &str) -> Option<Self> {
        let (rank, taxon) = typed.split_once('=')?;
        Some(Self(vec![(Name::new(rank).ok()?, Some(taxon.to_owned()))]))
    }

    /// The taxon at the rank of a mask; at the last rank for a mask of all ranks.
    pub(crate) fn of(&self, ranks: &Ranks) -> Option<&str> {
        let found = match ranks {
            Ranks::All => self.0.last(),
            Ranks::One(rank) => self.0.iter().find(|(name, _)| name == rank),
        };
        found.and_then(|(_, taxon)| taxon.as_deref())
    }
}

/// The predictions for records, read beside the masks: both have the order of the tokens.
#[derive(Debug)]
pub(crate) struct Predictions {
    reader: Reader<PredictionRow>,
    head: Option<PredictionRow>,
}

impl Predictions {
    /// Opens the table and reads its first row.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut predictions = Self { reader: Reader::open(path)?, head: None };
        predictions.advance()?;
        Ok(predictions)
    }

    /// The table as an input.
    pub(crate) fn artefact(&self) -> Result<Artefact> {
        self.reader.artefact("predictions")
    }

    /// The taxa of a record; records before it, which have no masks, are passed over.
    ///
    /// # Errors
    /// The table cannot be read, is one of windows, or has no such record behind the last one.
    pub(crate) fn find(&mut self, id: &str) -> Result<Taxa> {
        while self.head.as_ref().is_some_and(|row| row.id != id) {
            self.advance()?;
        }
        let mut taxa = Taxa::default();
        while let Some(row) = self.head.take_if(|row| row.id == id) {
            taxa.0.push((row.rank, row.taxon));
            self.advance()?;
        }
        if taxa.0.is_empty() {
            return Err(Fault::input(self.reader.path())
                .expected("a prediction for each record of the masks, in their order")
                .found(format!("none for {id}"))
                .remedy("pass what readlens-predict --records wrote of the same tokens")
                .into());
        }
        Ok(taxa)
    }

    fn advance(&mut self) -> Result<()> {
        self.head = self.reader.next().transpose()?;
        match &self.head {
            Some(PredictionRow { window: Some(_), .. }) => Err(of_windows(self.reader.fault())),
            _ => Ok(()),
        }
    }
}

fn of_windows(fault: InputFault) -> Fault {
    fault
        .expected("predictions for records")
        .found("one for a window")
        .remedy("pass the table of readlens-predict --records")
        .into()
}
