//! bigWig (Kent et al. 2010): a table of records, packed blocks of values, and an index of them.
//!
//! The file has no zoom levels: programs compute summaries from the values. Blocks are packed one
//! by one into an unnamed file beside the target, because what stands before them is known last.
//! Memory grows with records and blocks, by some tens of bytes each.

mod tree;

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use readlens_fault::{Fault, Result};
use readlens_provenance::NewFile;

use crate::stretch::Run;

use tree::{BLOCK, Entries, nodes};

const MAGIC: u32 = 0x888f_fc26;
const MAGIC_OF_RECORDS: u32 = 0x78ca_8c91;
const MAGIC_OF_INDEX: u32 = 0x2468_ace0;
const VERSION: u16 = 4;
/// Bytes of the header, and of the summary behind it.
const HEADER: u64 = 64;
const SUMMARY: u64 = 40;
/// Bytes before the nodes of the two trees.
const RECORDS_HEAD: u64 = 32;
const INDEX_HEAD: u64 = 48;
/// Most runs of a block.
const RUNS: usize = 1024;
/// Bytes of a block's head and of a run.
const BLOCK_HEAD: usize = 24;
const RUN: usize = 12;
/// The kind of block whose runs have their own start and end.
const RUNS_OF_ANY_LENGTH: u8 = 1;
/// Longest name of a record: the table gives each as many bytes as the longest has.
const MAX_NAME: usize = 255;

/// Where a packed block lies in the file of blocks, and what it covers.
#[derive(Debug)]
struct Place {
    record: u32,
    start: u32,
    end: u32,
    offset: u64,
    bytes: u64,
}

/// A bigWig in the making.
#[derive(Debug)]
pub(crate) struct BigWig {
    file: NewFile,
    blocks: std::fs::File,
    packed_bytes: u64,
    places: Vec<Place>,
    /// Number and length of each record, by name.
    records: BTreeMap<String, (u32, u32)>,
    runs: Vec<Run>,
    totals: Totals,
}

/// Figures of all bases.
#[derive(Debug, Default)]
struct Totals {
    bases: u64,
    least: f64,
    most: f64,
    sum: f64,
    squares: f64,
}

impl BigWig {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = NewFile::create(path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        let blocks = tempfile::tempfile_in(parent).map_err(|e| Fault::io("write", path, e))?;
        Ok(Self {
            file,
            blocks,
            packed_bytes: 0,
            places: Vec::new(),
            records: BTreeMap::new(),
            runs: Vec::new(),
            totals: Totals::default(),
        })
    }

    /// Begins a record, whose runs follow.
    ///
    /// # Errors
    /// What was wrong with it: its name is too long, or came before.
    pub(crate) fn begin(&mut self, name: &str, length: u32) -> Result<(), &'static str> {
        if name.len() > MAX_NAME {
            return Err("an identifier of more than 255 bytes, as tracks write it");
        }
        let number = self.records.len() as u32;
        match self.records.insert(name.to_owned(), (number, length)) {
            None => Ok(()),
            Some(_) => Err("a record that came before"),
        }
    }

    /// Adds a run of the record that was begun last.
    pub(crate) fn run(&mut self, run: Run) -> Result<()> {
        let (value, bases) = (f64::from(run.value), u64::from(run.end - run.start));
        let totals = &mut self.totals;
        if totals.bases == 0 {
            (totals.least, totals.most) = (value, value);
        }
        totals.least = totals.least.min(value);
        totals.most = totals.most.max(value);
        totals.bases += bases;
        totals.sum += value * bases as f64;
        totals.squares += value * value * bases as f64;
        self.runs.push(run);
        if self.runs.len() == RUNS { self.end_block() } else { Ok(()) }
    }

    /// Ends the record.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.end_block()
    }

    fn end_block(&mut self) -> Result<()> {
        let (Some(first), Some(last)) = (self.runs.first(), self.runs.last()) else {
            return Ok(());
        };
        let (record, start, end) = (self.records.len() as u32 - 1, first.start, last.end);
        let mut block = Vec::with_capacity(BLOCK_HEAD + RUN * self.runs.len());
        // Behind the place stand a step and a length, which this kind of block has not.
        put_u32(&mut block, &[record, start, end, 0, 0]);
        block.extend([RUNS_OF_ANY_LENGTH, 0]);
        block.extend((self.runs.len() as u16).to_le_bytes());
        for run in self.runs.drain(..) {
            put_u32(&mut block, &[run.start, run.end, run.value.to_bits()]);
        }
        let failed = |e| Fault::io("write", self.file.target(), e);
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&block).map_err(failed)?;
        let packed = packer.finish().map_err(failed)?;
        self.blocks.write_all(&packed).map_err(failed)?;
        let (offset, bytes) = (self.packed_bytes, packed.len() as u64);
        self.places.push(Place { record, start, end, offset, bytes });
        self.packed_bytes += bytes;
        Ok(())
    }

    /// Writes the file, which lacks only its name then.
    pub(crate) fn complete(mut self) -> Result<NewFile> {
        let target = self.file.target().to_path_buf();
        self.assemble().map_err(|e| Fault::io("write", &target, e))?;
        Ok(self.file)
    }

    fn assemble(&mut self) -> std::io::Result<()> {
        let records = RecordTable {
            names: self.records.iter().map(|(name, place)| (name.as_str(), *place)).collect(),
            key: self.records.keys().map(String::len).max().unwrap_or(1),
        };
        let records_at = HEADER + SUMMARY;
        let record_nodes = nodes(records.names.len(), &records, records_at + RECORDS_HEAD);
        let blocks_at = records_at + RECORDS_HEAD + record_nodes.len() as u64;
        let first_block = blocks_at + 8;
        let index_at = first_block + self.packed_bytes;
        let index = Index { places: &self.places, first_block };
        let index_nodes = nodes(self.places.len(), &index, index_at + INDEX_HEAD);

        let mut head = Vec::new();
        put_u32(&mut head, &[MAGIC]);
        put_u16(&mut head, &[VERSION, 0]);
        put_u64(&mut head, &[records_at, blocks_at, index_at]);
        // No fields and no description of them: they belong to bigBed.
        put_u16(&mut head, &[0, 0]);
        put_u64(&mut head, &[0, HEADER]);
        put_u32(&mut head, &[(BLOCK_HEAD + RUN * RUNS) as u32]);
        put_u64(&mut head, &[0]);
        let Totals { bases, least, most, sum, squares } = self.totals;
        put_u64(&mut head, &[bases]);
        put_u64(&mut head, &[least, most, sum, squares].map(f64::to_bits));
        put_u32(&mut head, &[MAGIC_OF_RECORDS, BLOCK as u32, records.key as u32, 8]);
        put_u64(&mut head, &[records.names.len() as u64, 0]);
        self.file.write_all(&head)?;
        self.file.write_all(&record_nodes)?;
        self.file.write_all(&(self.places.len() as u64).to_le_bytes())?;
        self.blocks.seek(SeekFrom::Start(0))?;
        std::io::copy(&mut self.blocks, &mut self.file)?;

        let mut head = Vec::new();
        put_u32(&mut head, &[MAGIC_OF_INDEX, BLOCK as u32]);
        put_u64(&mut head, &[self.places.len() as u64]);
        put_u32(&mut head, &index.bounds(0..self.places.len()));
        put_u64(&mut head, &[index_at]);
        put_u32(&mut head, &[1, 0]);
        self.file.write_all(&head)?;
        self.file.write_all(&index_nodes)?;
        // The format ends as it begins.
        self.file.write_all(&MAGIC.to_le_bytes())
    }
}

/// Records by name.
struct RecordTable<'a> {
    names: Vec<(&'a str, (u32, u32))>,
    /// Bytes of a name; shorter ones are filled up.
    key: usize,
}

impl RecordTable<'_> {
    fn name(&self, item: usize, out: &mut Vec<u8>) {
        let name = self.names[item].0.as_bytes();
        out.extend(name);
        out.resize(out.len() + self.key - name.len(), 0);
    }
}

impl Entries for RecordTable<'_> {
    fn leaf_bytes(&self) -> usize {
        self.key + 8
    }

    fn inner_bytes(&self) -> usize {
        self.key + 8
    }

    fn leaf(&self, item: usize, out: &mut Vec<u8>) {
        self.name(item, out);
        let (number, length) = self.names[item].1;
        put_u32(out, &[number, length]);
    }

    fn inner(&self, items: Range<usize>, offset: u64, out: &mut Vec<u8>) {
        self.name(items.start, out);
        put_u64(out, &[offset]);
    }
}

/// Blocks by what they cover. They are in its order: records are numbered as they come.
struct Index<'a> {
    places: &'a [Place],
    first_block: u64,
}

impl Index<'_> {
    /// Record and base of the first and the last base of these blocks.
    fn bounds(&self, items: Range<usize>) -> [u32; 4] {
        match &self.places[items] {
            [] => [0; 4],
            [only] => [only.record, only.start, only.record, only.end],
            [first, .., last] => [first.record, first.start, last.record, last.end],
        }
    }
}

impl Entries for Index<'_> {
    fn leaf_bytes(&self) -> usize {
        32
    }

    fn inner_bytes(&self) -> usize {
        24
    }

    fn leaf(&self, item: usize, out: &mut Vec<u8>) {
        put_u32(out, &self.bounds(item..item + 1));
        let Place { offset, bytes, .. } = &self.places[item];
        put_u64(out, &[self.first_block + offset, *bytes]);
    }

    fn inner(&self, items: Range<usize>, offset: u64, out: &mut Vec<u8>) {
        put_u32(out, &self.bounds(items));
        put_u64(out, &[offset]);
    }
}

fn put_u16(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn put_u32(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn put_u64(out: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}
