use std::path::Path;

use readlens_fault::{InputFault, Result};
use readlens_tables::Reader;
use readlens_tables::bases::BaseRow;
use readlens_tables::vocabulary::MaskName;

use crate::config::{Choice, Merge};
use crate::merged::Merged;

/// Most values that the merged masks of one record may have: 3 GiB of memory.
const MAX_VALUES: usize = 1 << 28;
/// Masks that a message lists.
const LISTED: usize = 20;

/// Strands that windows were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strand {
    Forward,
    Reverse,
    Both,
}

impl Strand {
    /// As it stands in every format.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Forward => "+",
            Self::Reverse => "-",
            Self::Both => ".",
        }
    }

    fn with(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }
}

/// One mask of a record, merged over the windows.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) mask: MaskName,
    pub(crate) strand: Strand,
    pub(crate) merged: Merged,
    /// Window that was added last.
    window: u32,
}

/// A record with its masks, in the order in which the table has them.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// One past the last base of any window.
    pub(crate) end: u32,
    /// Rows of the table.
    pub(crate) rows: u64,
    pub(crate) tracks: Vec<Track>,
}

/// The records of a table of masks on bases, one by one.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    reader: Reader<BaseRow>,
    /// The row read last, which begins the next record.
    head: Option<BaseRow>,
    choice: &'a Choice,
    merge: Merge,
    /// Masks that were met, chosen or not, the first of them.
    met: Vec<MaskName>,
    /// Whether one of the masks was chosen.
    has_chosen: bool,
}

impl<'a> Records<'a> {
    /// Reads the first row.
    pub(crate) fn open(path: &Path, choice: &'a Choice, merge: Merge) -> Result<Self> {
        let mut reader = Reader::<BaseRow>::open(path)?;
        let head = reader.next().transpose()?;
        Ok(Self { reader, head, choice, merge, met: Vec::new(), has_chosen: false })
    }

    /// Rows of the table.
    pub(crate) fn rows(&self) -> u64 {
        self.reader.rows()
    }

    /// The fault about the row read last.
    pub(crate) fn fault(&self) -> InputFault {
        self.reader.fault()
    }

    /// The next record.
    ///
    /// # Errors
    /// The table cannot be read, a mask is not one of its bases with values from 0 to 1, the
    /// windows of a record are not in their order, a record is too long for memory, or the table
    /// ends without one of the masks that were chosen.
    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        let Some(first) = self.head.as_ref() else {
            return self.check_choice().map(|()| None);
        };
        let mut record = Record { id: first.id.clone(), end: 0, rows: 0, tracks: Vec::new() };
        while let Some(row) = self.head.take_if(|row| row.id == record.id) {
            self.check(&row)?;
            record.rows += 1;
            record.end = record.end.max(row.end);
            let mask = row.name();
            self.meet(&mask);
            if self.choice.takes(&mask) {
                self.has_chosen = true;
                self.add(&mut record, mask, &row)?;
            }
            self.head = self.reader.next().transpose()?;
        }
        Ok(Some(record))
    }

    fn add(&self, record: &mut Record, mask: MaskName, row: &BaseRow) -> Result<()> {
        let strand = if row.strand == "-" { Strand::Reverse } else { Strand::Forward };
        let place = match record.tracks.iter().position(|track| track.mask == mask) {
            Some(place) => {
                let track = &mut record.tracks[place];
                if row.window <= track.window {
                    return Err(self
                        .fault()
                        .expected("the windows of a record in their order, each mask of one once")
                        .found(format!("window {} after window {}", row.window, track.window))
                        .remedy("pass the table as readlens-mask wrote it")
                        .into());
                }
                track.strand = track.strand.with(strand);
                track.window = row.window;
                place
            }
            None => {
                let (merged, window) = (Merged::new(self.merge), row.window);
                record.tracks.push(Track { mask, strand, merged, window });
                record.tracks.len() - 1
            }
        };
        record.tracks[place].merged.add(row.start, &row.mask);
        let held: usize = record.tracks.iter().map(|track| track.merged.held_bases()).sum();
        if held > MAX_VALUES {
            return Err(self
                .fault()
                .expected(format!("records whose masks have at most {MAX_VALUES} values"))
                .found(format!("more for {}", record.id))
                .remedy("choose one mask with --method, --replicate and --rank, or cut the record")
                .into());
        }
        Ok(())
    }

    fn meet(&mut self, mask: &MaskName) {
        if self.met.len() < LISTED && !self.met.contains(mask) {
            self.met.push(mask.clone());
        }
    }

    /// Refuses a choice that no mask of the table is of.
    fn check_choice(&self) -> Result<()> {
        if self.has_chosen || self.met.is_empty() {
            return Ok(());
        }
        let met: Vec<String> = self.met.iter().map(MaskName::to_string).collect();
        Err(readlens_fault::Fault::input(self.reader.path())
            .expected("a mask of the method, replicate and rank that were chosen")
            .found(met.join("; "))
            .remedy("choose one of these with --method, --replicate and --rank")
            .into())
    }

    /// Checks that the mask is one of its bases.
    fn check(&self, row: &BaseRow) -> Result<()> {
        let remedy = "write the table again with readlens-mask";
        let length = row.end.checked_sub(row.start).map(|length| length as usize);
        if length != Some(row.mask.len()) {
            return Err(self
                .fault()
                .expected(format!("one value per base from {} to {}", row.start, row.end))
                .found(row.mask.len())
                .remedy(remedy)
                .into());
        }
        if !["+", "-"].contains(&row.strand.as_str()) {
            let fault = self.fault().expected("the strand + or -");
            return Err(fault.found(&row.strand).remedy(remedy).into());
        }
        let outside = row.mask.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value));
        if let Some((base, value)) = outside {
            return Err(self
                .fault()
                .expected("mask values from 0 to 1")
                .found(format!("{value} at value {base}"))
                .remedy("scale the method's scores to 0 to 1, keeping their order")
                .into());
        }
        Ok(())
    }
}
