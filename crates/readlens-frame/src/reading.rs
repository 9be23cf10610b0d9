//! What is read from a sequence.

use serde::{Deserialize, Serialize};

use crate::oriented::Oriented;

/// Fewest hexamers of a sequence in which a frame is looked for; twenty codons have 55.
pub const LEAST_HEXAMERS: usize = 55;

/// The strand that carries the codons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strand {
    /// The sequence as it stands.
    Forward,
    /// Its reverse complement.
    Reverse,
}

/// Whether a frame was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The gap is large enough: codons are read on this strand in this phase.
    InFrame,
    /// The gap is too small: the sequence is not coding, or does not say how it is read. Or the
    /// model has no codons for sequences of its GC share.
    Unclear,
    /// The sequence has fewer than [`LEAST_HEXAMERS`] hexamers.
    TooShort,
}

/// The likeliest of the six states of a sequence, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Strand of the codons.
    pub strand: Strand,
    /// Bases before the first whole codon, in the direction of the strand: 0, 1 or 2, as in GFF3.
    pub phase: u8,
    /// Log posterior of this state less that of the next best of the five other states and the two
    /// frameless alternatives, and less what a sequence gains by having been learned from
    /// ([`FrameModel::optimism`](crate::FrameModel::optimism)), in nats. It may be negative.
    pub gap: f64,
    /// Whether the frame counts as found.
    pub verdict: Verdict,
}

impl Reading {
    /// Where to read a sequence of `length` bases, the one this was read from.
    ///
    /// In frame it is the strand of the codons, and with `trim` it begins with the first whole
    /// codon, so that tokens at a stride of three bases are codons. Any other sequence is left as
    /// it is, whole and forward.
    pub fn orient(&self, length: usize, trim: bool) -> Oriented {
        if self.verdict != Verdict::InFrame {
            return Oriented { strand: Strand::Forward, start: 0, end: length };
        }
        let dropped = if trim { usize::from(self.phase).min(length) } else { 0 };
        let (start, end) = match self.strand {
            Strand::Forward => (dropped, length),
            Strand::Reverse => (0, length - dropped),
        };
        Oriented { strand: self.strand, start, end }
    }
}
