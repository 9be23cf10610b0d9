//! Tokenized windows: what every network reads.

use crate::record::{Broken, record};
use crate::upgrade;
use crate::vocabulary::Split;

/// Metadata key of the tokenization (alphabet, k, stride, special tokens), as JSON.
pub const KEY_TOKENIZATION: &str = "readlens.tokenization";

/// Metadata key of the model that found the reading frames of the windows, as JSON; only where they
/// were put into their frames.
pub const KEY_FRAME_MODEL: &str = "readlens.frame_model";

record! {
    /// One window of one strand of one sequence record.
    TokenRow is a row of "tokens" version 2 after 1 with upgrade::frames,
    by "tokenize", "vary", "merge":
    "One window of one strand of one sequence record."
    {
        id: String => Text, "", "Identifier of the sequence record, byte for byte up to the first white space.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, forward strand first.";
        start: u32 => UInt32, "nt, 0-based", "First base of the window in the source sequence, on the forward strand.";
        end: u32 => UInt32, "nt, half-open", "One past the last base of the window in the source sequence, on the forward strand.";
        strand: String => Category, "+ or -", "Strand that was read; on - the tokens run from end to start.";
        phase: Option<u32> => UInt32, "nt, 0 to 2", "Bases of the window before its first whole codon, in reading direction; null where no reading frame was asked for or found.";
        frame_gap: Option<f32> => Float32, "nats", "Log posterior of the best reading frame less that of its best alternative, and less what a window gains by having been learned from; null where none was asked for or the window is too short for one.";
        tokens: Vec<u32> => UInt32List, "token ids", "Token ids with the leading CLS where the tokenization has one, without padding.";
        split: Option<Split> => Category, "train, valid or test", "Split the record belongs to; null where the input names none.";
    }
    ranks taxa: "The taxon at each rank, in the order of the table's rank columns; null where unknown.";
    checked by TokenRow::check_phase;
}

impl TokenRow {
    fn check_phase(&self) -> Result<(), Broken> {
        if self.phase.is_none_or(|phase| phase <= 2) {
            return Ok(());
        }
        Err(Broken {
            expected: "a phase of 0, 1 or 2",
            found: "a larger one",
            remedy: "write the table again with readlens-tokenize",
        })
    }
}
