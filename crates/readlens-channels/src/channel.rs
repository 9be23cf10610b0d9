use std::fmt;
use std::str::FromStr;

use readlens_fault::Fault;
use serde::{Deserialize, Serialize};

use crate::hashing::row_of;
use crate::kind::Kind;
use crate::window::{UNKNOWN, Window};

/// Largest table of a channel, in rows.
pub const LARGEST_TABLE: u32 = 1 << 24;
/// Rows of a table whose features do not all fit, unless another number is asked for.
const DEFAULT_ROWS: u32 = 1 << 18;

/// The amino acids of the 64 codons AAA, AAC, AAG, AAT, ACA … TTT by the standard code; `*` stops.
const STANDARD_CODE: &[u8; 64] =
    b"KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF";
/// The letters of proteins, in the order of their numbers.
const RESIDUES: &[u8; 21] = b"ACDEFGHIKLMNPQRSTVWY*";

/// Similar amino acids: the ten groups of Murphy, Wallqvist & Levy 2000, with acids and amides
/// apart.
const GROUPS: [&str; 11] = ["A", "C", "DE", "FWY", "G", "H", "ILMV", "KR", "NQ", "P", "ST"];

/// A kind of feature and the size of its table.
///
/// Written as the kind, and where it is hashed into another number of rows than 2^18 with these
/// behind it: `amino:4`, `kmer:10@1048576`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel {
    kind: Kind,
    rows: u32,
}

/// A feature of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its row in the table of the channel, from 0.
    pub row: u32,
    /// The first real token that shares a base with it; CLS is not counted.
    pub first: u32,
    /// The last one.
    pub last: u32,
}

impl Channel {
    /// Features of `kind` in a table of at most `rows` rows; fewer where fewer features exist.
    ///
    /// # Errors
    /// [`Fault::Usage`] if there is no row, or more than [`LARGEST_TABLE`].
    pub fn new(kind: Kind, rows: u32) -> Result<Self, Fault> {
        if rows == 0 || rows > LARGEST_TABLE {
            return Err(Fault::usage(format!(
                "channel {kind}: expected 1 to {LARGEST_TABLE} rows, found {rows}"
            )));
        }
        let features = kind.features().unwrap_or(u64::MAX);
        Ok(Self { rows: features.min(u64::from(rows)) as u32, kind })
    }

    /// What its features are.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Rows of its table.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Calls `visit` for every feature of a window, from left to right; for none if the channel
    /// needs the phase and it is not known.
    pub fn each(&self, window: &Window, mut visit: impl FnMut(Feature)) {
        let span = self.kind.span();
        let mut at = |start: usize, number: u64| {
            let (first, last) = window.tokens_of(start, start + span);
            visit(Feature { row: row_of(number, self.kind.features(), self.rows), first, last });
        };
        let codes = &window.codes;
        match (&self.kind, window.phase) {
            (Kind::Kmer(k), _) => each_kmer(codes, *k, |start, forward, reverse| {
                at(start, forward.min(reverse));
            }),
            (Kind::Seed(seed), _) => each_seed(codes, seed, at),
            (Kind::Phased(k), Some(phase)) => each_kmer(codes, *k, |start, forward, _| {
                at(start, 3 * forward + codon_position(start, phase));
            }),
            (Kind::Codons(n), Some(phase)) => each_kmer(codes, 3 * n, |start, forward, _| {
                if codon_position(start, phase) == 0 {
                    at(start, forward);
                }
            }),
            (Kind::Amino(n), Some(phase)) => {
                each_peptide(codes, *n as usize, phase, 21, residue, at);
            }
            (Kind::Grouped(n), Some(phase)) => {
                each_peptide(codes, *n as usize, phase, 11, group, at);
            }
            (Kind::Phased(_) | Kind::Codons(_) | Kind::Amino(_) | Kind::Grouped(_), None) => {}
        }
    }
}

/// Place of a base in its codon, 0 to 2.
fn codon_position(base: usize, phase: u8) -> u64 {
    (base as u64 + 3 - u64::from(phase)) % 3
}

/// Calls `visit(start, number, number of the other strand)` for every k-mer of known bases.
fn each_kmer(codes: &[u8], k: u32, mut visit: impl FnMut(usize, u64, u64)) {
    let mask = u64::MAX >> (64 - 2 * k);
    let (mut forward, mut reverse, mut known) = (0_u64, 0_u64, 0);
    for (end, &code) in codes.iter().enumerate() {
        if code == UNKNOWN {
            known = 0;
            continue;
        }
        forward = (forward << 2 | u64::from(code)) & mask;
        reverse = reverse >> 2 | u64::from(3 - code) << (2 * (k - 1));
        known += 1;
        if known >= k {
            visit(end + 1 - k as usize, forward, reverse);
        }
    }
}

/// Calls `visit(start, number)` for every place of a seed at whose ones all bases are known.
fn each_seed(codes: &[u8], seed: &[bool], mut visit: impl FnMut(usize, u64)) {
    let ones: Vec<usize> = (0..seed.len()).filter(|place| seed[*place]).collect();
    for (start, bases) in codes.windows(seed.len()).enumerate() {
        let (mut forward, mut reverse, mut is_known) = (0_u64, 0_u64, true);
        for (&place, &other) in ones.iter().zip(ones.iter().rev()) {
            is_known &= bases[place] != UNKNOWN;
            forward = forward << 2 | u64::from(bases[place] & 3);
            reverse = reverse << 2 | u64::from(3 - (bases[other] & 3));
        }
        if is_known {
            visit(start, forward.min(reverse));
        }
    }
}

/// Calls `visit(start, number)` for every peptide of `length` whole codons that `letter` numbers,
/// below `letters`.
fn each_peptide(
    codes: &[u8],
    length: usize,
    phase: u8,
    letters: u64,
    letter: fn(&[u8]) -> Option<u64>,
    mut visit: impl FnMut(usize, u64),
) {
    let first = usize::from(phase).min(codes.len());
    let residues: Vec<Option<u64>> = codes[first..].chunks_exact(3).map(letter).collect();
    for (codon, peptide) in residues.windows(length).enumerate() {
        let number =
            peptide.iter().try_fold(0, |number, residue| Some(letters * number + (*residue)?));
        if let Some(number) = number {
            visit(first + 3 * codon, number);
        }
    }
}

/// Number of the amino acid that a codon stands for, 0 to 20.
fn residue(codon: &[u8]) -> Option<u64> {
    if codon.contains(&UNKNOWN) {
        return None;
    }
    let number = codon.iter().fold(0, |number, code| 4 * number + usize::from(*code));
    let letter = STANDARD_CODE[number];
    RESIDUES.iter().position(|residue| *residue == letter).map(|place| place as u64)
}

/// Number of the group of the amino acid that a codon stands for, 0 to 10; none for a stop.
fn group(codon: &[u8]) -> Option<u64> {
    let letter = RESIDUES[residue(codon)? as usize];
    let place = GROUPS.iter().position(|group| group.as_bytes().contains(&letter));
    place.map(|place| place as u64)
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features = self.kind.features().unwrap_or(u64::MAX);
        match self.rows {
            DEFAULT_ROWS => self.kind.fmt(f),
            rows if u64::from(rows) == features && rows < DEFAULT_ROWS => self.kind.fmt(f),
            rows => write!(f, "{}@{rows}", self.kind),
        }
    }
}

impl FromStr for Channel {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let Some((kind, rows)) = text.split_once('@') else {
            return Self::new(text.parse()?, DEFAULT_ROWS);
        };
        let rows = rows.parse().map_err(|_| {
            Fault::usage(format!("channel {text:?}: expected a number of rows behind @"))
        })?;
        Self::new(kind.parse()?, rows)
    }
}

impl TryFrom<String> for Channel {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        text.parse()
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.to_string()
    }
}
