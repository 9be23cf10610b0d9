//! Masks beside the windows they belong to, both streamed in table order.

use std::iter::Peekable;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_tables::Reader;
use readlens_tables::masks::MaskRow;
use readlens_tables::tokens::TokenRow;

/// A mask and its row in the table.
type Numbered = (u64, Result<MaskRow>);

/// Gives each window's masks as the windows pass by.
pub(crate) struct MaskJoin {
    path: PathBuf,
    masks: Peekable<Box<dyn Iterator<Item = Numbered> + Send>>,
}

impl MaskJoin {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let reader = Reader::<MaskRow>::open(path)?;
        let numbered: Box<dyn Iterator<Item = Numbered> + Send> = Box::new((0..).zip(reader));
        Ok(Self { path: path.to_path_buf(), masks: numbered.peekable() })
    }

    /// The masks of `window`, which has `tokens` real tokens.
    pub(crate) fn take(&mut self, window: &TokenRow, tokens: usize) -> Result<Vec<MaskRow>> {
        let mut masks: Vec<MaskRow> = Vec::new();
        // Records may share an id: a method and rank that come again are the next record's.
        while let Some((row, mask)) = self.masks.next_if(|(_, mask)| belongs(mask, window, &masks))
        {
            let mask = mask?;
            self.check(row, &mask, tokens)?;
            masks.push(mask);
        }
        Ok(masks)
    }

    /// Refuses masks that no window took.
    pub(crate) fn finish(mut self) -> Result<()> {
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

/// Whether the mask is the window's; a fault is given to the first window that asks.
fn belongs(mask: &Result<MaskRow>, window: &TokenRow, taken: &[MaskRow]) -> bool {
    match mask {
        Ok(mask) => {
            let is_taken = |t: &MaskRow| t.method == mask.method && t.rank == mask.rank;
            mask.window == window.window && mask.id == window.id && !taken.iter().any(is_taken)
        }
        Err(_) => true,
    }
}
