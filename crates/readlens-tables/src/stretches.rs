//! Stretches of a record that a mask marks, on the source sequence.

use crate::record::{Broken, record};
use crate::vocabulary::{MethodKind, Name, Ranks};

record! {
    /// One stretch: a longest run of bases whose merged mask is above the threshold.
    StretchRow is a row of "stretches" version 1, by "tracks":
    "One stretch of a record: a longest run of bases whose mask, merged over the windows, is above the threshold."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        start: u32 => UInt32, "nt, 0-based", "First base of the stretch in the source sequence.";
        end: u32 => UInt32, "nt, half-open", "One past the last base of the stretch in the source sequence.";
        strand: String => Category, "+, - or .", "Strand that the windows of the record were read from; a dot where they are of both, whose masks are merged.";
        method: Name => Category, "", "Name of the method that made the mask.";
        method_kind: MethodKind => Category, "explainer, attribution or control", "Where the method's masks come from.";
        replicate: u32 => UInt32, "from 1", "Which of several runs of the same method it is.";
        rank: Ranks => Category, "", "Rank whose prediction the mask explains, or `all`.";
        taxon: Option<String> => Category, "", "Taxon that was predicted for the record at this rank, at the last rank for `all`; null without --predictions or where none was named.";
        length: u32 => UInt32, "nt", "Bases of the stretch.";
        mean: f32 => Float32, "0 to 1", "Mean of the merged mask over the stretch.";
        peak: f32 => Float32, "0 to 1", "Largest value of the merged mask in the stretch.";
    }
    checked by StretchRow::check_bases;
}

impl StretchRow {
    fn check_bases(&self) -> Result<(), Broken> {
        let length = self.end.checked_sub(self.start);
        if length != Some(self.length) || self.length == 0 {
            return Err(Broken {
                expected: "a stretch from start to end with a length of 1 or more",
                found: "another length",
                remedy: "write the table again with readlens-tracks",
            });
        }
        if self.replicate == 0 {
            return Err(Broken {
                expected: "replicates counted from 1",
                found: "0",
                remedy: "number the runs of a method from 1",
            });
        }
        Ok(())
    }
}
