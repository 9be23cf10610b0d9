use std::ops::Range;
use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_tables::bases::BaseRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::{Reader, Record, table_of};

use crate::on_bases::OnBases;

/// A table of masks on bases, window by window.
#[derive(Debug)]
pub(crate) struct BaseMasks {
    rows: Rows,
    /// The row read last, whose window has not been asked for yet.
    head: Option<BaseRow>,
}

/// Where the masks come from.
#[derive(Debug)]
enum Rows {
    Bases(Box<Reader<BaseRow>>),
    Tokens(Box<OnBases>),
}

impl Rows {
    fn next(&mut self) -> Result<Option<BaseRow>> {
        match self {
            Self::Bases(reader) => reader.next().transpose(),
            Self::Tokens(masks) => masks.next(),
        }
    }

    /// The fault about the row given last.
    fn fault(&self) -> InputFault {
        match self {
            Self::Bases(reader) => reader.fault(),
            Self::Tokens(masks) => masks.fault(),
        }
    }
}

impl BaseMasks {
    /// Opens a table of masks on bases, or one of masks on the `tokens`, and reads its first row.
    pub(crate) fn open(path: &Path, tokens: &Path) -> Result<Self> {
        let rows = if table_of(path)?.name == MaskRow::TABLE.name {
            Rows::Tokens(Box::new(OnBases::open(path, tokens)?))
        } else {
            Rows::Bases(Box::new(Reader::open(path)?))
        };
        let mut masks = Self { rows, head: None };
        masks.advance()?;
        Ok(masks)
    }

    /// The masks of a window, if it is the next one of the table; none otherwise.
    ///
    /// # Errors
    /// A mask is not one of its bases with values in `[0, 1]`, there are two of a method and rank,
    /// or they do not lie in their `place`.
    pub(crate) fn take(&mut self, id: &str, window: u32, place: &Place) -> Result<Vec<BaseRow>> {
        let mut rows: Vec<BaseRow> = Vec::new();
        while let Some(row) = self.head.take_if(|row| row.window == window && row.id == id) {
            check(&row, || self.rows.fault())?;
            place.check(&row, || self.rows.fault())?;
            if rows.iter().any(|before| before.is_named_as(&row)) {
                let fault =
                    self.rows.fault().expected("one mask per window, method, replicate and rank");
                let found = format!("a second one of {}", row.name());
                return Err(fault.found(found).remedy("drop one of them").into());
            }
            rows.push(row);
            self.advance()?;
        }
        Ok(rows)
    }

    /// Refuses rows that nobody has asked for, after the last window of the table `tokens`.
    ///
    /// # Errors
    /// There is such a row.
    pub(crate) fn check_end(&self, tokens: &Path) -> Result<()> {
        let Some(row) = &self.head else { return Ok(()) };
        let expected = format!(
            "the windows of {}, in their order and those of a record together",
            tokens.display()
        );
        let fault = self.rows.fault().expected(expected);
        let found =
            format!("window {} of {}, which is not there or came before", row.window, row.id);
        Err(fault.found(found).remedy("compare masks of the same windows").into())
    }

    fn advance(&mut self) -> Result<()> {
        self.head = self.rows.next()?;
        Ok(())
    }
}

/// Where the bases of a window must lie.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Exactly there: it is the window of the tokens table.
    At(Range<u32>),
    /// In there, or nowhere: a variant of a window may have lost bases on either side.
    Within(Range<u32>),
}

impl Place {
    fn check(&self, row: &BaseRow, fault: impl FnOnce() -> InputFault) -> Result<()> {
        let (is_there, expected) = match self {
            Self::At(place) => (
                *place == (row.start..row.end),
                format!("bases {} to {}, as the tokens table has them", place.start, place.end),
            ),
            Self::Within(place) => (
                row.start == row.end || (place.start <= row.start && row.end <= place.end),
                format!("bases within {} to {}", place.start, place.end),
            ),
        };
        if is_there {
            return Ok(());
        }
        let found = format!("{} to {} for window {} of {}", row.start, row.end, row.window, row.id);
        let remedy = "compare masks of the same windows";
        Err(fault().expected(expected).found(found).remedy(remedy).into())
    }
}

/// Checks that the mask is one of its bases.
fn check(row: &BaseRow, fault: impl Fn() -> InputFault) -> Result<()> {
    let length = row.end.checked_sub(row.start).map(|length| length as usize);
    if length != Some(row.mask.len()) {
        return Err(fault()
            .expected(format!("one value per base from {} to {}", row.start, row.end))
            .found(row.mask.len())
            .remedy("write the table again with readlens-mask")
            .into());
    }
    let outside = row.mask.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value));
    if let Some((base, value)) = outside {
        return Err(fault()
            .expected("mask values from 0 to 1")
            .found(format!("{value} at value {base}"))
            .remedy("scale the method's scores to 0 to 1, keeping their order")
            .into());
    }
    Ok(())
}
