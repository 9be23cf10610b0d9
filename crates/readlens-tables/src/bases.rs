//! Masks on nucleotides: overlapping k-mers and frame offsets averaged onto bases.

use crate::mask_columns::names_a_mask;
use crate::record::record;
use crate::upgrade;
use crate::vocabulary::{MethodKind, Name, Ranks};

record! {
    /// The mask of one window, base by base.
    BaseRow is a row of "bases" version 2 after 1 with upgrade::methods,
    by "mask", "merge":
    "The mask of one window, base by base, in the orientation of the source sequence."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        start: u32 => UInt32, "nt, 0-based", "Base of the source sequence that the first value belongs to.";
        end: u32 => UInt32, "nt, half-open", "One past the base that the last value belongs to.";
        strand: String => Category, "+ or -", "Strand that was read; values run from start to end on either.";
        method: Name => Category, "", "Name of the method that made the mask.";
        method_kind: MethodKind => Category, "explainer, attribution or control", "Where the method's masks come from.";
        replicate: u32 => UInt32, "from 1", "Which of several runs of the same method it is.";
        rank: Ranks => Category, "", "Rank whose prediction the mask explains, or `all`.";
        mask: Vec<f32> => Float32List, "0 to 1", "Mean mask of the k-mers that cover the base, over all frame offsets; 0 where none does.";
    }
    checked by BaseRow::check_mask;
}

names_a_mask!(BaseRow);
