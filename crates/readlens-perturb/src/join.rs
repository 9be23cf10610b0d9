//! Masks beside the windows they belong to, both streamed in table order.

use std::iter::Peekable;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_nn::RankClasses;
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;

/// A mask and its row in the table.
type Numbered = (u64, Result<MaskRow>);

/// Gives each window's masks from several tables as the windows pass by.
pub(crate) struct MaskTables(Vec<MaskTable>);

impl MaskTables {
    /// Opens the tables at `paths`; `ranks` are those that masks may explain, besides all at once.
    pub(crate) fn open(paths: &[PathBuf], ranks: &[RankClasses]) -> Result<Self> {
        Ok(Self(paths.iter().map(|path| MaskTable::open(path, ranks)).collect::<Result<_>>()?))
    }

    /// The masks of `window`, which has `tokens` real tokens, table by table.
    pub(crate) fn take(&mut self, window: &TokenRow, tokens: usize) -> Result<Vec<MaskRow>> {
        let mut masks = Vec::new();
        self.0.iter_mut().try_for_each(|table| table.take(window, tokens, &mut masks))?;
        Ok(masks)
    }

    /// Refuses masks that no window took.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.into_iter().try_for_each(MaskTable::finish)
    }
}

struct MaskTable {
    path: PathBuf,
    ranks: Vec<RankClasses>,
    masks: Peekable<Box<dyn Iterator<Item = Numbered> + Send>>,
}

impl MaskTable {
    fn open(path: &Path, ranks: &[RankClasses]) -> Result<Self> {
        let reader = Reader::<MaskRow>::open(path)?;
        let numbered: Box<dyn Iterator<Item = Numbered> + Send> = Box::new((0..).zip(reader));
        Ok(Self { path: path.to_path_buf(), ranks: ranks.to_vec(), masks: numbered.peekable() })
    }

    /// Adds the masks of `window` to those of the tables before.
    fn take(&mut self, window: &TokenRow, tokens: usize, masks: &mut Vec<MaskRow>) -> Result<()> {
        let before = masks.len();
        // Records may share an id: a method and rank that come again are the next record's.
        let is_next =
            |mask: &Result<MaskRow>, masks: &[MaskRow]| belongs(mask, window, &masks[before..]);
        while let Some((row, mask)) = self.masks.next_if(|(_, mask)| is_next(mask, masks)) {
            let mask = mask?;
            self.check(row, &mask, tokens)?;
            if masks[..before].iter().any(|other| is_alike(other, &mask)) {
                return Err(Fault::input(&self.path)
                    .at(Place::Row(row))
                    .expected("each method and rank in one table of masks")
                    .found(format!("{}, which another table has too", mask.name()))
                    .remedy(
                        "rename the method in one of the tables, give it another replicate, or \
                         pass one of them",
                    )
                    .into());
            }
            masks.push(mask);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        match self.masks.next() {
            None => Ok(()),
            Some((_, Err(fault))) => Err(fault),
            Some((row, Ok(mask))) => Err(Fault::input(&self.path)
                .at(Place::Row(row))
                .expected("masks of windows of the tokens table, in its order")
                .found(format!("window {} of {:?}", mask.window, mask.id))
                .remedy("pass the tokens table that the masks were made for")
                .into()),
        }
    }

    fn check(&self, row: u64, mask: &MaskRow, tokens: usize) -> Result<()> {
        let fault = || Fault::input(&self.path).at(Place::Row(row));
        if let Some(rank) = mask.rank.one()
            && !self.ranks.iter().any(|known| *rank == known.rank)
        {
            let known: Vec<&str> = self.ranks.iter().map(|known| known.rank.as_str()).collect();
            return Err(fault()
                .expected(format!("a mask for all ranks or one of {}", known.join(", ")))
                .found(format!("the rank {rank}, which the classifier does not have"))
                .remedy("pass the classifier that the masks explain")
                .into());
        }
        let is_class = |(class, rank): (&u32, &RankClasses)| (*class as usize) < rank.taxa.len();
        let known = mask.asked.len() == self.ranks.len()
            && mask.asked.iter().zip(&self.ranks).all(is_class);
        if mask.is_wrong() && !known {
            return Err(fault()
                .expected("in asked a taxon of the classifier for each of its ranks")
                .found(format!("{:?}", mask.asked))
                .remedy("pass the classifier whose predictions the masks were asked for")
                .into());
        }
        for (name, length) in [("mask", mask.mask.len()), ("hard", mask.hard.len())] {
            if length != tokens {
                return Err(fault()
                    .expected(format!(
                        "{tokens} values in {name}, one per real token of the window"
                    ))
                    .found(length)
                    .remedy("make the masks again for this tokens table")
                    .into());
            }
        }
        match mask.mask.iter().find(|m| !(0.0..=1.0).contains(*m)) {
            None => Ok(()),
            Some(value) => Err(fault()
                .expected("mask values from 0 to 1")
                .found(value)
                .remedy("scale the masks to [0, 1] and replace NaN")
                .into()),
        }
    }
}

/// Whether both are by the same method for the same rank, and both or none for a wrong taxon.
fn is_alike(one: &MaskRow, other: &MaskRow) -> bool {
    one.is_named_as(other) && one.is_wrong() == other.is_wrong()
}

/// Whether the mask is the window's; a fault is given to the first window that asks.
fn belongs(mask: &Result<MaskRow>, window: &TokenRow, taken: &[MaskRow]) -> bool {
    match mask {
        Ok(mask) => {
            let is_taken = || taken.iter().any(|other| is_alike(other, mask));
            mask.window == window.window && mask.id == window.id && !is_taken()
        }
        Err(_) => true,
    }
}
