//! Masks on nucleotides: overlapping k-mers and frame offsets averaged onto bases.

use crate::record::record;

record! {
    /// The mask of one window, base by base.
    BaseRow is a row of "bases" version 1 by "mask":
    "The mask of one window, base by base, in the orientation of the source sequence."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        start: u32 => UInt32, "nt, 0-based", "Base of the source sequence that the first value belongs to.";
        end: u32 => UInt32, "nt, half-open", "One past the base that the last value belongs to.";
        strand: String => Category, "+ or -", "Strand that was read; values run from start to end on either.";
        method: String => Category, "", "Attribution method.";
        rank: String => Category, "", "Rank whose prediction the mask explains, or `all`.";
        mask: Vec<f32> => Float32List, "0 to 1", "Mean mask of the k-mers that cover the base, over all frame offsets; 0 where none does.";
    }
}
