//! Masks: what was read. Any attribution method writes this table.

use crate::mask_columns::names_a_mask;
use crate::record::record;
use crate::upgrade;
use crate::vocabulary::{MethodKind, Name, Ranks, TargetKind};

record! {
    /// The mask of one window for one method and rank.
    MaskRow is a row of "masks" version 2 after 1 with upgrade::methods,
    by "mask", "attribute", "merge":
    "The mask of one window for one method and rank."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        method: Name => Category, "", "Name of the method that made the mask, such as `explainer` or `lime`.";
        method_kind: MethodKind => Category, "explainer, attribution or control", "Where the method's masks come from.";
        replicate: u32 => UInt32, "from 1", "Which of several runs of the same method it is, such as trainings with other seeds.";
        rank: Ranks => Category, "", "Rank whose prediction the mask explains, or `all`.";
        target: Option<String> => Category, "", "Taxon that was explained; null where the mask is for all ranks.";
        target_kind: TargetKind => Category, "predicted or label", "Whether the target is the classifier's own prediction or the label.";
        mask: Vec<f32> => Float32List, "0 to 1", "How much each token was read; one value per real token, CLS and padding excluded.";
        hard: Vec<bool> => FlagList, "", "Whether the token counts as read; same length as mask.";
        area: f32 => Float32, "0 to 1", "Mean of mask.";
    }
    checked by MaskRow::check_mask;
}

names_a_mask!(MaskRow);
